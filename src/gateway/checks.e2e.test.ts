import { afterEach, expect, test } from "bun:test";
import { wordless } from "../core/coverage.ts";
import { surfaces } from "../core/phases.ts";
import { type Harness, startHarness, until } from "./e2e-harness.ts";

const hello = { model: "echo", messages: [{ role: "user", content: "hello" }] };
const denying = "rules: [{ id: all, when: request.message_count > 0, then: deny, code: no }]\n";

let sluice: Harness;
afterEach(() => sluice[Symbol.asyncDispose]());

async function readiness() {
  const answer = await fetch(`${sluice.url}/readyz`);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

test("what is probably not meant is told and enforced all the same, and the gateway is ready", async () => {
  const policies = { "org/a.policy.yaml": `params: { cap: { type: int, default: 5 } }\n${denying}` };
  sluice = await startHarness({ policies });
  expect((await sluice.post("/v1/chat/completions", hello)).status).toBe(403);
  expect(await readiness()).toEqual({ status: 200, body: { status: "ready", parts: [] } });
  const where = "policies/org/a.policy.yaml:1:11  C073  warning: the param 'cap' is not used";
  expect(await sluice.admin("status")).toMatchObject({
    status: "ready",
    parts: expect.arrayContaining([{ name: "policies", state: "warnings", detail: expect.stringContaining(where) }]),
  });
  expect(await sluice.admin("policies/current")).toMatchObject({
    state: "ready",
    warnings: [{ code: "C073", line: 1 }],
  });

  sluice.writePolicy("org/a.policy.yaml", denying);
  await until(async () => {
    const { warnings } = (await sluice.admin("policies/current")) as { warnings: object[] };
    return warnings.length === 0 ? true : undefined;
  });
  const { status, parts } = (await sluice.admin("status")) as {
    status: string;
    parts: { name: string; state: string }[];
  };
  expect([status, ...parts.map(({ name, state }) => `${name} ${state}`)]).toEqual([
    "ready",
    ...["policies", "database", "replicas", "upstream", "records"].map((name) => `${name} ready`),
  ]);
});

test("a policy that reads a header is enforced where the setting lets it, and refused where it would fail every request", async () => {
  const policies = {
    "org/a.policy.yaml":
      "rules: [{ when: 'has(request.headers.plan) && request.headers.plan == \"free\"', then: deny, code: free_plan }]\n",
  };
  sluice = await startHarness({ policies, config: { policy_headers: ["Plan"] } });
  expect((await sluice.post("/v1/chat/completions", hello, { plan: "free" })).status).toBe(403);
  expect((await sluice.post("/v1/chat/completions", hello)).status).toBe(200);
  await sluice[Symbol.asyncDispose]();

  sluice = await startHarness({ policies });
  expect((await readiness()).status).toBe(503);
  expect(await sluice.admin("policies/current")).toMatchObject({
    state: "invalid",
    problems: [
      {
        code: "C068",
        line: 1,
        column: 22,
        message:
          "the header 'plan' is none that policies may read; add 'plan' to the setting policy_headers, which has none",
      },
    ],
  });
});

test("what an exception keeps from its effect is counted, by exception", async () => {
  sluice = await startHarness({
    policies: {
      "org/a.policy.yaml": denying,
      "org/demo.exception.yaml":
        "policy: org/a\nrule: all\nscope: { apps: [demo] }\nowner: platform\nreason: r\nexpires: 2099-01-01\n",
      "org/other.exception.yaml":
        "policy: org/a\nscope: { apps: [other] }\nowner: platform\nreason: r\nexpires: 2099-01-01\n",
    },
  });
  for (let i = 0; i < 2; i += 1) expect((await sluice.post("/v1/chat/completions", hello)).status).toBe(200);
  expect(await sluice.admin("exceptions")).toMatchObject({
    data: [
      { id: "org/demo", hits: 2 },
      { id: "org/other", hits: 0 },
    ],
  });
  const metrics = await (await fetch(`${sluice.url}/metrics`)).text();
  expect(metrics).toContain('sluice_policy_overrides_total{kind="exception",override="org/demo",policy="org/a"} 2');
});

test("every live policy has its place in the coverage", async () => {
  sluice = await startHarness();
  const cells = surfaces.flatMap((surface) => [
    { surface, stream: false, state: "enforced" },
    { surface, stream: true, state: wordless.has(surface) ? "not_asked" : "enforced" },
  ]);
  expect(await sluice.admin("policies/coverage")).toMatchObject({
    data: [{ policy: "org/size", cells }],
    next: null,
  });
});
