import { describe, expect } from "bun:test";
import fc from "fast-check";
import type { DecisionFilter } from "../core/decision-log.ts";
import type { DecisionRow } from "../core/ports.ts";
import { toStored } from "../core/recorded-decision.ts";
import { append, decisionRow, temporaryStore, testEngines as test, testStart, usageRow } from "./testing.ts";

const page = { limit: 200, after: null };
const [cap] = decisionRow().decision.findings;
const effects = ["allow", "warn", "deny"] as const;

/** Records that differ in what they can be selected and counted by. */
const rows = fc.array(
  fc.record({
    app: fc.constantFrom("chat", "batch"),
    env: fc.constantFrom("prod", "dev"),
    model: fc.constantFrom("gpt-4o", "echo"),
    ts: fc.integer({ min: testStart, max: testStart + 3 * 86_400_000 }),
    policies: fc.subarray(["org/cap", "org/ca%", 'org/"quoted"', "org/c_p"]),
    effect: fc.constantFrom(...effects),
    errors: fc.integer({ min: 0, max: 1 }),
  }),
  { maxLength: 40 },
);
type Drawn = typeof rows extends fc.Arbitrary<(infer T)[]> ? T : never;

function toRow({ policies, effect, errors, ...over }: Drawn): DecisionRow {
  const findings = policies.map((policy) => ({ ...cap!, policy, effect }));
  const tally = { decided: 2, notApplicable: 0, errors };
  return decisionRow({ ...over, decision: { phase: "request", effect, outcome: "ok", findings, tally } });
}

describe("the decision log", () => {
  test("counts what it lists, for every filter and group", async () => {
    await using store = await temporaryStore();
    const drawn = fc.sample(rows, { numRuns: 6, seed: 11 }).flat().map(toRow);
    const plain = {
      revision: "r",
      outcome: "ok",
      tally: { decided: 1, notApplicable: 0, errors: 0 },
      micros: 2,
    } as const;
    await append(store, { decisions: drawn, usage: [usageRow({ app: "chat", request: plain })] });
    const filters: DecisionFilter[] = [
      {},
      { app: "chat" },
      { env: "dev", model: "echo" },
      { policy: "org/cap" },
      { policy: "org/ca%" },
      { policy: 'org/"quoted"' },
      { policy: "org/c" },
      { decision: "deny", from: testStart + 86_400_000 },
      { code: "token_cap", to: testStart + 86_400_000 },
      { decisionId: drawn[0]!.decisionId },
      { decisionId: "nonsense" },
      { app: "nobody" },
    ];
    for (const filter of filters) {
      const { data } = await store.decisions.list(page, filter);
      const wanted = drawn.filter(({ decision }) => decision.findings.some(({ policy }) => policy === filter.policy));
      if (filter.policy !== undefined) expect(data).toHaveLength(wanted.length);
      const [total] = await store.decisions.stats(filter, [], 10);
      expect(total?.decisions ?? 0).toBe(data.length);
      expect(total?.denied ?? 0).toBe(data.filter(({ effect }) => effect === "deny").length);
      expect(total?.withErrors ?? 0).toBe(data.filter(({ tally }) => tally.errors > 0).length);
      expect(total?.maxMicros ?? 0).toBeCloseTo(Math.max(0, ...data.map(({ micros }) => micros)), 3);
      for (const by of [["policy", "rule"], ["day", "app"], ["hour"], ["decision", "code"], ["key", "env"]] as const) {
        const groups = await store.decisions.stats(filter, by, 1000);
        const keyOf = (values: readonly unknown[]) => JSON.stringify(values);
        const counted = new Map<string, number>();
        for (const one of data) {
          const of = {
            ...{ policy: one.reasons[0]?.policy ?? "", rule: one.reasons[0]?.rule ?? "", decision: one.effect },
            ...{ code: one.code, key: one.key, env: one.env, app: one.app },
            day: new Date(one.ts).toISOString().slice(0, 10),
            hour: new Date(one.ts - (one.ts % 3_600_000)).toISOString(),
          };
          const key = keyOf(by.map((name) => of[name]));
          counted.set(key, (counted.get(key) ?? 0) + 1);
        }
        expect(
          new Map(groups.map(({ group, decisions }) => [keyOf(by.map((name) => group[name])), decisions])),
        ).toEqual(counted);
        expect(groups.map(({ decisions }) => decisions)).toEqual(
          groups.map(({ decisions }) => decisions).sort((a, b) => b - a),
        );
      }
    }
    expect(await store.decisions.stats({}, ["hour"], 2)).toHaveLength(2);
  });

  test("reads a record back as it would be shown before it was stored", async () => {
    await using store = await temporaryStore();
    const row = decisionRow({ facts: { looks: [{ "request.bytes": 12 }] } });
    await append(store, { decisions: [row] });
    const { data } = await store.decisions.list(page, { decisionId: row.decisionId });
    expect(data).toEqual([toStored(row)]);
  });
});
