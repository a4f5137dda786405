import type { ActivitySink, LiveStatus } from "../core/activity.ts";
import type { AuditLog } from "../core/audit.ts";
import type { Clock, Logger } from "../core/ports.ts";

/** What {@link createLiveSources} looks at. */
export interface LiveSourcesOptions {
  readonly activity: ActivitySink;
  readonly audit: Pick<AuditLog, "after" | "head" | "onAdded">;
  readonly readiness: () => LiveStatus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often is looked for what other replicas changed, and for what became of the parts. */
  readonly pollMs?: number;
}

/** Tells the activity of what nobody else tells it of. */
export interface LiveSources {
  /** To be called when the feed begins to be wanted, and when it ends to be. */
  readonly follow: (wanted: boolean) => void;
  close(): void;
}

/** Entries that are read at once. */
const batch = 100;

/**
 * Reads the audit log and the gateway's status for the activity, while somebody follows it: changes of this process at
 * once, those of other replicas with the next look.
 */
export function createLiveSources(options: LiveSourcesOptions): LiveSources {
  const { activity, audit, readiness, clock, logger, pollMs = 1000 } = options;
  let timer: ReturnType<typeof setInterval> | undefined;
  /** The last entry that was told; `null` until it is known where to begin. */
  let told: number | null = null;
  let reading: Promise<void> | null = null;
  let again = false;
  let status = "";
  let failing = false;

  const readAll = async () => {
    do {
      again = false;
      told ??= (await audit.head()).seq;
      const entries = await audit.after(told, batch);
      for (const entry of entries) {
        told = entry.seq;
        activity.tell({ kind: "change", at: entry.at, entry });
      }
      again ||= entries.length === batch;
    } while (again && activity.wanted);
  };

  const readChanges = async () => {
    if (!activity.wanted) return;
    again = true;
    if (reading !== null) return;
    reading = readAll();
    try {
      await reading;
      failing = false;
    } catch (error) {
      // Once, and not with every look.
      if (!failing) logger.warn({ err: error }, "the audit log could not be read for the activity");
      failing = true;
    } finally {
      reading = null;
    }
  };

  const readStatus = () => {
    const now = readiness();
    const text = JSON.stringify(now);
    if (text === status) return;
    status = text;
    activity.tell({ kind: "status", at: clock.now(), now });
  };

  const stop = audit.onAdded(() => void readChanges());
  return {
    follow(wanted) {
      clearInterval(timer);
      told = null;
      if (!wanted) return;
      status = JSON.stringify(readiness());
      void readChanges();
      timer = setInterval(() => {
        readStatus();
        void readChanges();
      }, pollMs);
      timer.unref();
    },
    close() {
      clearInterval(timer);
      stop();
    },
  };
}
