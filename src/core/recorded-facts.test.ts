import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { emptyFacts, type FactName, type Facts, factCatalogue, factEntries, readFact } from "./facts.ts";
import { type Phase, phases } from "./phases.ts";
import {
  factsReadIn,
  type Look,
  maskableFacts,
  type RecordingOptions,
  recordFacts,
  restoreFacts,
} from "./recorded-facts.ts";
import { type RuleSet, Snapshot } from "./snapshot.ts";
import { identityWith, policyWith } from "./testing.ts";

const row = {
  requestId: "req_1",
  org: "acme",
  app: "app-1",
  env: "prod",
  key: "k1",
  surface: "chat",
  model: "gpt-4o",
} as const;

function rulesThatRead(reads: readonly FactName[], phase: Phase = "request"): RuleSet {
  const policy = policyWith({ reads, evaluate: { [phase]: () => null } });
  return new Snapshot("r", [policy]).rulesFor(identityWith(), "gpt-4o", "chat");
}

function factsWith(request: Partial<Facts["request"]> = {}, rest: Partial<Facts> = {}): Facts {
  const facts = { ...emptyFacts(), ...rest };
  facts.request = { ...facts.request, id: row.requestId, surface: row.surface, model: row.model, ...request };
  facts.org = { ...facts.org, id: row.org };
  facts.app = { ...facts.app, id: row.app, env: row.env };
  facts.key = { id: row.key };
  return facts;
}

const record = (looks: readonly Look[], more: Partial<RecordingOptions> = {}) =>
  recordFacts(looks, { phase: "request", model: row.model, hash: (text) => `#${text.length}`, ...more });

