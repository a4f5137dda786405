import type { ActivitySink } from "../core/activity.ts";
import type { Finding } from "../core/decision.ts";
import type { DecisionRow, Logger, PlainDecision, Recorder, UsageRow } from "../core/ports.ts";
import type { RecordSink } from "../core/records.ts";

/** How a recorder works. */
export interface RecorderOptions {
  readonly sink: RecordSink;
  readonly logger: Logger;
  /** Most records that wait to be stored, both logs together; what comes on top is dropped. */
  readonly maxQueue?: number;
  /** Most characters of them: one that keeps a prompt is a hundred times as long as most. */
  readonly maxLength?: number;
  /** Records stored in one transaction. */
  readonly batchSize?: number;
  /** Longest time a record waits for its batch to fill, unless {@link busySize} are there by then. */
  readonly intervalMs?: number;
  /** So many records in that time are many: each batch costs by itself, so they wait longer for it to fill. */
  readonly busySize?: number;
  /** Longest time a record waits while there are many. */
  readonly busyIntervalMs?: number;
  /**
   * For how long, in milliseconds, storing a batch is tried again before its records are dropped: longer than a database
   * takes to start again. Once the recorder is being closed five attempts must do.
   */
  readonly retryMs?: number;
  /** Times that it is tried, at most. */
  readonly maxAttempts?: number;
  /**
   * For how long, in milliseconds, a store that fails is tried once the recorder is being closed; what is left then is
   * dropped. An attempt under way is waited for.
   */
  readonly closeMs?: number;
  /** Waits between attempts. */
  readonly wait?: (ms: number) => Promise<void>;
  /** Told of every decision as it is made, stored or not. */
  readonly activity?: ActivitySink;
}

/** Records as the sink encoded them, and how many of each log there are. */
interface Batch {
  usage: string;
  decisions: string;
  usageCount: number;
  decisionCount: number;
  /** Characters of both. */
  length: number;
}

const firstRetryMs = 50;
const longestRetryMs = 5_000;
/** Attempts for a batch while somebody waits for it: whoever flushes, or wants the process to end. */
const waitedForAttempts = 5;
/** Characters of a batch after which it takes no more records: databases bound how long one value is. */
const batchLength = 16 * 2 ** 20;
/** How full the queue is, at most, while it is said to accept: the rest is for calls that are under way. */
const acceptingShare = 0.8;
const noFindings: readonly Finding[] = Object.freeze([]);

/**
 * Collects records and stores them in batches, off the request's path.
 *
 * Taking a record never waits and never throws. A store that fails is tried again a bounded number of times; then, or
 * when the queue is full, records are dropped, counted and the loss is logged.
 */
