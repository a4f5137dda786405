import type { StoredDecision } from "./decision-log.ts";
import type { DryRequest } from "./explain.ts";
import type { Snapshot } from "./snapshot.ts";

/** A request that is only asked about. */
export interface EvaluatedRequest extends DryRequest {
  /** The address that it would come from; empty when that does not matter. */
  readonly address: string;
  /** When it would come, in milliseconds since the epoch; now when absent. Limits are as they are now. */
  readonly at?: number;
}

/** What would be decided of a request. */
export interface Evaluation {
  /** The record that the gateway would make of phase request. It is not kept. */
  readonly record: StoredDecision;
  /** What the client would be told; `null` when the request would go on. */
  readonly refusal: {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly headers: Readonly<Record<string, string>>;
  } | null;
  /** Codes of the warnings that the answer would carry. */
  readonly warnings: readonly string[];
  /** The first target, by its provider and the name of the model there. */
  readonly target: { readonly provider: string; readonly model: string };
  /** The body that would go on, where rules changed it; `null` where they did not. */
  readonly modified: unknown;
}

/**
 * Judges one request.
 *
 * @throws SluiceError where the gateway would refuse before any policy is asked, such as `model_not_found`
 */
export type Evaluate = (request: EvaluatedRequest) => Promise<Evaluation>;

/** Judges requests as the gateway does, and leaves no trace of it. */
export interface Evaluations {
  /**
   * Every request is judged by the same policies, and against counters as they were when they were first looked at.
   *
   * @param snapshot the policies to ask in place of the live ones
   * @param use is handed the policies that are asked, too
   */
  with<T>(snapshot: Snapshot | null, use: (evaluate: Evaluate, by: Snapshot) => Promise<T>): Promise<T>;
}
