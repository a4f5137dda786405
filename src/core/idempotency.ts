/** What stands under an idempotency key. */
export type Claim =
  /** Nobody used the key: the caller makes the request now, and says what came of it. */
  | { readonly state: "claimed" }
  /** The same request is being made, or was and nobody knows what came of it. */
  | { readonly state: "running"; readonly since: number }
  | { readonly state: "answered"; readonly sealed: string }
  /** The key was used for another request. */
  | { readonly state: "other" };

/** Which request a key stands for. */
export interface IdempotentRequest {
  /** Digest of the operator and the key: the key itself is not kept. */
  readonly id: string;
  readonly operator: string;
  /** Digest of the method, the path and the body. */
  readonly fingerprint: string;
}

/**
 * Keeps which requests were made under an idempotency key, and their answers, for a day and so many per operator.
 *
 * Of requests that come at the same time, on whichever replica, one is told `claimed`.
 */
export interface IdempotencyStore {
  claim(request: IdempotentRequest): Promise<Claim>;
  /** Keeps the answer, which its maker has sealed: this store cannot read it. */
  answer(id: string, sealed: string): Promise<void>;
  /** Nothing came of the request: the key can be used again. */
  release(id: string): Promise<void>;
}