export function createRecorder({
  sink,
  logger,
  maxQueue = 50_000,
  maxLength = 256 * 2 ** 20,
  batchSize = 8192,
  intervalMs = 100,
  busySize = 256,
  busyIntervalMs = 250,
  retryMs = 30_000,
  maxAttempts = Number.POSITIVE_INFINITY,
  closeMs = 10_000,
  wait = (ms) => Bun.sleep(ms),
  activity,
}: RecorderOptions): Recorder {
  const dropped = { usage: 0, decision: 0 };
  let open = newBatch();
  const full: Batch[] = [];
  /** Records waiting, those of the batch being stored included. */
  let waiting = 0;
  /** Characters of them. */
  let length = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Batches ever sealed, and how many of them are dealt with; they are dealt with in order. */
  let sealed = 0;
  let stored = 0;
  const flushes: { readonly last: number; readonly resolve: () => void }[] = [];
  let storing = false;
  let closed = false;
  /** When the recorder must be done, by `performance.now()`, if its store does not answer. */
  let closeBy = Number.POSITIVE_INFINITY;
  /** Whether records are being dropped for want of room, so that the log says so once and not for every record. */
  let overflowing = false;
  /** Whether the last attempt to store something failed. */
  let failing = false;
  /** Whether that has gone on for as long as anybody waits. */
  let away = false;
  const hasRoom = (share: number) => waiting < maxQueue * share && length < maxLength * share;

  const overflow = (usage: number, decisions: number) => {
    dropped.usage += usage;
    dropped.decision += decisions;
    if (overflowing) return;
    overflowing = true;
    logger.error({ usage, decisions, waiting, length, closed }, "records are dropped: the queue is full or closed");
  };

  const seal = () => {
    clearTimeout(timer);
    timer = undefined;
    if (sizeOf(open) === 0) return;
    full.push(open);
    sealed += 1;
    open = newBatch();
  };

  const sealAndStart = () => {
    seal();
    start();
  };

  const wake = (ms: number, act: () => void) => {
    timer = setTimeout(act, ms);
    // Records alone do not keep the process alive: whoever ends it closes the recorder.
    timer.unref();
  };

  const taken = (usage: number, decisions: number, characters: number) => {
    open.usageCount += usage;
    open.decisionCount += decisions;
    open.length += characters;
    waiting += usage + decisions;
    length += characters;
    if (sizeOf(open) >= batchSize || open.length >= batchLength) {
      sealAndStart();
    } else if (timer === undefined) {
      wake(intervalMs, () => {
        if (sizeOf(open) >= busySize && busyIntervalMs > intervalMs) wake(busyIntervalMs - intervalMs, sealAndStart);
        else sealAndStart();
      });
    }
  };

  const start = () => {
    if (storing) return;
    storing = true;
    void storeAll();
  };

  const storeAll = async () => {
    // Requests go first: each batch has a turn of the event loop of its own.
    await nextTurn();
    for (let batch = full.shift(); batch !== undefined; batch = full.shift()) {
      if (failing && performance.now() >= closeBy) drop(batch, new Error("there is no more time to store them"), 0);
      else await store(batch);
      stored += 1;
      waiting -= sizeOf(batch);
      length -= batch.length;
      overflowing = false;
      release(stored);
      await nextTurn();
    }
    storing = false;
  };

  /** Nobody waits for these batches any more. */
  const release = (last: number) => {
    while (flushes[0] !== undefined && flushes[0].last <= last) flushes.shift()!.resolve();
  };

  const drop = ({ usageCount: usage, decisionCount: decisions }: Batch, err: unknown, attempt: number) => {
    dropped.usage += usage;
    dropped.decision += decisions;
    logger.error({ err, attempt, usage, decisions }, "records are dropped: they could not be stored");
  };

  const store = async (batch: Batch) => {
    // What ends with the process is not tried as often for each batch of a store that is away.
    const enough = closed && failing ? 1 : waitedForAttempts;
    let waited = 0;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await sink.append(batch);
        failing = false;
        away = false;
        return;
      } catch (error) {
        failing = true;
        const attempts = closed ? Math.min(maxAttempts, enough) : maxAttempts;
        const last = attempt >= attempts || waited >= retryMs || performance.now() >= closeBy;
        if (last) return drop(batch, error, attempt);
        const fields = { err: error, attempt, usage: batch.usageCount, decisions: batch.decisionCount };
        logger.warn(fields, "records could not be stored; trying again");
        if (!closed && attempt >= waitedForAttempts) {
          away = true;
          release(sealed);
        }
        const pause = Math.min(firstRetryMs * 2 ** (attempt - 1), longestRetryMs, retryMs - waited);
        waited += pause;
        await wait(pause);
      }
    }
  };

  const flush = async () => {
    seal();
    const last = sealed;
    if (stored >= last) return;
    start();
    if (away && !closed) return;
    await new Promise<void>((resolve) => flushes.push({ last, resolve }));
  };

  return {
    dropped,
    get accepting() {
      return !failing && !closed && hasRoom(acceptingShare);
    },
    usage(row) {
      const decisions = row.request === undefined ? 0 : 1;
      if (activity?.wanted && row.request !== undefined) tellPlain(activity, row, row.request);
      if (closed || !hasRoom(1)) return overflow(1, decisions);
      const text = sink.encodeUsage(row);
      open.usage = append(open.usage, text);
      taken(1, decisions, text.length);
    },
    decision(row) {
      if (activity?.wanted) tellDecision(activity, row);
      if (closed || !hasRoom(1)) return overflow(0, 1);
      const text = sink.encodeDecision(row);
      open.decisions = append(open.decisions, text);
      taken(0, 1, text.length);
    },
    flush,
    async close() {
      closed = true;
      closeBy = performance.now() + closeMs;
      await flush();
    },
  };
}

/** A decision with a record of its own, without what can be long: readers that are behind hold thousands of them. */
function tellDecision(activity: ActivitySink, { text: _text, facts: _facts, ...decision }: DecisionRow): void {
  activity.tell({ kind: "decision", at: decision.ts, decision });
}

/** A decision that stands in its request's ledger row. */
function tellPlain(activity: ActivitySink, row: UsageRow, { outcome, tally, ...rest }: PlainDecision): void {
  const decision = { phase: "request", effect: "allow", outcome, findings: noFindings, tally } as const;
  activity.tell({ kind: "decision", at: row.ts, decision: { ...row, ...rest, phase: "request", decision } });
}

function newBatch(): Batch {
  return { usage: "", decisions: "", usageCount: 0, decisionCount: 0, length: 0 };
}

function sizeOf(batch: Batch): number {
  return batch.usageCount + batch.decisionCount;
}

function append(rows: string, row: string): string {
  return rows === "" ? row : `${rows},${row}`;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
