import type { Effect } from "./decision.ts";

/** What a condition, or a part of one, came to. Parts that were not evaluated (`false && x`) are not there. */
export interface ClauseValue {
  /** The part as it is written. */
  readonly text: string;
  /** Where it stands in its expression, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Its value as text; `null` when it could not be evaluated. */
  readonly value: string | null;
  /** Why it could not be evaluated; absent otherwise. Holds no value of the request. */
  readonly error?: string;
  /** Its own parts, in the order they were evaluated. */
  readonly clauses: readonly ClauseValue[];
}

/** What a rule came to. */
export interface RuleExplanation {
  readonly rule: string;
  readonly effect: Effect;
  readonly outcome: "fired" | "quiet" | "error";
  /** Absent for a rule that always fires and for the rules of plugins. */
  readonly when?: ClauseValue;
  readonly message?: string;
  /** What kept it from its effect; see `Finding.override`. */
  readonly override?: string;
  /** For a rule that fired: what would have kept it quiet, such as `vars.asked (21000) at most 16000`. */
  readonly passes?: string;
}

/** What a policy came to in one phase. */
export interface PolicyExplanation {
  readonly policy: string;
  readonly outcome: "decided" | "not_applicable" | "error";
  readonly gates: readonly ClauseValue[];
  /** Those that were read, with their values as text. */
  readonly variables: readonly { readonly name: string; readonly value: string | null; readonly error?: string }[];
  readonly rules: readonly RuleExplanation[];
}
