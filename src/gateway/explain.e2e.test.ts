import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Harness, type HarnessOptions, standIn, startHarness, until } from "./e2e-harness.ts";

const answer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 8, completion_tokens: 30, total_tokens: 38 },
};
const provider = standIn(() => Response.json(answer));

interface Explained {
  readonly decision: string;
  readonly basis: string;
  readonly notes: readonly string[];
  readonly differences: readonly string[];
  readonly closing: string;
  readonly steps: readonly {
    readonly step: string;
    readonly model: string;
    readonly policies: readonly {
      readonly policy: string;
      readonly outcome: string;
      readonly note?: string;
      readonly variables: readonly unknown[];
      readonly gates: readonly (readonly unknown[])[];
      readonly rules: readonly Record<string, unknown>[];
    }[];
  }[];
}

let sluice: Harness;
afterEach(() => sluice[Symbol.asyncDispose]());

async function start(policies: Record<string, string>, config: HarnessOptions["config"] = {}): Promise<void> {
  sluice = await startHarness({ policies, upstream: provider.url, config });
}

/** Makes a call and answers how it ended, and why each of its phases was decided so. */
async function ask(body: object, headers: Record<string, string> = {}) {
  const chat = { model: "gpt-4o", messages: [{ role: "user", content: "hello there" }], ...body };
  const response = await sluice.post("/v1/chat/completions", chat, headers);
  const json = (await response.json()) as {
    error?: { message: string; sluice: { decision_id: string } };
  };
  const id = json.error?.sluice.decision_id ?? response.headers.get("sluice-decision-id")!;
  const message = json.error?.message;
  return { status: response.status, id, message, request: response.headers.get("sluice-request-id") };
}

/** A decision is there to be explained when its call has ended. */
async function explain(id: string): Promise<Explained> {
  return until(async () => {
    const explained = await sluice.admin(`explain/${id}`);
    return explained.status !== 404 && (explained as unknown as Explained);
  });
}

const cap = `
description: A cap.
match: [request.stream == false]
params: { cap: { type: int, default: 100, min: 1, max: 1000, tunable: true } }
variables: { asked: request.estimated_tokens + request.max_tokens }
rules:
  - { id: over, when: vars.asked > params.cap, then: deny, code: token_cap, message: 'asked for {vars.asked}, the cap is {params.cap}' }
`;

