/** How ready the process is to judge requests. */
export interface Readiness {
  /** `degraded` still serves; `unready` answers 503. */
  readonly status: "ready" | "degraded" | "unready";
  /** The parts that are not well, or not as they usually are, each with how they are and what there is to know. */
  readonly parts: readonly { readonly name: string; readonly state: string; readonly problem: string }[];
}
