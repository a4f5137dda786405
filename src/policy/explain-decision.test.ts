import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decisionIdOf, withDefault } from "../core/decision.ts";
import type { StoredDecision } from "../core/decision-log.ts";
import { evaluate } from "../core/engine.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import { recordFacts } from "../core/recorded-facts.ts";
import { identityWith } from "../core/testing.ts";
import { explainDecision } from "./explain-decision.ts";
import { loadPolicies } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";

const files = {
  "org/cap.policy.yaml": `
rules:
  - { id: over, when: request.max_tokens > 100, then: deny, code: cap, message: '{request.max_tokens} is too much' }
  - { id: under, when: request.max_tokens < 5, then: deny }
`,
  "org/big.policy.yaml": "rules: [{ id: big, when: request.bytes / request.choices > 100, then: deny }]\n",
  "org/least.policy.yaml": "mode: audit\nrules: [{ id: few, when: request.max_tokens < 50, then: deny }]\n",
  "org/who.policy.yaml": `
onError: warn
rules: [{ id: ann, when: user.id == 'ann' && request.stream, then: deny, message: 'not you, {user.id}' }]
`,
  "org/prod.policy.yaml":
    "scope: { labels: { tier: free } }\nrules: [{ id: free, when: request.bytes > 20, then: warn }]\n",
  "org/words.policy.yaml": "uses: regex_guard\nwith: { patterns: [{ name: secret, pattern: hello }] }\n",
  "org/batch.exception.yaml":
    "policy: org/cap\nrule: over\nowner: ann\nreason: they may\nexpires: 2026-06-30\nscope: { apps: [batch] }\n",
};

async function load(of: Readonly<Record<string, string>>) {
  await using folder = await testFolder(of);
  const result = await loadPolicies(testOptions(folder.dir));
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 2));
  return result.snapshot;
}

const snapshot = await load(files);
afterAll(() => snapshot.retire());

interface Asked {
  readonly request?: Partial<Facts["request"]>;
  readonly user?: string;
  readonly app?: string;
  readonly tier?: string;
  readonly text?: string;
}

/** What the gateway would record of a request, after a turn through JSON. */
function recordOf(
  { request = {}, user = "", app = "chat", tier = "", text = "" }: Asked,
  set = snapshot,
): StoredDecision {
  const identity = identityWith({ app: { id: app, name: app, labels: tier === "" ? {} : { tier } } });
  const { org, team, env, key } = identity;
  const id = "req_1";
  const facts = emptyFacts();
  Object.assign(facts, { org, team, app: { ...identity.app, env }, key, now: new Date("2026-01-31T12:00:00Z") });
  Object.assign(facts.request, { id, surface: "chat", model: "gpt-4o", choices: 1, max_tokens: 60, ...request });
  facts.user.id = user;
  const rules = set.rulesFor(identity, "gpt-4o", "chat");
  const content = { texts: () => [text] };
  const judged = evaluate(rules.inPhase.request, "request", facts, undefined, content);
  const decision = withDefault(judged, set.defaultEffect);
  const hash = (name: string) => `#${name.length}`;
  const record: StoredDecision = {
    decisionId: decisionIdOf(id, "request"),
    requestId: id,
    ts: 0,
    phase: "request",
    revision: set.revision,
    ...{ org: org.id, app, env, key: key.id, surface: "chat", model: "gpt-4o", micros: 1, modifications: [] },
    effect: decision.effect,
    outcome: decision.outcome,
    code: decision.findings[0]?.code ?? "",
    tally: decision.tally,
    reasons: decision.findings.map(({ status: _, priority: __, ...reason }) => reason),
    facts: recordFacts([{ facts, rules }], { phase: "request", model: "gpt-4o", hash }),
  };
  return JSON.parse(JSON.stringify(record)) as StoredDecision;
}