describe("a refusal", () => {
  test("is explained by the decision id that it carries", async () => {
    await start({ "org/cap.policy.yaml": cap });
    const { status, id } = await ask({ max_tokens: 500 }, { "sluice-user": "ann" });
    expect(status).toBe(403);
    const explained = await explain(id);
    const [{ policies }] = explained.steps as [Explained["steps"][number]];
    const asked = (policies[0]!.variables[0] as { value: string }).value;
    expect(asked).toMatch(/^5\d\d$/);
    expect(policies[0]).toMatchObject({
      policy: "org/cap",
      outcome: "decided",
      gates: [
        [
          { depth: 0, text: "request.stream == false", value: "true" },
          { depth: 1, value: "false" },
        ],
      ],
      variables: [{ name: "asked", value: asked }],
    });
    expect(policies[0]!.rules).toEqual([
      {
        rule: "over",
        effect: "deny",
        outcome: "fired",
        says: "when",
        clauses: [
          { depth: 0, text: "vars.asked > params.cap", start: 0, end: 23, value: "true" },
          { depth: 1, text: "vars.asked", start: 0, end: 10, value: asked },
          { depth: 1, text: "params.cap", start: 13, end: 23, value: "100" },
        ],
        message: `asked for ${asked}, the cap is 100`,
        passes: `vars.asked (${asked}) at most 100`,
      },
    ]);
    expect(explained).toMatchObject({
      decision: "deny",
      basis: "facts",
      differences: [],
      closing: `Refused by org/cap (over); it would have passed with vars.asked (${asked}) at most 100.`,
    });
    expect(await explain(id)).toEqual(explained);
    // No word of the prompt is in it, or in the record.
    const records = await sluice.admin(`decisions?decision_id=${id}`);
    expect(JSON.stringify([explained, records])).not.toMatch(/hello|there|ann/);
    expect(records.data).toMatchObject([
      {
        facts: { "request.max_tokens": 500, "request.stream": false },
        nondeterministic: { "request.estimated_tokens": Number(asked) - 500 },
      },
    ]);
  });

  test("shows no fact that the manifest has masked, in the record, its message or its explanation", async () => {
    await start({
      "sluice.yaml": "masked: [request.source_ip]\n",
      "org/here.policy.yaml": `description: Not from this machine.
rules:
  - { id: here, when: request.source_ip.startsWith("127."), then: deny, code: not_here, message: "not from {request.source_ip}" }
`,
    });
    const { status, id, message } = await ask({});
    expect([status, message]).toEqual([403, expect.stringContaining("not from 127.0.0.1")]);
    const explained = await explain(id);
    const records = await sluice.admin(`decisions?decision_id=${id}`);
    expect(records.data).toMatchObject([
      {
        decision: "deny",
        code: "not_here",
        masked: ["request.source_ip"],
        reasons: [{ message: expect.stringMatching(/^not from [0-9a-f]{32}$/) }],
      },
    ]);
    expect(explained).toMatchObject({
      decision: "deny",
      differences: [],
      notes: ["masked in the record: request.source_ip", expect.stringContaining("org/here")],
    });
    expect(JSON.stringify([records, explained])).not.toContain("127.0.0.1");
  });

  test("of what nobody asked for is not found", async () => {
    await start({ "org/cap.policy.yaml": cap });
    for (const id of ["nope", "dec_1_request", "dec__request"]) {
      expect(await sluice.admin(`explain/${id}`)).toMatchObject({ status: 404, code: "not_found" });
    }
  });

  test("by a limit is explained by what its counter said", async () => {
    await start({
      "org/rate.policy.yaml": "uses: rate_limit\nwith: { per: [user], windows: [{ every: day, requests: 1 }] }\n",
    });
    const first = await ask({}, { "sluice-user": "ann" });
    const second = await ask({}, { "sluice-user": "ann" });
    expect([first.status, second.status]).toEqual([200, 429]);
    const explained = await explain(second.id);
    expect(explained.differences).toEqual([]);
    expect(explained.closing).toMatch(
      /^Refused by org\/rate \(\w+\); it would have passed with room for 1 request in requests\/day \(1 of 1 used\), \d+ s later at the earliest\.$/,
    );
  });
});

describe("a modified request", () => {
  test("is explained as it came and as it was modified", async () => {
    await start({
      "org/trim.policy.yaml":
        "rules: [{ id: trim, when: request.max_tokens > 50, then: modify, modify: [{ op: cap, path: max_tokens, value: 50 }] }]\n",
      "org/still.policy.yaml":
        "rules: [{ id: still, when: request.max_tokens > 20, then: warn, code: still_much, recheck: true }]\n",
      "org/rate.policy.yaml": "uses: rate_limit\nwith: { windows: [{ every: day, tokens: 10000 }] }\n",
    });
    const { status, id } = await ask({ max_tokens: 500 });
    expect(status).toBe(200);
    const { steps, differences, closing } = await explain(id);
    expect(differences).toEqual([]);
    expect(steps.map(({ step, policies }) => [step, policies.map(({ policy }) => policy)])).toEqual([
      ["asked", ["org/still", "org/trim"]],
      ["modified", ["org/rate", "org/still"]],
    ]);
    const value = ({ policies }: Explained["steps"][number]) =>
      policies.find(({ policy }) => policy === "org/still")!.rules[0]!.clauses as { value: string }[];
    expect(steps.map((step) => value(step)[1]!.value)).toEqual(["500", "50"]);
    expect(steps[1]!.policies[0]!.note).toBe("its limits had room");
    expect(closing).toBe(
      "Passed, modified by org/trim (trim); it would have gone on as it came with request.max_tokens (500) at most 50.",
    );
  });

  test("is explained for each model that it was routed to", async () => {
    await start({
      "org/route.policy.yaml":
        "scope: { models: [gpt-4o] }\nrules: [{ id: to, when: request.max_tokens > 50, then: modify, modify: [{ op: route, path: model, value: gpt-4o-mini }] }]\n",
      "org/mini.policy.yaml":
        "scope: { models: [gpt-4o-mini] }\nrules: [{ id: most, when: request.max_tokens > 100, then: deny }]\n",
    });
    const { status, id } = await ask({ max_tokens: 500 });
    expect(status).toBe(403);
    const { steps, differences, closing } = await explain(id);
    expect(differences).toEqual([]);
    expect(steps.map(({ step, model, policies }) => [step, model, policies.map(({ policy }) => policy)])).toEqual([
      ["asked", "gpt-4o", ["org/route"]],
      ["routed", "gpt-4o-mini", ["org/mini"]],
    ]);
    expect(closing).toStartWith(
      "Refused by org/mini (most); it would have passed with request.max_tokens (500) at most 100",
    );
  });
});

