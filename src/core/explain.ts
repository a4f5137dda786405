import type { Effect, Mode, Tally } from "./decision.ts";
import type { StoredDecision } from "./decision-log.ts";
import type { FactName } from "./facts.ts";
import type { Identity } from "./identity.ts";
import type { Phase, Surface } from "./phases.ts";
import type { Content, Scope } from "./policy.ts";
import type { Look } from "./recorded-facts.ts";
import type { Snapshot } from "./snapshot.ts";

/** What a condition, or a part of one, came to. Parts that were not evaluated (`false && x`) are not there. */
export interface ClauseValue {
  /** The part as it is written. */
  readonly text: string;
  /** Where it stands in its expression, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Its value as text; `null` when it could not be evaluated. */
  readonly value: string | null;
  /** Why it could not be evaluated, or one of the {@link HiddenReason}s; absent otherwise. Holds no value of the request. */
  readonly error?: string;
  /** Its own parts, in the order they were evaluated. */
  readonly clauses: readonly ClauseValue[];
}

/** Why a fact that a rule reads cannot be told: a hash stands in its place, or it was too large to be kept. */
export const hiddenReasons = ["masked", "not recorded"] as const;
/** One of the {@link hiddenReasons}. */
export type HiddenReason = (typeof hiddenReasons)[number];
/** The facts that cannot be told. What they decide alone is told as `unknown`, never guessed. */
export type HiddenFacts = ReadonlyMap<FactName, HiddenReason>;

/** A change of a fact that is meant by what would have kept a rule quiet. */
export interface FactChange {
  readonly fact: FactName;
  readonly direction: "lower" | "higher" | "any";
}

/** What a rule came to. `unknown`: it depends on what cannot be told. */
export interface RuleExplanation {
  readonly rule: string;
  readonly effect: Effect;
  readonly outcome: "fired" | "quiet" | "error" | "unknown";
  /** Absent for a rule that always fires and for rules that are code. */
  readonly when?: ClauseValue;
  /** Whether `when` says what must be true, the opposite of what triggers the rule: `.cel` files do. */
  readonly must?: true;
  /** Of a rule that fired; absent when it would tell what cannot be told. */
  readonly message?: string;
  /** What kept it from its effect; see `Finding.override`. */
  readonly override?: string;
  /**
   * For a rule that fired: what would have kept it quiet, all else being equal, such as
   * `vars.asked (21000) at most 16000`. Absent when that cannot be told for certain.
   */
  readonly passes?: string;
  /** The facts that `passes` is about. */
  readonly changes?: readonly FactChange[];
  /** The facts that its condition reads, and those of them whose lower values can never make it fire. */
  readonly reads?: readonly FactName[];
  readonly rises?: readonly FactName[];
}

/** What a policy came to in one phase. */
export interface PolicyExplanation {
  readonly policy: string;
  readonly outcome: "decided" | "not_applicable" | "error" | "unknown";
  readonly gates: readonly ClauseValue[];
  /** Those that were read, with their values as text. */
  readonly variables: readonly { readonly name: string; readonly value: string | null; readonly error?: string }[];
  readonly rules: readonly RuleExplanation[];
  /** What else there is to say of it, such as why something is `unknown`. */
  readonly note?: string;
}

/** What is known beside the facts when a policy is explained. */
export interface ExplainContext {
  /** None when absent. */
  readonly content?: Content;
  readonly hidden?: HiddenFacts;
  /** Whether only the rules marked `recheck` are asked, of a request that was modified. */
  readonly recheck?: boolean;
}

/** What a policy came to, with what it is. */
export interface ExplainedPolicy extends PolicyExplanation {
  readonly description: string;
  /** The policy type, or `rules`. */
  readonly uses: string;
  readonly mode: Mode;
  readonly scope: Scope;
}

/**
 * A time at which the rules in scope were asked: of the request as it came, of the request with the model it was
 * routed to, of the request as it was modified.
 */
export interface ExplainedStep {
  readonly step: "asked" | "routed" | "modified";
  readonly model: string;
  readonly policies: readonly ExplainedPolicy[];
}

/** Why a decision came out as it did. The same record and policies give the same explanation. */
export interface DecisionExplanation {
  readonly decisionId: string;
  readonly phase: Phase;
  readonly revision: string;
  readonly effect: Effect;
  readonly outcome: "ok" | "not_applicable" | "error";
  readonly code: string;
  readonly tally: Tally;
  /** `facts`: every rule was asked again, with the recorded facts. `reasons`: only the recorded reasons are left to tell. */
  readonly basis: "facts" | "reasons";
  /** What the explanation is without, and why. */
  readonly notes: readonly string[];
  /** Empty where the basis is `reasons`. */
  readonly steps: readonly ExplainedStep[];
  /** Where asking again did not come to what was recorded; empty when it did. */
  readonly differences: readonly string[];
  /** One sentence: what the decision was, and what would have passed. */
  readonly closing: string;
}

/** Why a request would be decided as it would, now. */
export type LiveExplanation = Omit<DecisionExplanation, "decisionId" | "differences">;

/** Explains decisions. */
export interface Explanations {
  /**
   * With the policies that made it, as far as they are still kept.
   *
   * @param by those policies, where they are at hand
   */
  explain(record: StoredDecision, by?: Snapshot): Promise<DecisionExplanation>;
  /** What the rules of phase request say of a request that is not made. Limits are not looked at, and nothing is changed. */
  explainLive(look: LiveLook): LiveExplanation;
}

/** A request that is only looked at. */
export interface DryRequest {
  readonly surface: Surface;
  readonly identity: Identity;
  /** With lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What the rules in scope would see of a request. */
export interface LiveLook extends Look {
  readonly snapshot: Snapshot;
  readonly content: Content;
}

/** Looks at requests without making them. */
export interface DryRuns {
  /**
   * @param use is called once; the policies are not disposed before it returned
   * @throws SluiceError `invalid_request` or `model_not_found`
   */
  run<T>(request: DryRequest, use: (look: LiveLook) => T): Promise<T>;
}