describe("the facts of a decision", () => {
  test("are what the rules in scope read, and who is asking, beside what the record has", () => {
    const facts = factsWith({ bytes: 12, max_tokens: 7 }, { now: new Date(0) });
    facts.app = { ...facts.app, name: "Chat", labels: { tier: "free" } };
    const rules = rulesThatRead(["request.bytes", "now", "app.id", "request.model"]);
    expect(record([{ facts, rules }])).toEqual({
      looks: [
        { "app.name": "Chat", "app.labels": { tier: "free" }, "request.bytes": 12, now: "1970-01-01T00:00:00.000Z" },
      ],
    });
  });

  test("hold no text of prompts or answers", () => {
    for (const phase of phases) {
      expect(factsReadIn(rulesThatRead(["event.text", "event.type"], phase), phase)).not.toContain("event.text");
    }
  });

  test("of another phase are left out", () => {
    const reads: FactName[] = ["request.bytes", "usage.total_tokens"];
    expect(factsReadIn(rulesThatRead(reads), "request")).toEqual(["request.bytes"]);
    expect(factsReadIn(rulesThatRead(reads, "usage"), "usage")).toEqual(reads);
  });

  test("that name people or may hold secrets are masked, and the record says which", () => {
    const facts = factsWith({ headers: { "x-plan": "gold" } }, { user: { id: "ann", groups: [] } });
    const rules = rulesThatRead(["user.id", "request.headers"]);
    const recorded = record([{ facts, rules }]);
    expect(recorded).toEqual({
      looks: [{ "user.id": "#3", "request.headers": { "x-plan": "#4" } }],
      masked: ["request.headers", "user.id"],
    });
    expect(JSON.stringify(recorded)).not.toMatch(/ann|gold/);
    expect(record([{ facts: factsWith(), rules }])).toEqual({ looks: [{ "user.id": "", "request.headers": {} }] });
  });

  test("that the policy set wants masked are, texts and lists of texts; nothing is masked where nothing is", () => {
    const facts = factsWith({ source_ip: "192.0.2.7", tool_names: ["find", "send"] });
    const rules = rulesThatRead(["request.source_ip", "request.tool_names", "user.groups", "request.bytes"]);
    const mask = new Set<FactName>(["request.source_ip", "request.tool_names", "user.groups"]);
    expect(record([{ facts, rules }], { mask })).toEqual({
      looks: [{ "request.bytes": 0, "request.source_ip": "#9", "request.tool_names": ["#4", "#4"], "user.groups": [] }],
      masked: ["request.source_ip", "request.tool_names"],
    });
  });

  test("that may be masked are all that a hash hides, and that are not needed to find the policies again", () => {
    expect(maskableFacts).toEqual(expect.arrayContaining(["request.source_ip", "user.groups", "pii.types"]));
    for (const name of maskableFacts) expect(factCatalogue[name].type).toMatch(/string/);
    for (const name of ["app.name", "team.id", "org.id", "request.model", "event.text", "user.id"] as const) {
      expect(maskableFacts).not.toContain(name);
    }
  });

  test("are bounded: what is too large is left out, and the record says which", () => {
    const facts = factsWith({ tool_names: Array.from({ length: 512 }, (_, i) => `tool-number-${i}`), bytes: 3 });
    const recorded = record([{ facts, rules: rulesThatRead(["request.tool_names", "request.bytes"]) }]);
    expect(recorded).toEqual({ looks: [{ "request.bytes": 3 }], omitted: ["request.tool_names"] });
  });

  test("of a request that was modified are those of each look, the later ones with what was different", () => {
    const rules = rulesThatRead(["request.bytes", "request.max_tokens", "request.model"]);
    const [before, after] = [
      factsWith({ bytes: 9, max_tokens: 50 }),
      factsWith({ bytes: 9, max_tokens: 5, model: "o3" }),
    ];
    const looks = [
      { facts: before, rules },
      { facts: after, rules },
    ];
    const recorded = record(looks);
    expect(recorded.looks).toEqual([
      { "request.bytes": 9, "request.max_tokens": 50 },
      { "request.max_tokens": 5, "request.model": "o3" },
    ]);
    expect(restoreFacts(row, recorded)).toEqual([before, after]);
    // Of a later phase there is one look, at the model that answered.
    expect(record(looks.slice(1), { phase: "response" }).looks[0]["request.model"]).toBe("o3");
  });

  const value = (name: FactName, type: string): fc.Arbitrary<unknown> => {
    const text = fc.string({ maxLength: 40, unit: "binary" });
    switch (type) {
      case "int":
        return fc.maxSafeInteger();
      case "double":
        // JSON has one zero.
        return fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0);
      case "bool":
        return fc.boolean();
      case "timestamp":
        return fc.date({ noInvalidDate: true });
      case "list<string>":
        return fc.array(text, { maxLength: 5 });
      case "map<string, string>":
        return name === "request.headers" ? fc.constant({}) : fc.dictionary(text, text, { maxKeys: 4 });
      default:
        return name === "user.id" ? fc.constant("") : text;
    }
  };
  const values = fc.record(Object.fromEntries(factEntries.map(([name, { type }]) => [name, value(name, type)])));

  test("come back from JSON as the rules saw them", () => {
    fc.assert(
      fc.property(
        values,
        fc.subarray(factEntries.map(([name]) => name)),
        fc.constantFrom(...phases),
        (given, reads, phase) => {
          const facts = factsWith();
          for (const name of reads) {
            const [root, field] = name.split(".") as [keyof Facts, string | undefined];
            if (field === undefined) facts.now = given[name] as Date;
            else Object.assign(facts, { [root]: { ...facts[root], [field]: given[name] } });
          }
          const rules = rulesThatRead(reads, phase);
          const recorded = record([{ facts, rules }], { phase, model: facts.request.model });
          const { id: org } = facts.org;
          const own = {
            requestId: facts.request.id,
            org,
            app: facts.app.id,
            env: facts.app.env,
            key: facts.key.id,
            surface: facts.request.surface as "chat",
            model: facts.request.model,
          };
          const [restored] = restoreFacts(own, JSON.parse(JSON.stringify(recorded)));
          for (const name of factsReadIn(rules, phase)) {
            expect([name, readFact(restored!, name)]).toEqual([name, readFact(facts, name)]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("of a version that knew other facts are passed over", () => {
    const looks = [{ "request.shoe_size": 44, "request.bytes": 3 }] as unknown as [Record<FactName, unknown>];
    expect(restoreFacts(row, { looks })[0]!.request).toMatchObject({ bytes: 3 });
  });
});
