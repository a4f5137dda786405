import { afterEach, expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Harness, standIn, startHarness, until } from "./e2e-harness.ts";

const denying = (tool: string) => `description: One tool is not for this gateway.
rules:
  - { id: tool, when: '"${tool}" in request.tool_names', then: deny, code: tool_denied, message: no ${tool} }
`;
const body = {
  model: "echo",
  messages: [{ role: "user", content: "hi" }],
  tools: [{ type: "function", function: { name: "danger", parameters: {} } }],
};

let sluice: Harness;
afterEach(async () => {
  await sluice[Symbol.asyncDispose]();
});

async function statusOf(): Promise<number> {
  const response = await sluice.post("/v1/chat/completions", body);
  await response.bytes();
  return response.status;
}

async function readiness() {
  const response = await fetch(`${sluice.url}/readyz`);
  return {
    code: response.status,
    body: (await response.json()) as { status: string; parts: { name: string; problem: string }[] },
  };
}

test("a saved policy file changes the next request's outcome in under 500 ms", async () => {
  sluice = await startHarness({ policies: { "org/tool.policy.yaml": denying("other") } });
  for (let i = 0; i < 5; i += 1) {
    const wanted = i % 2 === 0 ? 403 : 200;
    sluice.writePolicy("org/tool.policy.yaml", denying(i % 2 === 0 ? "danger" : `other${i}`));
    const from = performance.now();
    await until(async () => (await statusOf()) === wanted);
    expect(performance.now() - from).toBeLessThan(500);
  }
});

test("an atomic rename and a new file are seen like an edit", async () => {
  sluice = await startHarness({ policies: { "org/tool.policy.yaml": denying("other") } });
  const dir = join(sluice.dir, "policies", "org");
  writeFileSync(join(dir, ".tool.swp"), denying("danger"));
  renameSync(join(dir, ".tool.swp"), join(dir, "tool.policy.yaml"));
  await until(async () => (await statusOf()) === 403);
  sluice.writePolicy("org/tool.policy.yaml", denying("other"));
  await until(async () => (await statusOf()) === 200);
  mkdirSync(join(dir, "deeper"));
  writeFileSync(join(dir, "deeper", "new.policy.yaml"), denying("danger"));
  await until(async () => (await statusOf()) === 403);
});

test("a broken edit changes nothing, and /readyz and the admin API say where it is", async () => {
  sluice = await startHarness({ policies: { "org/tool.policy.yaml": denying("danger") } });
  sluice.writePolicy("org/tool.policy.yaml", denying("danger").replace("tool_names", "tool_nams"));
  const degraded = await until(async () => {
    const now = await readiness();
    return now.body.status === "degraded" && now;
  });
  expect(degraded.code).toBe(200);
  expect(degraded.body.parts[0]!.problem).toMatch(/^\S*org\/tool\.policy\.yaml:3:\d+ {2}C002$/);
  expect(await statusOf()).toBe(403);
  const current = JSON.stringify(await sluice.admin("policies/current"));
  expect(current).toContain("tool_nams");
  sluice.writePolicy("org/tool.policy.yaml", denying("other"));
  await until(async () => (await readiness()).body.status === "ready");
  expect(await statusOf()).toBe(200);
});

test("a start with broken policies answers 503 and never serves with fewer rules than were written", async () => {
  sluice = await startHarness({
    policies: { "org/good.policy.yaml": denying("danger"), "org/bad.policy.yaml": "rules: [\n" },
  });
  expect((await readiness()).code).toBe(503);
  const response = await sluice.post("/v1/chat/completions", body);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ error: { code: "not_ready" } });
  sluice.writePolicy("org/bad.policy.yaml", denying("other"));
  await until(async () => (await readiness()).body.status === "ready");
  expect(await statusOf()).toBe(403);
});

test("a running stream keeps the policies it began with, to its usage phase", async () => {
  let finish: () => void = () => undefined;
  using provider = standIn(() => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        const send = (text: string) => controller.enqueue(new TextEncoder().encode(text));
        send(
          'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
        );
        finish = () => {
          send("data: [DONE]\n\n");
          controller.close();
        };
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  });
  const noting = (code: string) => `description: Notes every call.
phase: usage
rules: [{ id: note, when: request.bytes > 0, then: warn, code: ${code}, message: noted }]
`;
  sluice = await startHarness({ upstream: provider.url, policies: { "org/note.policy.yaml": noting("before") } });
  const response = await sluice.post("/v1/chat/completions", { ...body, model: "gpt-4o", stream: true });
  const reader = response.body!.getReader();
  await reader.read();
  const began = response.headers.get("sluice-revision");

  sluice.writePolicy("org/note.policy.yaml", noting("after"));
  await until(async () => JSON.stringify(await sluice.admin("policies/current")).includes(began!) === false);
  finish();
  while (!(await reader.read()).done);

  const id = response.headers.get("sluice-request-id");
  const usage = await until(async () => {
    const { data } = (await sluice.admin(`decisions?request_id=${id}`)) as { data: Record<string, unknown>[] };
    return data.find((decision) => decision.phase === "usage");
  });
  expect(usage.revision).toBe(began);
  expect(JSON.stringify(usage)).toContain("before");
});
