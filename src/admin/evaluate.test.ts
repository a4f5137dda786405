import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { writeCounterKey } from "../core/counter-keys.ts";
import { emptyFacts } from "../core/facts.ts";
import { startTestAdmin } from "./testing.ts";

const policies = {
  "org/cap.policy.yaml": `
description: No more than 16k tokens at once.
params: { hard_cap: { type: int, default: 16000 } }
rules:
  - id: over
    when: request.max_tokens > params.hard_cap
    then: deny
    code: token_cap
    message: asked for {request.max_tokens} tokens, the cap is {params.hard_cap}
`,
  "org/trim.policy.yaml": `
scope: { env: [trimmed] }
rules: [{ id: trim, then: modify, modify: [{ op: cap, path: max_tokens, value: 50 }] }]
`,
  "org/night.policy.yaml": `
scope: { env: [night] }
rules: [{ id: late, when: clock.hour < 6, then: deny, code: at_night, message: not at night }]
`,
  "org/plan.policy.yaml": `
scope: { env: [plan] }
rules: [{ id: free, when: 'request.headers["x-plan"] == "free" && user.id == "ann"', then: warn, code: free_plan }]
`,
  "org/few.policy.yaml": "scope: { env: [few] }\nuses: rate_limit\nwith: { requests_per_minute: 2, per: [app] }\n",
};

type Body = Record<string, unknown>;
const body = { model: "echo", max_tokens: 100, messages: [{ role: "user", content: "hello" }] };

async function setUp() {
  const admin = await startTestAdmin(policies);
  const made = await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
  expect(made.status).toBe(201);
  const call = async (path: string, sent: Body, key?: string) => {
    const answer = await admin.call("POST", `/admin/v1/${path}`, { body: sent, ...(key !== undefined && { key }) });
    return { status: answer.status, ...(answer.json() as Body) } as Body & { status: number };
  };
  const evaluate = (more: Body, key?: string) => call("evaluate", { surface: "chat", app: "chat", body, ...more }, key);
  const confined = async () =>
    (
      await admin.call("POST", "/admin/v1/admin-keys", {
        body: { name: "one", role: "auditor", organisation: "default" },
      })
    ).json().key as string;
  return { admin, call, evaluate, confined, [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose]() };
}

