import { afterEach, expect, test } from "bun:test";
import { type Harness, startHarness, until } from "./e2e-harness.ts";

const long = { model: "echo", messages: [{ role: "user", content: "x".repeat(500) }] };
const short = { model: "echo", messages: [{ role: "user", content: "hello" }] };
const cap = `
description: Bodies are small.
params: { most: { type: int, default: 300, min: 100, max: 1000, tunable: true } }
rules:
  - { id: large, when: request.bytes > params.most, then: deny, code: too_large, message: "more than {params.most}" }
`;

let sluice: Harness;
afterEach(() => sluice[Symbol.asyncDispose]());

async function start(policies: Record<string, string> = { "org/cap.policy.yaml": cap }) {
  sluice = await startHarness({ policies });
  return sluice;
}

async function chat(body: object, headers?: Record<string, string>) {
  const answer = await sluice.post("/v1/chat/completions", body, headers);
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, json: () => JSON.parse(text) };
}

async function decisionOf(headers: Headers) {
  const id = headers.get("sluice-request-id");
  const { data } = (await sluice.admin(`decisions?request_id=${id}`)) as { data: Record<string, unknown>[] };
  return data.find(({ phase }) => phase === "request")!;
}

async function metric(name: string): Promise<string[]> {
  const text = await (await fetch(`${sluice.url}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(`${name}{`));
}

test("a break-glass lets one class of requests through until it is ended, and is seen wherever it had its effect", async () => {
  await start();
  expect((await chat(long)).json().error.code).toBe("too_large");

  const { id } = await sluice.admin("break-glass", {
    method: "POST",
    body: { policy: "org/cap", rule: "large", scope: { models: ["echo"] }, reason: "incident 4711", ttl_seconds: 600 },
  });
  const passed = await chat(long);
  expect(passed.status).toBe(200);
  expect(await decisionOf(passed.headers)).toMatchObject({
    decision: "allow",
    reasons: [{ policy: "org/cap", rule: "large", effect: "allow", would: "deny", override: `break-glass:${id}` }],
  });
  // Other requests are judged as ever.
  const other = await chat({ ...long, model: "gpt-4o" });
  expect([other.status, other.json().error.code]).toEqual([403, "too_large"]);

  const effective = (await sluice.admin("policies/effective?app=demo")) as { data: Record<string, unknown>[] };
  expect(effective.data).toMatchObject([{ id: "org/cap", break_glass: [{ id, rule: "large" }] }]);
  const status = (await sluice.admin("status")) as { parts: object[] };
  expect(status.parts).toContainEqual({
    name: "break-glass",
    state: "active",
    detail: expect.stringContaining("incident 4711"),
  });
  expect(await metric("sluice_policy_overrides_total")).toEqual([
    `sluice_policy_overrides_total{kind="break_glass",override="${id}",policy="org/cap"} 1`,
  ]);
  expect(await metric("sluice_overrides_open")).toContain('sluice_overrides_open{kind="break_glass"} 1');

  await sluice.admin(`break-glass/${id}`, { method: "DELETE" });
  expect((await chat(long)).status).toBe(403);
  expect(await metric("sluice_overrides_open")).toContain('sluice_overrides_open{kind="break_glass"} 0');
});

test("a break-glass ends by itself", async () => {
  await start();
  const body = { policy: "org/cap", reason: "a second", ttl_seconds: 1 };
  const { id } = await sluice.admin("break-glass", { method: "POST", body });
  expect((await chat(long)).status).toBe(200);
  await until(async () => (await chat(long)).status === 403);
  await until(async () => ((await sluice.admin(`break-glass/${id}`)) as { state: string }).state === "expired");
  await until(async () => (await metric("sluice_overrides_expired_total")).length > 0);
});

test("a break-glass from a limit lets requests pass that have no room left, and counts them where there is", async () => {
  await start({ "org/rate.policy.yaml": "uses: rate_limit\nwith: { requests_per_minute: 1 }\n" });
  expect((await chat(short)).status).toBe(200);
  expect((await chat(short)).status).toBe(429);
  const body = { policy: "org/rate", reason: "launch day", ttl_seconds: 600 };
  const { id } = await sluice.admin("break-glass", { method: "POST", body });
  const passed = await chat(short);
  expect(passed.status).toBe(200);
  expect(await decisionOf(passed.headers)).toMatchObject({
    reasons: [{ policy: "org/rate", would: "deny", effect: "allow", override: `break-glass:${id}` }],
  });
  await sluice.admin(`break-glass/${id}`, { method: "DELETE" });
  expect((await chat(short)).status).toBe(429);
});

test("maintenance refuses in the shape of the surface, with 503 and the time to come back", async () => {
  await start();
  const body = { message: "back at noon", reason: "upgrade", ttl_seconds: 120 };
  await sluice.admin("maintenance", { method: "PUT", body });
  const refused = await chat(short);
  expect(refused.status).toBe(503);
  const wait = Number(refused.headers.get("retry-after"));
  expect(wait > 110 && wait <= 120).toBe(true);
  expect(refused.json().error).toMatchObject({
    message: "back at noon",
    code: "maintenance",
    type: "policy_denied",
    sluice: { policy: "_maintenance", rule: "maintenance" },
  });
  // What a policy would refuse as well is told to come back all the same.
  expect((await chat(long)).status).toBe(503);
  const anthropic = await sluice.post("/v1/messages", { ...short, max_tokens: 5 });
  expect([anthropic.status, await anthropic.json()]).toMatchObject([
    503,
    { type: "error", error: { message: "back at noon" } },
  ]);
  const status = (await sluice.admin("status")) as { parts: object[] };
  expect(status.parts).toContainEqual({ name: "maintenance", state: "active", detail: expect.any(String) });

  await sluice.admin("maintenance", { method: "PUT", body: { ...body, scope: { env: ["staging"] } } });
  expect((await chat(short)).status).toBe(200);
  await sluice.admin("maintenance", { method: "DELETE" });
  expect((await chat(short)).status).toBe(200);
});

test("a database policy is enforced on the next request, and so is each change of it", async () => {
  await start();
  const id = "db/no-echo";
  const content = "rules: [{ id: echo, when: request.model == 'echo', then: deny, code: no_echo }]";
  await sluice.admin("policies", { method: "POST", body: { id, content } });
  const refused = await chat(short);
  expect(refused.json().error).toMatchObject({ code: "no_echo", sluice: { policy: id } });
  await sluice.admin(`policies/${id}/disable`, { method: "POST" });
  expect((await chat(short)).status).toBe(200);
  await sluice.admin(`policies/${id}/enable`, { method: "POST" });
  expect((await chat(short)).status).toBe(403);
  await sluice.admin(`policies/${id}/mode`, { method: "PUT", body: { mode: "warn" } });
  const warned = await chat(short);
  expect([warned.status, warned.headers.get("sluice-warnings")]).toEqual([200, "no_echo"]);
});

test("a database policy neither raises a request above git's cap nor routes it elsewhere than git does", async () => {
  await start({
    "org/most.policy.yaml":
      "rules: [{ id: most, when: request.max_tokens_requested > 100, then: deny, code: too_many }]",
    "org/route.policy.yaml": "uses: model_route\nwith: { routes: [{ from: [echo], to: gpt-4o-mini }] }\n",
  });
  const create = (id: string, content: string) => sluice.admin("policies", { method: "POST", body: { id, content } });
  await create(
    "db/elsewhere",
    "priority: 999\nscope: { models: [echo] }\nrules: [{ then: modify, modify: [{ op: route, path: model, value: gpt-4o }] }]",
  );
  const routed = await chat({ ...short, max_tokens: 5 });
  expect([routed.status, routed.headers.get("sluice-model")]).toEqual([200, "gpt-4o-mini"]);
  await create("db/more", "rules: [{ then: modify, modify: [{ op: set, path: max_tokens, value: 5000 }] }]");
  const refused = await chat({ ...short, max_tokens: 5 });
  expect([refused.status, refused.json().error?.code]).toEqual([403, "too_many"]);
});

test("a param that is tuned within its bounds works for whom it was tuned, and out of bounds is refused", async () => {
  await start();
  expect((await chat(long)).status).toBe(403);
  const path = "policies/org/cap/params";
  await sluice.admin(path, { method: "PUT", body: { params: { most: 900 }, application: "demo" } });
  expect((await chat(long)).status).toBe(200);
  const refused = await sluice.admin(path, { method: "PUT", body: { params: { most: 1001 }, application: "demo" } });
  expect(refused).toMatchObject({ status: 422, problems: [{ code: "C061" }] });
  expect(refused.detail).toContain("accepted: 100 to 1000");
  expect((await chat(long)).status).toBe(200);
  await sluice.admin(path, { method: "PUT", body: { params: {}, application: "demo" } });
  expect((await chat(long)).status).toBe(403);
});

test("a param with which a policy cannot be compiled is refused", async () => {
  const pattern = `
params: { pattern: { type: string, default: "^gpt", tunable: true } }
rules: [{ when: "re.matches(request.model, params.pattern)", then: deny }]
`;
  await start({ "org/pattern.policy.yaml": pattern });
  const body = { params: { pattern: "(" } };
  const refused = await sluice.admin("policies/org/pattern/params", { method: "PUT", body });
  expect(refused).toMatchObject({ status: 422, problems: [{ code: "C061" }] });
});

test("a policy that is attached to an application applies to it from the next request on", async () => {
  await start({ "apps/other/cap.policy.yaml": cap });
  expect((await chat(long)).status).toBe(200);
  const attached = await sluice.admin("applications/demo/policies", {
    method: "POST",
    body: { policy: "apps/other/cap", params: { most: 200 } },
  });
  expect(attached).toMatchObject({ application: "demo" });
  const refused = await chat(long);
  expect(refused.json().error.message).toBe("more than 200");
});

test("what was laid over git is in force again after a restart", async () => {
  await start();
  await sluice.admin("policies/org/cap/params", { method: "PUT", body: { params: { most: 900 } } });
  const revision = (await chat(long)).headers.get("sluice-revision");
  await sluice.running.close(0);
  const again = await restart(sluice.dir);
  try {
    const answer = await fetch(`${again.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${sluice.key}`, "content-type": "application/json" },
      body: JSON.stringify(long),
    });
    await answer.bytes();
    expect([answer.status, answer.headers.get("sluice-revision")]).toEqual([200, revision]);
  } finally {
    await again.close(0);
  }
});

async function restart(dir: string) {
  const { loadConfig } = await import("../config.ts");
  const { startSluice } = await import("../main.ts");
  const argv = [
    "--port",
    "0",
    "--policies-dir",
    `${dir}/policies`,
    "--data-dir",
    `${dir}/data`,
    "--log-level",
    "silent",
  ];
  return startSluice(loadConfig({ argv, env: {}, cwd: process.cwd() }));
}
