import { describe, expect, test } from "bun:test";
import { decide, type Finding, type Modification } from "./decision.ts";
import { changesOf, joinRechecked, joinRouted } from "./modified.ts";

const none = { decided: 0, notApplicable: 0, errors: 0 };
const one = { ...none, decided: 1 };
const cap: Modification = { op: "cap", path: "max_tokens", value: 5 };
const route = (value: string): Modification => ({ op: "route", path: "model", value });

function finding(modifications: readonly Modification[], changes: Partial<Finding> = {}): Finding {
  return {
    policy: "org/a",
    rule: "r",
    kind: "hit",
    mode: "enforce",
    effect: "modify",
    would: "modify",
    code: "c",
    message: "m",
    status: 403,
    priority: 100,
    modifications,
    ...changes,
  };
}
const deny = (): Finding => {
  const { modifications: _, ...rest } = finding([]);
  return { ...rest, effect: "deny", would: "deny", code: "no" };
};
const decided = (...findings: Finding[]) => decide("request", findings, one);

describe("what a decision asks to change", () => {
  test("is merged", () => {
    expect(changesOf(decided(finding([cap]), finding([route("b")]))).modifications).toEqual([cap, route("b")]);
  });

  test("is nothing when it is a refusal, or becomes one", () => {
    expect(changesOf(decided(finding([cap]), deny())).modifications).toEqual([]);
    const { decision, modifications } = changesOf(decided(finding([route("b")]), finding([route("c")])));
    expect(modifications).toEqual([]);
    expect(decision).toMatchObject({ effect: "deny", findings: [{ code: "modify_conflict" }, {}, {}] });
  });
});

describe("a request that is routed to b", () => {
  const first = decided(finding([route("b")]));
  const join = (second = decide("request", [], one), undecided: "allow" | "deny" = "allow") =>
    joinRouted(first, second, "b", undecided);

  test("goes there when b's rules have nothing against it", () => {
    expect(join()).toMatchObject({ decision: { effect: "modify" }, modifications: [route("b")] });
  });

  test("is changed by the rules of both", () => {
    const { modifications } = join(decided(finding([cap], { policy: "org/b" })));
    expect(modifications).toEqual([cap, route("b")]);
  });

  test("may be told so twice", () => {
    expect(join(first).modifications).toEqual([route("b")]);
  });

  test("is refused by b's rules, with all reasons", () => {
    const { decision, modifications } = join(decided(deny()));
    expect(modifications).toEqual([]);
    expect(decision.findings.map(({ code }) => code)).toEqual(["no", "c"]);
  });

  test("is refused when it would be routed on, also where that alone would be a conflict", () => {
    const { decision } = join(decided(finding([route("c")], { policy: "org/b" })));
    expect(decision.effect).toBe("deny");
    expect(decision.findings[0]).toMatchObject({
      policy: "org/b",
      code: "modify_loop",
      message: "the request was modified, and org/b wants it routed once more; that is done once only",
    });
  });

  test("is refused when nobody decides on b and that means deny", () => {
    const { decision } = join(decide("request", [], none), "deny");
    expect(decision).toMatchObject({ effect: "deny", findings: [{ code: "no_policy" }, { code: "c" }] });
  });
});

describe("a modified request whose rules were asked again", () => {
  const before = decided(finding([cap]));
  const again = finding([{ op: "cap", path: "n", value: 1 }], { rule: "again" });

  test("stays as decided when none fires", () => {
    expect(joinRechecked(before, [], () => true)).toBe(before);
  });

  test("is refused when one refuses", () => {
    expect(joinRechecked(before, [deny()], () => true).findings[0]).toMatchObject({ effect: "deny", code: "no" });
  });

  test("is refused when one would change it once more, and not when it is so already", () => {
    expect(joinRechecked(before, [again], () => true).findings[0]).toMatchObject({
      code: "modify_loop",
      rule: "again",
    });
    expect(joinRechecked(before, [again], () => false).effect).toBe("modify");
  });

  test("keeps the warnings of those that warn", () => {
    const warn = { ...deny(), effect: "warn" as const };
    expect(joinRechecked(before, [warn], () => true)).toMatchObject({
      effect: "modify",
      findings: [{}, { effect: "warn" }],
    });
  });
});
