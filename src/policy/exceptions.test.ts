import { describe, expect, test } from "bun:test";
import { evaluate } from "../core/engine.ts";
import { exceptionState } from "../core/exceptions.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import { policyWith } from "../core/testing.ts";
import { withExceptions } from "./exceptions.ts";
import { loadPolicies } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";

const cap = `rules:
  - { id: big, when: request.bytes > 5, then: deny, code: too_big, recheck: true }
  - { id: streamed, when: request.stream, then: deny }
`;
const rates = "uses: rate_limit\nwith: { per: [app], windows: [{ every: minute, requests: 5, tokens: 50 }] }\n";
const exception = (policy: string, more = "") =>
  `policy: ${policy}\nscope: { apps: [batch], env: [prod] }\nowner: me\nreason: because\nexpires: 2027-01-31\n${more}`;

async function load(files: Readonly<Record<string, string>>) {
  await using folder = await testFolder(files);
  const result = await loadPolicies(testOptions(folder.dir));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

function request(change: (facts: Facts) => void = () => undefined): Facts {
  const facts = emptyFacts();
  Object.assign(facts.app, { id: "app_1", name: "batch", env: "prod" });
  Object.assign(facts.request, { bytes: 9, stream: true });
  facts.now = new Date("2027-01-30T23:59:59.999Z");
  change(facts);
  return facts;
}

describe("an exception from a rule", () => {
  const files = { "org/cap.policy.yaml": cap, "org/e.exception.yaml": exception("org/cap", "rule: big\n") };

  test("records what fires, and keeps it from its effect; other rules keep theirs", async () => {
    const { snapshot } = await load(files);
    const { effect, findings } = evaluate(snapshot.policies, "request", request());
    expect(effect).toBe("deny");
    expect(findings.map(({ rule, effect, would, override }) => ({ rule, effect, would, override }))).toEqual([
      { rule: "streamed", effect: "deny", would: "deny", override: undefined },
      { rule: "big", effect: "allow", would: "deny", override: "exception:org/e" },
    ]);
  });

  test.each<[string, (facts: Facts) => void]>([
    ["from its end on", (facts) => (facts.now = new Date("2027-01-31T00:00:00Z"))],
    ["for another application", (facts) => (facts.app.name = "chat")],
    ["in another environment", (facts) => (facts.app.env = "dev")],
  ])("has no effect %s", async (_, change) => {
    const { snapshot } = await load(files);
    const { findings } = evaluate(snapshot.policies, "request", request(change));
    expect(findings.map(({ effect, override }) => ({ effect, override }))).toEqual([
      { effect: "deny", override: undefined },
      { effect: "deny", override: undefined },
    ]);
  });

  test("makes the policy read the facts that tell whether it applies", async () => {
    const { snapshot } = await load(files);
    expect(snapshot.policies[0]?.reads).toEqual([
      "request.bytes",
      "request.stream",
      "now",
      "app.id",
      "app.name",
      "app.env",
    ]);
  });

  test("of a policy type lets the limits of other rules stand", async () => {
    const { snapshot } = await load({ "org/rates.policy.yaml": rates, "org/e.exception.yaml": exception("org/rates") });
    expect(snapshot.policies[0]?.override?.(request(), "anything")).toEqual({
      label: "exception:org/e",
      action: "skip",
    });
    const one = await load({
      "org/rates.policy.yaml": rates,
      "org/e.exception.yaml": exception("org/rates", `rule: ${snapshot.policies[0]?.rules?.[0]?.id}\n`),
    });
    expect(one.snapshot.policies[0]?.override?.(request(), "anything")).toBeUndefined();
  });
});

test("an exception from a whole policy is from all its rules and from its errors", async () => {
  const { snapshot } = await load({ "org/cap.policy.yaml": cap, "org/e.exception.yaml": exception("org/cap") });
  expect(evaluate(snapshot.policies, "request", request()).effect).toBe("allow");
  const failing = policyWith({
    evaluate: {
      request() {
        throw new Error("broken");
      },
    },
  });
  const [made] = (await load({ "org/cap.policy.yaml": cap, "org/e.exception.yaml": exception("org/cap") })).exceptions;
  const { effect, outcome, findings } = evaluate([withExceptions(failing, [made!])], "request", request());
  expect({ effect, outcome }).toEqual({ effect: "allow", outcome: "error" });
  expect(findings[0]?.override).toBe("exception:org/e");
});

test("an exception leaves what the control plane overrides alone", () => {
  const active = { label: "break-glass:bg_1", action: "allow" } as const;
  const expired = {
    id: "org/e",
    path: "org/e.exception.yaml",
    policy: "org/p",
    rule: "",
    scope: {},
    owner: "me",
    reason: "because",
    expiresAt: 0,
  };
  const policy = withExceptions(policyWith({ override: () => active }), [expired]);
  expect(policy.override?.(request())).toEqual(active);
});

test("exceptions are listed, the expired ones as well, with their state", async () => {
  const { exceptions, snapshot } = await load({
    "apps/batch/cap.policy.yaml": cap,
    "apps/batch/old.exception.yaml":
      "policy: apps/batch/cap\nowner: me\nreason: once\nexpires: 2020-01-01T10:30:00+02:00\n",
  });
  expect(exceptions).toEqual([
    {
      id: "apps/batch/old",
      path: "apps/batch/old.exception.yaml",
      policy: "apps/batch/cap",
      rule: "",
      scope: { apps: ["batch"] },
      owner: "me",
      reason: "once",
      expiresAt: Date.parse("2020-01-01T08:30:00Z"),
    },
  ]);
  expect(exceptionState(exceptions[0]!, Date.parse("2020-01-01T08:29:59Z"))).toBe("active");
  expect(exceptionState(exceptions[0]!, Date.parse("2020-01-01T08:30:00Z"))).toBe("expired");
  expect(evaluate(snapshot.policies, "request", request()).effect).toBe("deny");
});
