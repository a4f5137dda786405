import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Modification } from "./decision.ts";
import { type Effect, effects, withDefault } from "./decision.ts";
import { evaluate, recheck } from "./engine.ts";
import { emptyFacts } from "./facts.ts";
import { type CompiledPolicy, notApplicable, type RuleHit } from "./policy.ts";
import { mode, onError, policyWith } from "./testing.ts";

const facts = emptyFacts();
const hitOf = (effect: Effect): RuleHit => ({ rule: "r", effect, code: "c", message: "m", status: 403 });

/** What a policy does when asked. */
type Behaviour = "null" | "not_applicable" | "throw" | "absent" | readonly Effect[];

const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.constantFrom("null", "not_applicable", "throw", "absent"),
  fc.array(fc.constantFrom(...effects), { maxLength: 3 }),
);
const spec = fc.record({ mode, onError, behaviour });

function policyOf(
  {
    mode,
    onError,
    behaviour,
  }: { mode: CompiledPolicy["mode"]; onError: CompiledPolicy["onError"]; behaviour: Behaviour },
  i: number,
): CompiledPolicy {
  const ask = () => {
    if (behaviour === "throw") throw new Error("broken");
    if (behaviour === "not_applicable") return notApplicable;
    return Array.isArray(behaviour) ? behaviour.map(hitOf) : null;
  };
  return policyWith({ id: `org/p${i}`, mode, onError, evaluate: behaviour === "absent" ? {} : { request: ask } });
}

describe("the engine", () => {
  test("decided, not applicable and errors add up to the policies that take part", () => {
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 12 }), (specs) => {
        const { tally } = evaluate(specs.map(policyOf), "request", facts);
        const count = (...kinds: Behaviour[]) => specs.filter(({ behaviour }) => kinds.includes(behaviour)).length;
        expect(tally.errors).toBe(count("throw"));
        expect(tally.notApplicable).toBe(count("not_applicable"));
        expect(tally.decided + tally.notApplicable + tally.errors).toBe(specs.length - count("absent"));
      }),
    );
  });

  test("a deny in mode enforce is never hidden, whatever the order and whatever stands beside it", () => {
    fc.assert(
      fc.property(
        fc
          .array(spec, { maxLength: 12 })
          .chain((specs) =>
            fc.tuple(fc.constant(specs), fc.shuffledSubarray(specs.map(policyOf), { minLength: specs.length })),
          ),
        ([specs, shuffled]) => {
          const decision = evaluate(shuffled, "request", facts);
          const denies = specs.some(
            ({ mode, onError, behaviour }) =>
              mode === "enforce" &&
              (behaviour === "throw" ? onError === "deny" : Array.isArray(behaviour) && behaviour.includes("deny")),
          );
          expect(decision.effect === "deny").toBe(denies);
          expect(decision).toEqual(evaluate(specs.map(policyOf), "request", facts));
        },
      ),
    );
  });

  test("a policy that throws does not stop the others, is told of, and is never reported as a hit", () => {
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 12 }), (specs) => {
        const told: string[] = [];
        const decision = evaluate(specs.map(policyOf), "request", facts, ({ id }) => told.push(id));
        const broken = specs.flatMap(({ behaviour }, i) => (behaviour === "throw" ? [`org/p${i}`] : []));
        expect(told).toEqual(broken);
        expect(
          decision.findings
            .filter(({ kind }) => kind === "error")
            .map(({ policy }) => policy)
            .sort(),
        ).toEqual(broken.sort());
        const asked = specs.flatMap(({ behaviour }, i) =>
          Array.isArray(behaviour) && behaviour.length > 0 ? [`org/p${i}`] : [],
        );
        expect(new Set(decision.findings.filter(({ kind }) => kind === "hit").map(({ policy }) => policy))).toEqual(
          new Set(asked),
        );
      }),
    );
  });

  test("modes warn and audit keep what would have been", () => {
    const of = (mode: CompiledPolicy["mode"], effect: Effect) =>
      evaluate([policyOf({ mode, onError: "deny", behaviour: [effect] }, 0)], "request", facts).findings[0]!;
    expect(of("enforce", "deny")).toMatchObject({ effect: "deny", would: "deny" });
    expect(of("warn", "deny")).toMatchObject({ effect: "warn", would: "deny" });
    expect(of("audit", "deny")).toMatchObject({ effect: "allow", would: "deny" });
    expect(of("warn", "modify")).toMatchObject({ effect: "warn", would: "modify" });
    expect(of("warn", "allow")).toMatchObject({ effect: "allow", would: "allow" });
  });

  test("an error's text is not the thrown one", () => {
    const policy = policyWith({
      evaluate: {
        request() {
          throw new Error("secret at /etc/passwd");
        },
      },
    });
    expect(JSON.stringify(evaluate([policy], "request", facts))).not.toContain("secret");
  });

  test("a change that cannot be made is an error of its policy, whatever else the policy says", () => {
    const changing = (modification: Modification, phase: "request" | "response" = "request") =>
      policyWith({
        evaluate: { [phase]: () => [hitOf("warn"), { ...hitOf("modify"), modifications: [modification] }] },
      });
    const decision = evaluate([changing({ op: "cap", path: "top_k", value: 5 })], "request", facts);
    expect(decision).toMatchObject({ effect: "deny", outcome: "error", tally: { decided: 0, errors: 1 } });
    expect(decision.findings.map(({ kind }) => kind)).toEqual(["error"]);
    const cap: Modification = { op: "cap", path: "max_tokens", value: 5 };
    expect(evaluate([changing(cap)], "request", facts).effect).toBe("modify");
    expect(evaluate([changing(cap, "response")], "response", facts).outcome).toBe("error");
  });

  test("asked again, only rules that are marked so answer, and one that fails counts as its onError", () => {
    const told: string[] = [];
    const policies = [
      policyWith({ id: "org/a", evaluate: { request: () => [hitOf("deny")] } }),
      policyWith({ id: "org/b", mode: "warn", recheck: () => [hitOf("deny")] }),
      policyWith({
        id: "org/c",
        onError: "warn",
        recheck() {
          throw new Error("broken");
        },
      }),
      policyWith({ id: "org/d", recheck: () => notApplicable }),
      policyWith({ id: "org/e", recheck: (_facts, content) => content!.texts().map(() => hitOf("deny")) }),
    ];
    const content = { texts: () => ["one"] };
    const findings = recheck({ findings: [] }, policies, facts, ({ id }) => told.push(id), content);
    expect(findings.map(({ policy, kind, effect }) => [policy, kind, effect])).toEqual([
      ["org/b", "hit", "warn"],
      ["org/c", "error", "warn"],
      ["org/e", "hit", "deny"],
    ]);
    expect(told).toEqual(["org/c"]);
  });

  test("git's policies are asked again whether they refuse what the control plane changed", () => {
    const changed = (added: boolean) =>
      evaluate(
        [policyWith({ ...(added && { added }), evaluate: { request: () => [hitOf("modify")] } })],
        "request",
        facts,
      );
    const policies = [
      policyWith({ id: "org/a", evaluate: { request: () => [hitOf("deny"), hitOf("modify"), hitOf("warn")] } }),
      policyWith({ id: "org/b", evaluate: { request: () => notApplicable } }),
      policyWith({ id: "db/c", added: true, evaluate: { request: () => [hitOf("deny")] } }),
    ];
    expect(recheck(changed(true), policies, facts)).toMatchObject([{ policy: "org/a", effect: "deny" }]);
    expect(recheck(changed(false), policies, facts)).toEqual([]);
  });

  test("only the phase that is asked for is evaluated", () => {
    const policy = policyWith({ evaluate: { usage: () => [hitOf("deny")] } });
    expect(evaluate([policy], "request", facts)).toMatchObject({ effect: "allow", outcome: "not_applicable" });
    expect(evaluate([policy], "usage", facts).effect).toBe("deny");
  });
});