describe("a request that nothing fired for", () => {
  test("is told by how many policies decided, unless what the rules read is kept of such requests too", async () => {
    await start({ "org/cap.policy.yaml": cap });
    const plain = await explain((await ask({ max_tokens: 5 })).id);
    expect(plain).toMatchObject({ decision: "allow", basis: "reasons", steps: [] });
    expect(plain.closing).toBe("Passed: 1 policy decided, and nothing refused it.");
    await sluice[Symbol.asyncDispose]();

    const wide = cap.replace("default: 100", "default: 1000");
    await start({ "org/cap.policy.yaml": wide }, { record_facts_percent: 100 });
    const kept = await explain((await ask({ max_tokens: 5 })).id);
    expect(kept).toMatchObject({
      basis: "facts",
      differences: [],
      closing: "Passed: 1 policy decided, and none of their rules fired.",
    });
    expect(kept.steps[0]!.policies[0]!.rules).toMatchObject([{ rule: "over", outcome: "quiet" }]);
    // An upper bound of the tokens was enough to decide.
    expect(kept.notes).toEqual(["request.estimated_tokens: an upper bound, which was enough to decide"]);
  });
});

describe("a decision in a later phase", () => {
  test("is explained by what was known then", async () => {
    await start({
      "org/answer.policy.yaml":
        "phase: response\nrules: [{ id: long, when: usage.completion_tokens > 20, then: deny, code: too_long }]\n",
      "org/usage.policy.yaml": "phase: usage\nrules: [{ id: much, when: usage.total_tokens > 10, then: warn }]\n",
      "org/twice.policy.ts": `import { definePolicy } from "../../src/sdk/index.ts";
export default definePolicy({
  description: "Remembers.",
  reads: ["request.max_tokens", "usage.completion_tokens"],
  state: () => ({ asked: 0 }),
  request({ request, state }) { state.asked = request.max_tokens; return null; },
  response({ usage, state }) {
    if (usage.completion_tokens <= state.asked) return null;
    return { decision: "deny", code: "more_than_asked", message: \`\${state.asked} asked, \${usage.completion_tokens} given\` };
  },
});
`,
    });
    const { status, id, request } = await ask({ max_tokens: 5 });
    expect([status, id]).toEqual([403, expect.stringContaining("_response")]);
    const explained = await explain(id);
    expect(explained.differences).toEqual([]);
    expect(explained.steps[0]!.policies.map(({ policy, rules }) => [policy, rules[0]!.passes])).toEqual([
      ["org/answer", "usage.completion_tokens (30) at most 20"],
      ["org/twice", "usage.completion_tokens (30) at 5"],
    ]);
    const usage = await explain(`dec_${request!.slice(4)}_usage`);
    expect(usage).toMatchObject({ decision: "warn", differences: [] });
    expect(usage.closing).toEndWith("with usage.total_tokens (38) at most 10.");
  });
});