describe("a recorded decision", () => {
  test("is explained by asking every rule in scope again", () => {
    const explained = explainDecision(recordOf({ request: { max_tokens: 500 } }), snapshot);
    expect(explained).toMatchObject({
      decisionId: "dec_1_request",
      effect: "deny",
      code: "cap",
      basis: "facts",
      differences: [],
      closing:
        "Refused by org/cap (over); it would have passed with request.max_tokens (500) at most 100, unless org/cap (under) had fired then, which also reads request.max_tokens.",
    });
    expect(
      explained.steps.map(({ step, model, policies }) => [step, model, policies.map(({ policy }) => policy)]),
    ).toEqual([["asked", "gpt-4o", ["org/big", "org/cap", "org/least", "org/who", "org/words"]]]);
  });

  test("of several refusals says what each of them would have taken", () => {
    const { closing } = explainDecision(recordOf({ request: { max_tokens: 500, bytes: 200 } }), snapshot);
    expect(closing).toStartWith(
      "Refused by org/big (big), org/cap (over); it would have passed with request.bytes / request.choices (200) at most 100 for org/big (big), and request.max_tokens (500) at most 100 for org/cap (over)",
    );
  });

  test("of several refusals that the same would have kept quiet says it once", async () => {
    const twice = await load({ ...files, "org/cap2.policy.yaml": files["org/cap.policy.yaml"] });
    const { closing } = explainDecision(recordOf({ request: { max_tokens: 500 } }, twice), twice);
    await twice.retire();
    expect(closing).toStartWith(
      "Refused by org/cap (over), org/cap2 (over); it would have passed with request.max_tokens (500) at most 100",
    );
    expect(closing.split("at most 100")).toHaveLength(2);
  });

  test("that passed says so, and what would have had to be for rules without effect", () => {
    const audited = explainDecision(recordOf({ request: { max_tokens: 20 } }), snapshot);
    expect(audited.closing).toBe(
      "Passed, though org/least (few) (mode audit) would have refused it; it would have passed without that with request.max_tokens (20) at least 50.",
    );
    const excepted = explainDecision(recordOf({ request: { max_tokens: 500 }, app: "batch" }), snapshot);
    expect([excepted.effect, excepted.differences]).toEqual(["allow", []]);
    expect(excepted.closing).toStartWith("Passed, though org/cap (over) (exception:org/batch) would have refused it;");
    const cap = excepted.steps[0]!.policies.find(({ policy }) => policy === "org/cap")!;
    expect(cap.rules[0]).toMatchObject({ outcome: "fired", override: "exception:org/batch" });
  });

  test("finds the policies in scope by the labels of then", () => {
    const { steps, closing } = explainDecision(recordOf({ request: { bytes: 30 }, tier: "free" }), snapshot);
    expect(steps[0]!.policies.map(({ policy }) => policy)).toContain("org/prod");
    expect(closing).toBe(
      "Passed, with a warning of org/prod (free); there would have been none with request.bytes (30) at most 20.",
    );
  });

  test("of a policy that failed says that it failed", () => {
    const { closing, steps, differences } = explainDecision(recordOf({ request: { choices: 0 } }), snapshot);
    expect(closing).toBe("Refused by org/big; org/big could not be evaluated, which counts as deny.");
    expect(differences).toEqual([]);
    expect(steps[0]!.policies[0]).toMatchObject({ policy: "org/big", outcome: "error" });
  });

  test("that depended on what is masked is told as it was recorded", () => {
    const record = recordOf({ user: "ann", request: { stream: true } });
    expect(JSON.stringify(record.facts)).not.toContain("ann");
    const { steps, notes, differences, closing } = explainDecision(record, snapshot);
    expect(notes).toEqual([
      "masked in the record: user.id",
      "as recorded, because it depends on what was not: org/who, org/words",
    ]);
    const who = steps[0]!.policies.find(({ policy }) => policy === "org/who")!;
    expect(who).toMatchObject({ outcome: "decided", rules: [{ outcome: "fired", message: "not you, ann" }] });
    expect(differences).toEqual([]);
    expect(closing).toBe(
      'Refused by org/who (ann); it would have passed with request.stream false, or user.id other than "ann".',
    );
    const quiet = explainDecision(recordOf({ user: "bob", request: { stream: true, max_tokens: 500 } }), snapshot);
    expect(quiet.steps[0]!.policies.find(({ policy }) => policy === "org/who")!.rules).toMatchObject([
      { outcome: "quiet" },
    ]);
  });

  test("that depended on the text is told as it was recorded", () => {
    const { steps, differences, closing } = explainDecision(recordOf({ text: "hello" }), snapshot);
    const words = steps[0]!.policies.find(({ policy }) => policy === "org/words")!;
    expect(words).toMatchObject({ outcome: "decided", note: "it looks at the text, which is not recorded" });
    expect(words.rules[0]).toMatchObject({
      rule: "promptMatch",
      outcome: "fired",
      message: expect.stringContaining("secret"),
    });
    expect(differences).toEqual([]);
    expect(closing).toContain("what would have kept org/words (promptMatch) quiet cannot be told from its answer");
  });

  test("without its facts, or without its policies, is told by its reasons alone, and it says so", () => {
    const record = recordOf({ request: { max_tokens: 500 } });
    const gone = explainDecision(record, { missing: "the revision is not kept any more" });
    expect(gone).toMatchObject({
      basis: "reasons",
      steps: [],
      differences: [],
      notes: ["the revision is not kept any more"],
    });
    expect(gone.closing).toBe("Refused by org/cap (over); what would have kept org/cap (over) quiet was not recorded.");
    const plain = explainDecision({ ...recordOf({}), facts: null }, snapshot);
    expect(plain.basis).toBe("reasons");
    expect(plain.notes[0]).toContain("record_facts_percent");
    expect(plain.closing).toBe("Passed: 5 policies decided, and nothing refused it.");
  });

  test("that is not what the rules come to now says what differs", () => {
    const record = recordOf({ request: { max_tokens: 500 } });
    const reasons = record.reasons.map((reason) => ({ ...reason, message: "600 is too much" }));
    const edited = explainDecision({ ...record, reasons }, snapshot);
    expect(edited.differences).toEqual([
      'message of the hit cap of org/cap (over) is "600 is too much" in the record and "500 is too much" when asked again',
    ]);
    const allowed = explainDecision({ ...record, effect: "allow", reasons: [] }, snapshot);
    // The text is not recorded, so how many decided is not compared.
    expect(allowed.differences).toEqual([
      'the decision is "allow" in the record and "deny" when asked again',
      "the hit cap of org/cap (over) is not in the record and comes when asked again",
    ]);
  });

  test("of a set that denies by default says what would have passed", async () => {
    const strict = await load({
      "sluice.yaml": "default: deny\n",
      "org/prod.policy.yaml": "match: [request.stream]\nrules: [{ when: request.bytes > 5, then: warn }]\n",
    });
    const { closing, differences, effect } = explainDecision(recordOf({}, strict), strict);
    expect([effect, differences]).toEqual(["deny", []]);
    expect(closing).toStartWith("Refused because no policy decided it and the policy set denies by default;");
    await strict.retire();
  });
});

