import {
  type ChangedSubjects,
  type ChangeSignals,
  type Changes,
  type ChangesMetrics,
  type ChangeTopic,
  changeTopics,
} from "../../core/changes.ts";
import { entry } from "../../core/entry.ts";
import type { Clock, Logger } from "../../core/ports.ts";
import type { ChangeLog } from "./log.ts";
import { createTopicQueue } from "./topic-queue.ts";

/** How the changes of other replicas are followed. */
export interface FollowOptions {
  readonly log: ChangeLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ChangesMetrics;
  /** Wakes replicas up at once; without it changes are found by looking alone. */
  readonly signals?: ChangeSignals | undefined;
  /** Milliseconds between two looks at the log, give or take a fifth. */
  readonly pollMs: number;
}

/** Most changes that are read one by one; of more than that, everything is taken for changed. */
const maxRead = 1_000;
/** Two looks are so far apart at least, so that signals cannot keep the database busy. */
const restMs = 5;
/** The log was not readable for so many intervals: what others change may be unknown here. */
const missedPolls = 5;

/**
 * Follows the log of changes from its present end on: looks at it now and then, and at once when there is a signal. Only
 * the number of the newest change is asked for as long as nothing changed.
 *
 * A store that is away drops nothing: what this replica remembers stays until it can be read anew.
 */
export async function followChanges(options: FollowOptions): Promise<Changes> {
  const { log, clock, logger, metrics, signals, pollMs } = options;
  // From the beginning on, for all: what changes before somebody obeys a topic must wait for them.
  const queues = new Map(changeTopics.map((topic) => [topic as string, createTopicQueue({ topic, logger, metrics })]));
  /** Announcements of this process that are not stored yet. */
  const unsent = new Map<string, { readonly topic: ChangeTopic; readonly subject: string }>();
  let seen = await log.last();
  let lookedAt = clock.now();
  let problem = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let looking: Promise<void> | undefined;
  let again = false;
  let closed = false;
  let rested = 0;

  function wake(): void {
    const rest = rested - performance.now();
    if (looking !== undefined) again = true;
    else if (rest > 0) lookIn(rest);
    else if (!closed) looking = look();
  }

  function lookIn(ms: number): void {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(wake, ms);
    timer.unref();
  }

  async function look(): Promise<void> {
    clearTimeout(timer);
    again = false;
    try {
      await read();
      await send();
      if (problem !== "") logger.info({}, "the changes of other replicas can be read again");
      problem = "";
      lookedAt = clock.now();
    } catch (error) {
      metrics.changePollFailed();
      const message = error instanceof Error ? error.message : String(error);
      if (problem === "") logger.warn({ err: error }, "the changes of other replicas could not be read");
      problem = message;
    }
    for (const queue of queues.values()) queue.retry();
    looking = undefined;
    rested = performance.now() + restMs;
    lookIn(again ? restMs : interval());
  }

  /** Jitter: replicas that were started together do not all ask at the same time. */
  function interval(): number {
    return pollMs * (0.8 + 0.4 * Math.random());
  }

  async function read(): Promise<void> {
    const last = await log.last();
    if (last === seen) return;
    const missed = last < seen || last - seen > maxRead;
    const rows = missed ? [] : await log.after(seen, maxRead);
    // A number that is smaller than before is another database's, such as one restored from a backup.
    if (missed || rows.length < last - seen) {
      for (const topic of changeTopics) hand(topic, null);
      seen = last;
      return;
    }
    const changed = new Map<string, Set<string>>();
    for (const { topic, subject, origin } of rows) {
      if (origin !== log.origin) entry(changed, topic, newSet).add(subject);
    }
    for (const [topic, subjects] of changed) hand(topic, subjects);
    seen = rows.at(-1)!.seq;
  }

  /** A topic that a newer version announces and nobody here knows is nothing that this version remembers. */
  function hand(topic: string, subjects: ChangedSubjects): void {
    queues.get(topic)?.add(subjects);
  }

  async function send(): Promise<void> {
    if (unsent.size === 0) return;
    const sending = [...unsent];
    await log.transaction(async (_, announce) => {
      for (const [, { topic, subject }] of sending) announce(topic, subject);
    });
    for (const [key] of sending) unsent.delete(key);
  }

  log.onCommitted(() => signals?.send());
  signals?.listen(wake);
  lookIn(interval());

  return {
    async publish(topic, subject) {
      unsent.set(`${topic}\n${subject}`, { topic, subject });
      try {
        await send();
      } catch (error) {
        logger.warn({ err: error, topic }, "a change could not be told to the other replicas yet; it is tried again");
      }
    },
    subscribe: (topic, handler) => queues.get(topic)!.obeyWith(handler),
    health() {
      const through = signals && `, at once through ${signals.channel.name}`;
      const cut = signals?.channel.connected === false ? " (not connected: within a poll)" : "";
      const age = clock.now() - lookedAt;
      if (problem !== "" && age > missedPolls * pollMs) {
        return { state: "degraded", detail: `not read for ${Math.round(age / 1000)} s: ${problem}` };
      }
      const stuck = [...queues.values()].find((queue) => queue.problem !== "");
      if (stuck !== undefined) return { state: "degraded", detail: `${stuck.topic}: ${stuck.problem}` };
      return { state: "ready", detail: `polled every ${pollMs / 1000} s${through ?? ""}${cut}` };
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      log.onCommitted(() => undefined);
      await signals?.close();
      await looking;
      await send().catch(() => undefined);
      await Promise.all([...queues.values()].map((queue) => queue.idle()));
    },
  };
}

function newSet(): Set<string> {
  return new Set();
}
