import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  compareFindings,
  decide,
  type Effect,
  effects,
  extend,
  type Finding,
  joinFindings,
  shadowEffect,
  strongest,
} from "./decision.ts";
import { finding } from "./testing.ts";

const some = fc.array(finding, { maxLength: 8 });
const tally = { decided: 1, notApplicable: 0, errors: 0 };
const plain = fc.constantFrom(...effects);

describe("strongest", () => {
  test("is commutative, associative and idempotent, with allow neutral and deny absorbing", () => {
    fc.assert(
      fc.property(plain, plain, plain, (a, b, c) => {
        expect(strongest(a, b)).toBe(strongest(b, a));
        expect(strongest(strongest(a, b), c)).toBe(strongest(a, strongest(b, c)));
        expect(strongest(a, a)).toBe(a);
        expect(strongest(a, "allow")).toBe(a);
        expect(strongest(a, "deny")).toBe("deny");
      }),
    );
  });
});

describe("the effect without modes", () => {
  test("is never weaker than the decision's, and the same where everything is enforced", () => {
    fc.assert(
      fc.property(some, (findings) => {
        const decision = decide("request", findings, tally);
        expect(strongest(shadowEffect(decision), decision.effect)).toBe(shadowEffect(decision));
        const enforced = findings.map((one) => ({ ...one, would: one.effect }));
        expect(shadowEffect(decide("request", enforced, tally))).toBe(decision.effect);
      }),
    );
  });

  test("counts what a mode hides, and not what an exception keeps from its effect", () => {
    const { override: _, ...hit } = fc.sample(finding, 1)[0]!;
    const hidden: Finding = { ...hit, mode: "audit", effect: "allow", would: "deny" };
    expect(shadowEffect(decide("request", [hidden], tally))).toBe("deny");
    expect(shadowEffect(decide("request", [{ ...hidden, override: "exception:a" }], tally))).toBe("allow");
  });
});

describe("joining findings", () => {
  test("is commutative, associative and idempotent", () => {
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        expect(joinFindings(a, b)).toEqual(joinFindings(b, a));
        expect(joinFindings(joinFindings(a, b), c)).toEqual(joinFindings(a, joinFindings(b, c)));
        expect(joinFindings(joinFindings(a, b), b)).toEqual(joinFindings(a, b));
        expect(joinFindings(joinFindings(a, []), [])).toEqual(joinFindings(a, []));
      }),
    );
  });

  test("loses no finding and adds none", () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const joined = joinFindings(a, b);
        for (const one of [...a, ...b]) expect(joined).toContainEqual(one);
        for (const one of joined) expect([...a, ...b]).toContainEqual(one);
      }),
    );
  });

  test("the order is total: findings that compare as equal are equal", () => {
    fc.assert(
      fc.property(finding, finding, finding, (a, b, c) => {
        expect(Math.sign(compareFindings(a, b)) + Math.sign(compareFindings(b, a))).toBe(0);
        if (compareFindings(a, b) === 0) expect(a).toEqual(b);
        if (compareFindings(a, b) <= 0 && compareFindings(b, c) <= 0)
          expect(compareFindings(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe("a decision", () => {
  const effectOf = (findings: readonly Finding[]): Effect => decide("request", findings, tally).effect;

  test("is the same whatever the order and however often a finding is told", () => {
    fc.assert(
      fc.property(
        some.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: 2 * list.length })),
        ),
        ([list, shuffled]) => {
          expect(decide("request", shuffled, tally)).toEqual(decide("request", list, tally));
        },
      ),
    );
  });

  test("of two sets together is the stronger of the two", () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        expect(effectOf([...a, ...b])).toBe(strongest(effectOf(a), effectOf(b)));
      }),
    );
  });

  test("never hides a deny, and never makes one up", () => {
    fc.assert(
      fc.property(some, (findings) => {
        const denies = findings.some(({ effect }) => effect === "deny");
        const decision = decide("request", findings, tally);
        expect(decision.effect === "deny").toBe(denies);
        if (denies) expect(decision.findings[0]!.effect).toBe("deny");
      }),
    );
  });

  test("is explained by its first finding", () => {
    fc.assert(
      fc.property(fc.array(finding, { minLength: 1, maxLength: 8 }), (findings) => {
        const decision = decide("request", findings, tally);
        expect(decision.findings[0]!.effect).toBe(decision.effect);
        // A hit explains before an error does, so an error is told only when nothing else has that effect.
        const hits = findings.some(({ kind, effect }) => kind === "hit" && effect === decision.effect);
        expect(decision.outcome).toBe(hits ? "ok" : "error");
      }),
    );
  });

  test("extended by later findings is what it would have been with them from the start", () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const extended = extend(decide("request", a, tally), b);
        if (a.length + b.length > 0) expect(extended).toEqual(decide("request", [...a, ...b], tally));
      }),
    );
  });

  test("without findings says whether anything was decided", () => {
    expect(decide("request", [], tally).outcome).toBe("ok");
    expect(decide("request", [], { decided: 0, notApplicable: 3, errors: 0 }).outcome).toBe("not_applicable");
  });
});