describe("evaluate", () => {
  test("answers the decision as the gateway would record it, with what the client would be told", async () => {
    await using known = await setUp();
    const denied = await known.evaluate({ body: { ...body, max_tokens: 21_000 }, env: "prod", key: "k1" });
    expect(denied).toMatchObject({
      status: 200,
      phase: "request",
      revision: known.admin.service.live.current.revision,
      org: "default",
      env: "prod",
      key: "k1",
      surface: "chat",
      model: "echo",
      decision: "deny",
      outcome: "ok",
      code: "token_cap",
      reasons: [{ policy: "org/cap", rule: "over", message: "asked for 21000 tokens, the cap is 16000" }],
      evaluated: { decided: 1, not_applicable: 0, errors: 0 },
      facts: { "request.max_tokens": 21_000 },
      refusal: { status: 403, code: "token_cap", message: "asked for 21000 tokens, the cap is 16000", headers: {} },
      target: { provider: "echo", model: "echo" },
      modified_body: null,
      explanation: null,
    });
    expect(await known.evaluate({})).toMatchObject({ decision: "allow", refusal: null, reasons: [] });
  });

  test("looks at modifications, headers, users, time and addresses", async () => {
    await using known = await setUp();
    expect(await known.evaluate({ env: "trimmed" })).toMatchObject({
      decision: "modify",
      modifications: [{ op: "cap", path: "max_tokens", value: 50 }],
      modified_body: { ...body, max_tokens: 50 },
    });
    expect(await known.evaluate({ env: "night", at: "2026-01-31T03:00:00Z" })).toMatchObject({ code: "at_night" });
    expect(await known.evaluate({ env: "night", at: "2026-01-31T09:00:00Z" })).toMatchObject({ decision: "allow" });
    expect(await known.evaluate({ address: "2001:db8::7" })).toMatchObject({ decision: "allow" });
    const detail = "'address' is no IP address: got 'here', want one such as 192.0.2.7 or 2001:db8::7.";
    expect(await known.evaluate({ address: "here" })).toMatchObject({ status: 400, code: "invalid_input", detail });
    const warned = await known.evaluate({ env: "plan", headers: { "x-plan": "free", "sluice-user": "ann" } });
    expect(warned).toMatchObject({ decision: "warn", warnings: ["free_plan"], refusal: null });
    // As in every record, names of people stand as hashes.
    expect(warned.masked).toEqual(expect.arrayContaining(["user.id", "request.headers"]));
    expect(JSON.stringify(warned.facts)).not.toContain('"ann"');
  });

  test("explains, if it is asked to", async () => {
    await using known = await setUp();
    const { explanation } = await known.evaluate({ body: { ...body, max_tokens: 21_000 }, explain: true });
    expect(explanation).toMatchObject({
      decision: "deny",
      basis: "facts",
      closing: "Refused by org/cap (over); it would have passed with request.max_tokens (21000) at most 16000.",
    });
  });

  test("looks at limits as they stand, and takes nothing from them", async () => {
    await using known = await setUp();
    const owner = { id: "default", timeZone: "UTC" };
    for (let i = 0; i < 5; i += 1) expect(await known.evaluate({ env: "few" })).toMatchObject({ decision: "allow" });
    expect((await known.admin.counters.inspect(owner)).counters).toEqual([]);

    // As the gateway takes it, by the policy's own word of what it takes.
    const live = known.admin.service.live.current.policies.find(({ id }) => id === "org/few")!;
    const facts = emptyFacts();
    facts.app.id = String((await known.evaluate({})).app);
    const [limit] = live.limits!(facts);
    const key = writeCounterKey("default", "org/few", limit!, facts);
    const { unit, window, max, onStoreDown } = limit!;
    await known.admin.counters.reserve("req_x", owner, [{ key, unit, window, max, amount: max, onStoreDown }]);
    const refused = await known.evaluate({ env: "few" });
    expect(refused.decision).toBe("deny");
    expect(refused.refusal).toMatchObject({ status: 429, headers: { "retry-after": expect.any(String) } });
    expect((await known.admin.counters.inspect(owner)).counters).toMatchObject([{ key, used: 2, held: 2 }]);
  });

  test("leaves no trace: no record, no counter, no change of any table but the noted time of its key", async () => {
    await using known = await setUp();
    const dump = () => {
      using database = new Database(known.admin.path, { readonly: true });
      const names = database.query("select name from sqlite_master where type = 'table' order by name").all();
      return (names as { name: string }[]).map(({ name }) => [name, database.query(`select * from "${name}"`).all()]);
    };
    await known.admin.recorder.flush();
    const before = dump();
    const told: unknown[] = [];
    const follower = known.admin.activity.follow(() => true, null);
    follower.onReady(() => told.push(...follower.take()));
    const requests = ["few", "trimmed", "night", "plan", "prod"].map((env) => ({
      ...{ surface: "chat", app: "chat", env, body: { ...body, max_tokens: 21_000 } },
    }));
    await known.call("evaluate/batch", { requests, explain: true });
    for (const request of requests) await known.call("evaluate", request);
    await known.call("evaluate", {
      ...{ surface: "chat", body },
      candidate: [{ path: "org/no.policy.yaml", content: "rules: [{ id: no, then: deny }]\n" }],
    });
    await known.admin.recorder.flush();
    expect(dump()).toEqual(before);
    expect(known.admin.recorder.dropped).toEqual({ usage: 0, decision: 0 });
    expect((await known.admin.counters.inspect({ id: "default", timeZone: "UTC" })).counters).toEqual([]);
    expect(told).toEqual([]);
  });

  test("asks candidates in the place of live policies, and they are never live", async () => {
    await using known = await setUp();
    const { revision, policies: live } = known.admin.service.live.current;
    const candidate = [
      { path: "org/cap.policy.yaml", content: null },
      { path: "policies/org/no.cel", content: '//! deny: no_echo 403 "no echo"\nrequest.model != "echo"\n' },
      { path: "db/odd", content: "rules: [{ id: odd, then: warn, code: odd }]\n" },
    ];
    const judged = await known.evaluate({ body: { ...body, max_tokens: 21_000 }, candidate, explain: true });
    expect(judged).toMatchObject({ status: 200, decision: "deny", code: "no_echo" });
    expect((judged.reasons as Body[]).map(({ policy }) => policy)).toEqual(["org/no", "db/odd"]);
    expect(judged.revision).not.toBe(revision);
    expect(known.admin.service.live.current.policies).toBe(live);
    expect(await known.evaluate({ body: { ...body, max_tokens: 21_000 } })).toMatchObject({ code: "token_cap" });
  });

  test.each([
    ["what does not compile", "org/bad.policy.yaml", "rules: [{ id: a, when: vars.x, then: deny }]\n", "C002"],
    ["TypeScript, which would have to be run", "org/run.policy.ts", "throw new Error('ran');\n", "C028"],
    ["what would run beside it", "org/run.ts", "throw new Error('ran');\n", "C028"],
    ["what is no policy", "org/readme.md", "hello", "C029"],
    ["a database policy that does not fit", "db/odd", "rules: [{ id: a, when: 1 +, then: deny }]\n", "C"],
  ])("refuses as a candidate %s", async (_, path, content, code) => {
    await using known = await setUp();
    const refused = await known.evaluate({ candidate: [{ path, content }] });
    expect([refused.status, refused.code]).toEqual([422, "policy_refused"]);
    expect((refused.problems as Body[])[0]!.code).toStartWith(code);
  });

  test("judges a batch in its order, by one set, and goes on where one of it is not right", async () => {
    await using known = await setUp();
    const requests = [
      { surface: "chat", body },
      { surface: "chat", body: { ...body, model: "nobody-serves-this" } },
      { surface: "chat", app: "nobody", body },
      { surface: "chat", app: "chat", env: "trimmed", body },
      { surface: "chat", body: { ...body, max_tokens: 21_000 } },
      { surface: "chat", body: { model: "echo" } },
    ];
    const { status, counts, data } = await known.call("evaluate/batch", { requests });
    expect([status, counts]).toEqual([200, { allow: 1, warn: 0, modify: 1, deny: 1, failed: 3 }]);
    type Entry = { decision: Body | null; problem: Body | null };
    expect((data as Entry[]).map(({ decision, problem }) => decision?.decision ?? problem?.code)).toEqual([
      "allow",
      "model_not_found",
      "not_found",
      "modify",
      "deny",
      "invalid_request",
    ]);
  });

  test("takes at most 100 requests in a batch, and at least one", async () => {
    await using known = await setUp();
    const requests = (count: number) => ({
      requests: Array.from({ length: count }, () => ({ surface: "chat", body })),
    });
    expect(await known.call("evaluate/batch", requests(100))).toMatchObject({ counts: { allow: 100 } });
    expect(await known.call("evaluate/batch", requests(101))).toMatchObject({ status: 400, code: "invalid_input" });
    expect(await known.call("evaluate/batch", requests(0))).toMatchObject({ status: 400, code: "invalid_input" });
  });

  test("is confined to an operator's organisation, which may not bring candidates", async () => {
    await using known = await setUp();
    const key = await known.confined();
    const made = await known.admin.call("POST", "/admin/v1/organisations", { body: { name: "Rivals" } });
    const organisation = made.json().id as string;
    await known.admin.call("POST", "/admin/v1/applications", { body: { name: "theirs", organisation } });
    expect(await known.evaluate({ app: "theirs" })).toMatchObject({ status: 200, org: organisation });
    expect(await known.evaluate({ app: "theirs" }, key)).toMatchObject({ status: 404, code: "not_found" });
    expect(await known.evaluate({}, key)).toMatchObject({ status: 200, org: "default" });
    const theirs = await known.admin.call("POST", "/admin/v1/keys", { body: { application: "theirs" } });
    const id = theirs.json().id as string;
    const content = `scope: { keys: ["${id}"] }\nrules: [{ id: no, then: deny, message: theirs alone }]\n`;
    await known.admin.call("POST", "/admin/v1/policies", { body: { id: "db/theirs", content } });
    expect(await known.evaluate({ key: id })).toMatchObject({ status: 200, decision: "deny" });
    for (const one of [id, "nobodys"]) {
      expect(await known.evaluate({ key: one }, key)).toMatchObject({ status: 404, code: "not_found" });
      expect(await known.evaluate({ key: one, app: undefined }, key)).toMatchObject({ status: 404, code: "not_found" });
    }
    const own = await known.admin.call("POST", "/admin/v1/keys", { body: { application: "chat" } });
    expect(await known.evaluate({ key: own.json().id }, key)).toMatchObject({ status: 200, decision: "allow" });
    const candidate = [{ path: "org/no.policy.yaml", content: "rules: [{ id: no, then: deny }]\n" }];
    expect(await known.evaluate({ candidate }, key)).toMatchObject({ status: 403, code: "insufficient_scope" });
  });
});
