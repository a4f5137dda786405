import { type Phase, phases } from "./phases.ts";

/** What a rule asks for, from weakest to strongest. */
export const effects = ["allow", "warn", "modify", "deny"] as const;

/** One of the {@link effects}. */
export type Effect = (typeof effects)[number];

/** What a hit of a policy does: stop the request, add a warning to the answer, or only be recorded. */
export type Mode = "enforce" | "warn" | "audit";

/** How strict modes are, compared to each other. */
export const modeRank: Readonly<Record<Mode, number>> = { audit: 0, warn: 1, enforce: 2 };

/** What an error inside a policy counts as. The default everywhere is `deny`. */
export type OnError = "deny" | "warn" | "allow";

/** One change to the provider's request. Paths are a closed list; the meaning of each operation is DESIGN section 5. */
export interface Modification {
  readonly op: "set" | "cap" | "floor" | "remove" | "append" | "redact" | "route";
  readonly path: string;
  readonly value?: unknown;
}

/** One rule that fired or failed: the unit that decisions are made of. Immutable. */
export interface Finding {
  readonly policy: string;
  readonly rule: string;
  /** `hit` when the rule fired, `error` when the policy could not be evaluated. An error is never reported as a hit. */
  readonly kind: "hit" | "error";
  readonly mode: Mode;
  /** What this finding does to the request, after mode and `onError`. */
  readonly effect: Effect;
  /** What it would have done in mode `enforce`; differs from `effect` only in modes `warn` and `audit`. */
  readonly would: Effect;
  readonly code: string;
  readonly message: string;
  /** HTTP status of the refusal if this finding is the one shown. */
  readonly status: number;
  readonly priority: number;
  /** The control plane put its policy there: what it changes gives way to what git's policies set. */
  readonly added?: true;
  readonly modifications?: readonly Modification[];
  /** Headers for the refusal if this finding is the one shown, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What kept the hit from its effect, such as `exception:org/batch-images` or `break-glass:bg_…`. */
  readonly override?: string;
}

/** How the policies in scope fared. The three add up to the policies in scope, always. */
export interface Tally {
  readonly decided: number;
  readonly notApplicable: number;
  readonly errors: number;
  /**
   * How many of those that were asked the control plane had added; absent for none. It is not recorded: what it is for
   * is {@link withDefault}.
   */
  readonly additions?: number;
}

/** The one result of a phase. */
export interface Decision {
  readonly phase: Phase;
  readonly effect: Effect;
  readonly outcome: "ok" | "not_applicable" | "error";
  /** Every finding, in canonical order: the one that explains the effect comes first. */
  readonly findings: readonly Finding[];
  readonly tally: Tally;
}

const rank: Readonly<Record<Effect, number>> = { allow: 0, warn: 1, modify: 2, deny: 3 };

/** The stronger of two effects: `deny > modify > warn > allow`. */
export function strongest(a: Effect, b: Effect): Effect {
  return rank[a] >= rank[b] ? a : b;
}

/**
 * The canonical order of findings: stronger effect first, hits before errors, then by policy and rule.
 *
 * It is total on distinct findings and takes no account of where they came from, which is what makes a decision the
 * same whatever the order in which policies ran.
 */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    rank[b.effect] - rank[a.effect] ||
    (a.kind === b.kind ? 0 : a.kind === "hit" ? -1 : 1) ||
    rank[b.would] - rank[a.would] ||
    compareText(a.policy, b.policy) ||
    compareText(a.rule, b.rule) ||
    compareText(a.code, b.code) ||
    a.status - b.status ||
    compareText(a.message, b.message) ||
    compareText(a.mode, b.mode) ||
    b.priority - a.priority ||
    compareText(JSON.stringify(a.modifications ?? null), JSON.stringify(b.modifications ?? null)) ||
    compareText(JSON.stringify(a.headers ?? null), JSON.stringify(b.headers ?? null)) ||
    compareText(a.override ?? "", b.override ?? "") ||
    Number(a.added ?? false) - Number(b.added ?? false)
  );
}

/**
 * Joins two sets of findings into one set in canonical order.
 *
 * Commutative, associative and idempotent: together with {@link strongest} it makes decisions a join-semilattice, so
 * no order, grouping or repetition of policies can hide a deny.
 */
export function joinFindings(a: readonly Finding[], b: readonly Finding[]): readonly Finding[] {
  const all = [...a, ...b].sort(compareFindings);
  return all.filter((finding, i) => i === 0 || compareFindings(finding, all[i - 1]!) !== 0);
}

/**
 * The effect that a decision would have had if every policy in mode `warn` or `audit` were enforced. What an exception or a
 * break-glass keeps from its effect stays kept from it.
 */
export function shadowEffect({ effect, findings }: Decision): Effect {
  let shadow = effect;
  for (const { would, override } of findings) if (override === undefined) shadow = strongest(shadow, would);
  return shadow;
}

/** The decision that a set of findings amounts to. */
export function decide(phase: Phase, findings: readonly Finding[], tally: Tally): Decision {
  if (findings.length === 0) {
    return { phase, effect: "allow", outcome: tally.decided > 0 ? "ok" : "not_applicable", findings, tally };
  }
  const ordered = joinFindings(findings, []);
  let effect: Effect = "allow";
  for (const finding of ordered) effect = strongest(effect, finding.effect);
  const outcome = ordered[0]!.kind === "error" ? "error" : "ok";
  return { phase, effect, outcome, findings: ordered, tally };
}

/** Code of the refusal of what no policy decided, where the manifest says `default: deny`. */
export const noPolicyCode = "no_policy";

/** What a client is told of it. */
export const noPolicyMessage = "no policy allows this request, and the policy set denies by default";

/**
 * The decision of a request that no policy of git's decided, where the manifest says `default: deny`. What the control
 * plane added can refuse such a request, and cannot let it pass.
 */
export function withDefault(decision: Decision, undecided: "allow" | "deny"): Decision {
  if (undecided === "allow" || decision.effect === "deny") return decision;
  const { tally, findings } = decision;
  if (tally.decided + tally.errors > (tally.additions ?? 0)) return decision;
  if (findings.length === 0) return { ...decision, effect: "deny", outcome: "not_applicable" };
  const refusal: Finding = {
    policy: "sluice",
    rule: "default",
    kind: "hit",
    mode: "enforce",
    effect: "deny",
    would: "deny",
    code: noPolicyCode,
    message: noPolicyMessage,
    status: 403,
    priority: 0,
  };
  return extend(decision, [refusal]);
}

/** Adds findings made after the decision (a limit that could not be reserved) to it. */
export function extend(decision: Decision, findings: readonly Finding[]): Decision {
  return decide(decision.phase, joinFindings(decision.findings, findings), decision.tally);
}

/** The id of a phase's decision, which people meet in refusals and look up in the decision log. */
export function decisionIdOf(requestId: string, phase: Phase): string {
  return `dec_${requestId.slice(4)}_${phase}`;
}

/** What {@link decisionIdOf} made an id of; `null` when it did not make it. */
export function parseDecisionId(id: string): { readonly requestId: string; readonly phase: Phase } | null {
  const phase = phases.find((name) => id.endsWith(`_${name}`));
  if (phase === undefined || !id.startsWith("dec_")) return null;
  return { requestId: `req_${id.slice(4, -phase.length - 1)}`, phase };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
