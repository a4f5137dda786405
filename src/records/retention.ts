import type { Clock, Logger } from "../core/ports.ts";
import {
  type RecordPurge,
  type RetainedLog,
  type Retention,
  type RetentionDays,
  type RetentionRun,
  retainedLogs,
} from "../core/retention.ts";

/** How {@link createRetention} works. */
export interface RetentionOptions {
  readonly purge: RecordPurge["purge"];
  readonly days: RetentionDays;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Records that are deleted in one transaction: few, so that nothing waits for it. */
  readonly stepSize?: number;
  /** Steps of one run, all logs together. */
  readonly maxSteps?: number;
  /** How often is looked for old records. */
  readonly everyMs?: number;
  /** Waits between two steps, in which others have their turn. */
  readonly pause?: () => Promise<void>;
}

const dayMs = 86_400_000;

/**
 * Looks for records whose time is over every so often, and when told to run, and deletes them.
 *
 * A run is a bounded number of small steps, each a transaction of its own, the oldest records first: whatever ends it, the
 * next one goes on where it ended. Several replicas that run at once do each other's work.
 */
export function createRetention(options: RetentionOptions): Retention {
  const { purge, days, clock, logger, stepSize = 500, maxSteps = 2_000, everyMs = 3_600_000 } = options;
  const pause = options.pause ?? (() => Bun.sleep(20));
  let last: RetentionRun | null = null;
  let running: Promise<RetentionRun> | null = null;
  let closed = false;

  const runAll = async (): Promise<RetentionRun> => {
    const startedAt = clock.now();
    const deleted: Record<RetainedLog, number> = { decisions: 0, usage: 0, rollups: 0 };
    let steps = 0;
    let more = false;
    let problem = "";
    try {
      for (const log of retainedLogs) {
        if (days[log] === 0) continue;
        const before = startedAt - days[log] * dayMs;
        for (let found = stepSize; found === stepSize; ) {
          if (closed || steps === maxSteps) {
            more = true;
            break;
          }
          if (steps > 0) await pause();
          steps += 1;
          found = await purge(log, before, stepSize);
          deleted[log] += found;
        }
      }
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      more = true;
      logger.warn({ err: error, ...deleted }, "old records could not be deleted; the next run goes on");
    }
    const run = { startedAt, endedAt: clock.now(), deleted, more, problem };
    if (Object.values(deleted).some((count) => count > 0))
      logger.info({ ...deleted, more }, "old records were deleted");
    last = run;
    return run;
  };

  const run = (): Promise<RetentionRun> => {
    running ??= runAll().finally(() => {
      running = null;
    });
    return running;
  };

  const timer = setInterval(() => void run(), everyMs);
  timer.unref();

  return {
    days,
    get last() {
      return last;
    },
    run,
    async close() {
      closed = true;
      clearInterval(timer);
      await running;
    },
  };
}
