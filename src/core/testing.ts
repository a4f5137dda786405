import fc from "fast-check";
import { effects, type Finding, type Mode, type OnError } from "./decision.ts";
import type { Identity } from "./identity.ts";
import type { CompiledPolicy } from "./policy.ts";

/** Few values each, so that findings often agree in part: that is where orders and unions go wrong. */
export const mode: fc.Arbitrary<Mode> = fc.constantFrom("enforce", "warn", "audit");
export const onError: fc.Arbitrary<OnError> = fc.constantFrom("deny", "warn", "allow");

export const finding: fc.Arbitrary<Finding> = fc.record(
  {
    policy: fc.constantFrom("org/a", "org/b", "apps/x/c"),
    rule: fc.constantFrom("", "one", "two"),
    kind: fc.constantFrom("hit", "error"),
    mode,
    effect: fc.constantFrom(...effects),
    would: fc.constantFrom(...effects),
    code: fc.constantFrom("over", "under"),
    message: fc.constantFrom("too much", "too little"),
    status: fc.constantFrom(403, 429),
    priority: fc.constantFrom(0, 100),
    modifications: fc.constantFrom([{ op: "cap", path: "max_tokens", value: 5 } as const], []),
    headers: fc.constantFrom({ "retry-after": "1" }, {}),
    override: fc.constantFrom("exception:org/x", "break-glass:b1"),
  },
  {
    requiredKeys: ["policy", "rule", "kind", "mode", "effect", "would", "code", "message", "status", "priority"],
  },
);

/** A policy that does nothing, with some fields changed. */
export function policyWith(changes: Partial<CompiledPolicy>): CompiledPolicy {
  return {
    id: "org/p",
    description: "",
    mode: "enforce",
    onError: "deny",
    priority: 100,
    scope: {},
    uses: "rules",
    reads: [],
    evaluate: {},
    ...changes,
  };
}

/** A caller, with some parts changed. */
export function identityWith(changes: Partial<Identity> = {}): Identity {
  return {
    org: { id: "acme", labels: {}, timeZone: "UTC" },
    team: { id: "" },
    app: { id: "app-1", name: "chat", labels: {} },
    env: "prod",
    key: { id: "k1" },
    ...changes,
  };
}
