/** One setting with where its value came from. */
export interface Setting {
  readonly name: string;
  /** `null` when it is not set; of a secret anything else says that it is. */
  readonly value: string | number | boolean | null;
  /** Where the value came from, such as `env SLUICE_PORT` or `default`. */
  readonly source: string;
  /** Its value is never shown, only whether it is set. */
  readonly secret: boolean;
  readonly description: string;
}

/** How the gateway is. */
export interface Status {
  readonly status: "ready" | "degraded" | "not_ready";
  readonly version: string;
  readonly startedAt: number;
  /** Live replicas that share the counters' store, this one included, as it was last known; `null` without one. */
  readonly replicas: number | null;
  readonly parts: readonly { readonly name: string; readonly state: string; readonly detail: string }[];
}