const asked = fc.record({
  request: fc.record({
    bytes: fc.constantFrom(0, 21, 101, 400),
    choices: fc.constantFrom(0, 1, 3),
    max_tokens: fc.constantFrom(0, 4, 49, 51, 101),
    stream: fc.boolean(),
  }),
  user: fc.constantFrom("", "ann", "bob"),
  app: fc.constantFrom("chat", "batch"),
  tier: fc.constantFrom("", "free", "paid"),
  text: fc.constantFrom("", "hello"),
});

describe("whatever was asked", () => {
  test("asking again comes to what was recorded, and to the same explanation each time", () => {
    fc.assert(
      fc.property(asked, (request) => {
        const record = recordOf(request);
        const explained = explainDecision(record, snapshot);
        expect(explained).toMatchObject({ basis: "facts", differences: [] });
        expect(explainDecision(record, snapshot)).toEqual(explained);
        // Each reason is told under its rule.
        for (const { policy, rule, kind, message } of record.reasons) {
          const told = explained.steps[0]!.policies.find((known) => known.policy === policy)!;
          if (kind === "error") expect([policy, told.outcome]).toEqual([policy, "error"]);
          else expect(told.rules).toContainEqual(expect.objectContaining({ rule, outcome: "fired", message }));
        }
        expect(explained.closing).toMatch(/^(Refused|Passed)[^\n]*\.$/);
      }),
      { numRuns: 400 },
    );
  });
});
