import { expect, test } from "bun:test";
import { type Decision, decide } from "./decision.ts";
import { emptyFacts, failFact } from "./facts.ts";
import { maskDecision } from "./masked-decision.ts";

function said(message: string): Decision {
  const hit = { policy: "org/a", rule: "r", kind: "hit", mode: "enforce", effect: "deny", would: "deny" } as const;
  const finding = { ...hit, code: "c", message, status: 403, priority: 100 };
  return decide("request", [finding], { decided: 1, notApplicable: 0, errors: 0 });
}

function masked(message: string, user: string, headers: Record<string, string> = {}): string {
  const facts = emptyFacts();
  facts.user.id = user;
  facts.request.headers = headers;
  return maskDecision(said(message), facts, (text) => `#${text.length}`).findings[0]!.message;
}

test.each([
  ["not you, ann", "ann", "not you, #3"],
  ["ann: not you (ann)", "ann", "#3: not you (#3)"],
  ["annual limits reached", "ann", "annual limits reached"],
  ["asked for 21000 tokens", "1", "asked for 21000 tokens"],
  ["user 1 has 21000 tokens", "1", "user #1 has 21000 tokens"],
  ["a.b+c@x.io is not known", "a.b+c@x.io", "#10 is not known"],
  ["nobody", "", "nobody"],
])("%p of the user %p is recorded as %p", (message, user, recorded) => {
  expect(masked(message, user)).toBe(recorded);
});

test("values of headers are masked, the longer before what is part of it", () => {
  expect(masked("tenant blue green", "blue", { "x-tenant": "blue green" })).toBe("tenant #10");
});

test("what the policy set has masked is, too, also each of several; what could not be found out is nowhere", () => {
  const facts = emptyFacts();
  facts.request.source_ip = "192.0.2.7";
  facts.user.groups = ["red", "blue"];
  facts.pii = { ...facts.pii };
  failFact(facts.pii, "types", "pii.types", "took too long");
  const mask = ["request.source_ip", "user.groups", "pii.types"] as const;
  const decision = maskDecision(said("192.0.2.7 of blue may not"), facts, (text) => `#${text.length}`, mask);
  expect(decision.findings[0]!.message).toBe("#9 of #4 may not");
});

test("a decision that repeats nothing is the same object", () => {
  const decision = said("too large");
  const facts = emptyFacts();
  facts.user.id = "ann";
  expect(maskDecision(decision, facts, String)).toBe(decision);
});
