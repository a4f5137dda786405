/** What is kept for a time and then deleted. Entries of the audit log are not: they are kept for ever. */
export const retainedLogs = ["decisions", "usage", "rollups"] as const;

/** One of the {@link retainedLogs}. */
export type RetainedLog = (typeof retainedLogs)[number];

/** How long each log is kept, in days; 0 for ever. */
export type RetentionDays = Readonly<Record<RetainedLog, number>>;

/** Deletes old records. */
export interface RecordPurge {
  /**
   * Deletes records that are older than a time, sums when all that they sum up is, the oldest first: at most `limit`.
   *
   * @returns how many it deleted; fewer than `limit` when no more are that old
   */
  purge(log: RetainedLog, before: number, limit: number): Promise<number>;
}

/** What one look for old records came to. */
export interface RetentionRun {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly deleted: Readonly<Record<RetainedLog, number>>;
  /** Whether there was more than one run may delete; the next one goes on there. */
  readonly more: boolean;
  /** Why it ended early; empty when it did not. */
  readonly problem: string;
}

/** Deletes records when their time is over. */
export interface Retention {
  readonly days: RetentionDays;
  /** The last run of this process; `null` before the first. */
  readonly last: RetentionRun | null;
  /** Runs now, or joins the run that is under way. Never rejects. */
  run(): Promise<RetentionRun>;
  /** Ends the run that is under way after its current step; no other begins. */
  close(): Promise<void>;
}
