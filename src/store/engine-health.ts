/** Whether a database answers, as its last use has shown. */
export interface EngineHealth {
  readonly state: "ready" | "degraded";
  /** One sentence; no credentials. */
  readonly detail: string;
}

/** Keeps count of how uses of a database ended. */
export interface HealthLog {
  answered(): void;
  failed(error: unknown): void;
  health(): EngineHealth;
}

/** @param shown where the database is, for people */
export function createHealthLog(shown: string): HealthLog {
  let problem = "";
  return {
    answered() {
      problem = "";
    },
    failed(error) {
      problem = describeError(error);
    },
    health: () =>
      problem === "" ? { state: "ready", detail: shown } : { state: "degraded", detail: `${shown}: ${problem}` },
  };
}

/** What went wrong, in one line: several addresses of one host fail as one error that says nothing itself. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.split("\n", 1)[0]!;
}