describe("an override", () => {
  const over = (rules: readonly string[]) => (_: unknown, rule?: string) =>
    rule === undefined || rules.includes(rule) ? ({ label: "break-glass:bg_1", action: "allow" } as const) : undefined;

  test("keeps the hits that it is for from their effect, and they stay in the decision", () => {
    const hits = [hitOf("deny"), { ...hitOf("deny"), rule: "other" }];
    const policy = policyWith({ evaluate: { request: () => hits }, override: over(["r"]) });
    const { effect, findings } = evaluate([policy], "request", facts);
    expect(effect).toBe("deny");
    expect(findings.map(({ rule, effect, would, override }) => [rule, effect, would, override])).toEqual([
      ["other", "deny", "deny", undefined],
      ["r", "allow", "deny", "break-glass:bg_1"],
    ]);
  });

  test("keeps errors from their effect as well", () => {
    const fail = () => {
      throw new Error("broken");
    };
    const policy = policyWith({ evaluate: { request: fail }, recheck: fail, override: over([]) });
    const { effect, findings, tally } = evaluate([policy], "request", facts);
    expect(effect).toBe("allow");
    expect(findings).toMatchObject([{ kind: "error", would: "deny", override: "break-glass:bg_1" }]);
    expect(tally).toEqual({ decided: 0, notApplicable: 0, errors: 1 });
    expect(recheck({ findings: [] }, [policy], facts)).toMatchObject([{ kind: "error", effect: "allow" }]);
  });

  test("leaves what an exception of git's has overridden to the exception", () => {
    const hit = { ...hitOf("deny"), override: "exception:org/x" };
    const policy = policyWith({ evaluate: { request: () => [hit] }, override: over(["r"]) });
    expect(evaluate([policy], "request", facts).findings[0]?.override).toBe("exception:org/x");
  });
});

describe("default: deny", () => {
  const quiet = { request: () => null };
  const says = (effect: Effect) => ({ request: () => [hitOf(effect)] });
  const effectOf = (policies: readonly CompiledPolicy[]) =>
    withDefault(evaluate(policies, "request", facts), "deny").effect;

  test.each([
    ["no policy", [], "deny"],
    ["a policy of git's that fires nothing", [policyWith({ evaluate: quiet })], "allow"],
    ["an added policy that fires nothing", [policyWith({ evaluate: quiet, added: true })], "deny"],
    ["an added policy that warns", [policyWith({ evaluate: says("warn"), added: true })], "deny"],
    ["an added policy that modifies", [policyWith({ evaluate: says("modify"), added: true })], "deny"],
    [
      "both",
      [policyWith({ evaluate: quiet }), policyWith({ id: "db/x", evaluate: says("warn"), added: true })],
      "warn",
    ],
    [
      "an added policy that is not applicable",
      [policyWith({ evaluate: { request: () => notApplicable }, added: true })],
      "deny",
    ],
  ] as const)("with %s", (_name, policies, wanted) => {
    expect(effectOf(policies)).toBe(wanted);
  });

  test("is told as the reason beside what an added policy found", () => {
    const decision = evaluate([policyWith({ evaluate: says("warn"), added: true })], "request", facts);
    expect(withDefault(decision, "deny").findings[0]).toMatchObject({ policy: "sluice", code: "no_policy" });
    expect(withDefault(decision, "allow")).toBe(decision);
  });
});
