import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { type Harness, startHarness, until } from "./e2e-harness.ts";

const policies = {
  "org/cap.policy.yaml": `
rules:
  - { id: over, when: request.max_tokens > 200, then: deny, code: token_cap, message: "asked for {request.max_tokens}" }
  - { id: much, when: request.max_tokens > 100, then: warn, code: much }
`,
  "org/trim.policy.yaml": `
match: [request.stream == false]
rules: [{ id: trim, when: request.max_tokens > 50, then: modify, modify: [{ op: cap, path: max_tokens, value: 50 }] }]
`,
  "org/tokens.policy.yaml":
    "rules: [{ id: long, when: request.estimated_tokens > 40, then: deny, code: too_long, message: too long }]\n",
  "org/words.policy.yaml":
    "uses: regex_guard\nwith: { patterns: [{ name: word, pattern: forbidden }], action: deny }\n",
  "org/odd.policy.yaml":
    "onError: warn\nrules: [{ id: odd, when: 100 / (request.max_tokens - 7) > 1000, then: deny }]\n",
  "org/pace.policy.yaml": "uses: rate_limit\nwith: { requests_per_minute: 12, per: [env] }\n",
};

let sluice: Harness;
beforeAll(async () => {
  sluice = await startHarness({ policies, config: { record_facts_percent: 100 } });
  expect(sluice.running.readiness()).toEqual({ status: "ready", parts: [] });
});
afterAll(() => sluice[Symbol.asyncDispose]());

const requests = fc.record({
  model: fc.constantFrom("echo", "echo-2"),
  max_tokens: fc.integer({ min: 1, max: 260 }),
  stream: fc.boolean(),
  messages: fc.array(
    fc.record({
      role: fc.constantFrom("user", "assistant"),
      content: fc.constantFrom("hello", "this is forbidden", "long ".repeat(50), "what is 2 + 2?"),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

/** What must be the same: all but what tells one request from another, and the moment. */
function comparable(decision: Record<string, unknown>) {
  const { phase, revision, org, app, env, surface, model, outcome, code, reasons, modifications } = decision;
  const { evaluated, facts, masked, nondeterministic } = decision;
  const { now: _, ...told } = (nondeterministic ?? {}) as Record<string, unknown>;
  return {
    ...{ phase, revision, org, app, env, surface, model, outcome, code, reasons, modifications, evaluated },
    ...{ facts, masked, told, decision: decision.decision },
  };
}

test("what evaluate says of a request is what the gateway then decides and records of it, limits included", async () => {
  const { data: apps } = (await sluice.admin("applications")) as { data: { id: string }[] };
  const seen = new Set<unknown>();
  await fc.assert(
    fc.asyncProperty(requests, async (body) => {
      const asked = { surface: "chat", app: apps[0]!.id, env: "dev", body };
      const said = await sluice.admin("evaluate", { method: "POST", body: asked });
      const answer = await sluice.post("/v1/chat/completions", body);
      await answer.text();
      if (said.decision === undefined) {
        expect([said.status, answer.status]).toEqual([answer.status, said.status]);
        return;
      }
      const id = answer.headers.get("sluice-decision-id");
      const made = await until(async () => {
        const { data } = (await sluice.admin(`decisions?decision_id=${id}`)) as { data: Record<string, unknown>[] };
        return data[0];
      });
      // A minute may have begun between the two, in which a limit has room again.
      const paced = [said, made].filter(({ code }) => code === "rate_limited" || code === "requests").length === 1;
      if (paced) return;
      seen.add(said.code);
      expect(comparable({ ...said, key: "" })).toEqual(comparable({ ...made, key: "" }));
      const { refusal } = said as { refusal: { status: number } | null };
      expect(refusal?.status ?? 200).toBe(answer.status);
    }),
    { numRuns: 60, seed: 6 },
  );
  // It would be little to say of requests that all pass.
  expect(seen.size).toBeGreaterThanOrEqual(4);
}, 60_000);

test("evaluate says what keys and environments are held to, as the gateway does", async () => {
  const { data: apps } = (await sluice.admin("applications")) as { data: { id: string }[] };
  const app = apps[0]!.id;
  await sluice.admin(`applications/${app}/configs/held`, { method: "PUT", body: { models: ["echo"] } });
  const mint = (body: object) =>
    sluice.admin("keys", { method: "POST", body: { application: app, env: "held", ...body } }) as Promise<{
      id: string;
      key: string;
    }>;
  const plain = await mint({});
  const held = await mint({ surfaces: ["chat"], models: ["echo*"] });
  const elsewhere = await mint({ networks: ["192.0.2.0/24"] });
  const message = { messages: [{ role: "user", content: "hello" }], max_tokens: 10 };
  const cases = [
    [plain, "chat", "echo", ""],
    [plain, "chat", "echo-2", "model_not_allowed"],
    [held, "chat", "echo", ""],
    [held, "messages", "echo", "surface_not_allowed"],
    [elsewhere, "chat", "echo", "network_not_allowed"],
  ] as const;
  for (const [key, surface, model, code] of cases) {
    const body = { model, ...message };
    const asked = { surface, app, env: "held", key: key.id, address: "127.0.0.1", body };
    const said = await sluice.admin("evaluate", { method: "POST", body: asked });
    const path = surface === "chat" ? "/v1/chat/completions" : "/v1/messages";
    const answer = await sluice.post(path, body, { authorization: `Bearer ${key.key}` });
    expect([said.code, answer.status]).toEqual([code, code === "" ? 200 : 403]);
    expect(await answer.text()).toContain(code);
  }
  // Where it would come from is looked at only if it is said.
  const unsaid = { surface: "chat", app, env: "held", key: elsewhere.id, body: { model: "echo", ...message } };
  expect(await sluice.admin("evaluate", { method: "POST", body: unsaid })).toMatchObject({ decision: "allow" });
}, 60_000);
