import type { Decision, Mode } from "./decision.ts";
import type { DecisionGroup, DecisionTotals } from "./decision-stats.ts";
import type { Phase } from "./phases.ts";
import type { DecisionRow } from "./ports.ts";
import type { RecordedFacts } from "./recorded-facts.ts";
import type { Page, PageRequest } from "./resources.ts";

/** Selects decision records. Times are milliseconds; `from` is included, `to` is not. */
export interface DecisionFilter {
  readonly decisionId?: string;
  readonly requestId?: string;
  readonly org?: string;
  readonly app?: string;
  readonly env?: string;
  readonly key?: string;
  readonly surface?: DecisionRow["surface"];
  readonly model?: string;
  readonly revision?: string;
  readonly phase?: Phase;
  readonly decision?: DecisionRow["decision"]["effect"];
  readonly outcome?: DecisionRow["decision"]["outcome"];
  /** Of the reason that explains the decision. */
  readonly code?: string;
  /** A policy that one of the reasons is of. */
  readonly policy?: string;
  readonly from?: number;
  readonly to?: number;
}

/** One reason of a decision as it is kept. */
export interface DecisionReason {
  readonly policy: string;
  readonly rule: string;
  readonly kind: "hit" | "error";
  readonly mode: Mode;
  readonly effect: Decision["effect"];
  readonly would: Decision["effect"];
  readonly code: string;
  readonly message: string;
  /** What kept it from its effect; absent when nothing did. */
  readonly override?: string;
}

/** A decision record as it is read back. */
export interface StoredDecision extends Omit<DecisionRow, "decision" | "facts"> {
  readonly effect: DecisionRow["decision"]["effect"];
  readonly outcome: DecisionRow["decision"]["outcome"];
  /** Code of the reason that explains the effect; empty without one. */
  readonly code: string;
  readonly tally: DecisionRow["decision"]["tally"];
  readonly reasons: readonly DecisionReason[];
  /** What was changed in the request, without values that can be parts of a prompt. */
  readonly modifications: readonly { readonly op: string; readonly path: string; readonly value?: unknown }[];
  /** What the rules read; `null` when it was not kept. */
  readonly facts: RecordedFacts | null;
}

/** Reads the decision log. */
export interface DecisionLog {
  /** Newest first, and of one request the last phase first. */
  list(page: PageRequest, filter: DecisionFilter): Promise<Page<StoredDecision>>;
  /** At most `limit` groups, those with the most decisions first; without groups one total of all. */
  stats(filter: DecisionFilter, by: readonly DecisionGroup[], limit: number): Promise<readonly DecisionTotals[]>;
}