describe("a decision of another revision", () => {
  test("is explained by the policies that made it, as long as they are kept", async () => {
    await start({ "org/cap.policy.yaml": cap });
    const { id } = await ask({ max_tokens: 500 });
    const before = await explain(id);
    const { files } = await sluice.admin("policies/current");
    sluice.writePolicy("org/cap.policy.yaml", cap.replace("default: 100", "default: 900"));
    await until(async () => (await sluice.admin("policies/current")).files !== files);
    expect((await ask({ max_tokens: 500 })).status).toBe(200);
    expect(await explain(id)).toEqual(before);

    rmSync(join(sluice.dir, "data/revisions", String(files).slice(7)), { recursive: true });
    sluice.writePolicy("org/more.policy.yaml", cap);
    // The compiled set is still there; a gateway that starts anew does not have it.
    expect(await explain(id)).toEqual(before);
  });

  test("that is no longer kept is told by its reasons", async () => {
    await start({ "org/cap.policy.yaml": cap });
    const { id } = await ask({ max_tokens: 500 });
    await explain(id);
    const { files } = await sluice.admin("policies/current");
    sluice.writePolicy("org/cap.policy.yaml", cap.replace("default: 100", "default: 900"));
    await until(async () => (await sluice.admin("policies/current")).files !== files);
    rmSync(join(sluice.dir, "data/revisions", String(files).slice(7)), { recursive: true });
    const explained = await explain(id);
    expect(explained).toMatchObject({ basis: "reasons", steps: [], decision: "deny" });
    expect(explained.notes).toEqual([
      `the revision ${files} is not kept any more, so only the recorded reasons are told`,
    ]);
  });

  test("is explained with what was laid over the files then", async () => {
    await start({ "org/cap.policy.yaml": cap });
    const tuned = await sluice.admin("policies/org%2Fcap/params", { method: "PUT", body: { params: { cap: 300 } } });
    expect(tuned).toMatchObject({ params: { cap: 300 } });
    const { id } = await ask({ max_tokens: 500 });
    expect((await explain(id)).closing).toEndWith("at most 300.");
    const before = await explain(id);
    await sluice.admin("policies/org%2Fcap/params", { method: "PUT", body: { params: { cap: 800 } } });
    expect((await ask({ max_tokens: 500 })).status).toBe(200);
    expect(await explain(id)).toEqual(before);
    expect(readdirSync(join(sluice.dir, "data/revisions/overlays")).length).toBe(2);
  });
});

describe("a request that is not made", () => {
  test("is explained by the live policies; nothing is counted or recorded", async () => {
    await start({
      "org/cap.policy.yaml": cap,
      "org/rate.policy.yaml": "uses: rate_limit\nwith: { windows: [{ every: day, requests: 1 }] }\n",
      "org/words.policy.yaml": "uses: regex_guard\nwith: { patterns: [{ name: greeting, pattern: hello }] }\n",
    });
    const body = { model: "gpt-4o", max_tokens: 500, messages: [{ role: "user", content: "hello there" }] };
    const dry = (more: object = {}) =>
      sluice.admin("explain", { method: "POST", body: { surface: "chat", body, ...more } });
    for (let i = 0; i < 3; i += 1) {
      const explained = await dry({ app: "demo", env: "dev" });
      expect(explained).toMatchObject({ phase: "request", decision: "deny", basis: "facts" });
      expect(explained).not.toHaveProperty("decision_id");
      expect(explained.notes).toEqual(["limits were not looked at: those of org/rate"]);
      expect(String(explained.closing)).toStartWith("Refused by org/cap (over), org/words (promptMatch);");
    }
    expect(await dry({ body: { ...body, model: "" } })).toMatchObject({ status: 400, code: "invalid_request" });
    expect(await dry({ app: "nobody" })).toMatchObject({ status: 404, code: "not_found" });
    expect(await dry({ colour: "red" })).toMatchObject({ status: 400, code: "invalid_input" });
    expect(await sluice.admin("decisions")).toMatchObject({ data: [] });
    expect(await sluice.admin("usage/records")).toMatchObject({ data: [] });
  });
});
