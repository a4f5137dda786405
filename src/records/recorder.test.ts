import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import type { ActivityEvent } from "../core/activity.ts";
import type { DecisionRow, UsageRow } from "../core/ports.ts";
import type { RecordBatch, RecordSink } from "../core/records.ts";
import { createTestLogger, decisionRow, temporaryStore, usageRow } from "../store/testing.ts";
import { createRecorder } from "./recorder.ts";

const page = { limit: 200, after: null };

interface StoredBatch {
  readonly usage: readonly UsageRow[];
  readonly decisions: readonly DecisionRow[];
}

/** A sink that stores nothing until it is let, and can be told to fail. */
class GatedSink implements RecordSink {
  readonly batches: StoredBatch[] = [];
  readonly encodeUsage: (row: UsageRow) => string = JSON.stringify;
  readonly encodeDecision: (row: DecisionRow) => string = JSON.stringify;
  attempts = 0;
  failures = 0;
  #open = Promise.resolve();
  release = () => {};

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open = promise;
    this.release = resolve;
  }

  async append(batch: RecordBatch): Promise<void> {
    this.attempts += 1;
    await this.#open;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error("disk full");
    }
    this.batches.push({
      usage: JSON.parse(`[${batch.usage}]`) as UsageRow[],
      decisions: JSON.parse(`[${batch.decisions}]`) as DecisionRow[],
    });
  }
}

const waited: number[] = [];
const wait = async (ms: number) => void waited.push(ms);

describe("a recorder", () => {
  test("tells whoever follows of decisions, without prompts and facts, which can be long", async () => {
    const told: ActivityEvent[] = [];
    const activity = { wanted: true, tell: (event: ActivityEvent) => void told.push(event) };
    const recorder = createRecorder({ sink: new GatedSink(), logger: createTestLogger(), activity });
    recorder.decision(decisionRow({ requestId: "req_1", text: ["a long prompt"] }));
    expect(told).toMatchObject([{ kind: "decision", decision: { requestId: "req_1" } }]);
    expect(JSON.stringify(told)).not.toContain("prompt");
    expect(told.map((event) => Object.keys(Reflect.get(event, "decision")).includes("facts"))).toEqual([false]);
    await recorder.close();
  });

  test("stores what it took when it is flushed, in order", async () => {
    await using store = await temporaryStore();
    const recorder = createRecorder({ sink: store.records, logger: createTestLogger(), intervalMs: 60_000 });
    const rows = Array.from({ length: 700 }, (_, i) => usageRow({ requestId: `req_${i}`, ts: i }));
    for (const row of rows) {
      recorder.usage(row);
      recorder.decision(decisionRow({ requestId: row.requestId }));
    }
    await recorder.flush();
    expect((await store.usage.totals({})).requests).toBe(700);
    expect((await store.decisions.list(page, { requestId: "req_699" })).data).toHaveLength(1);
    expect(recorder.dropped).toEqual({ usage: 0, decision: 0 });
    await recorder.close();
  });

  test("stores by itself when a batch is full or its time is up", async () => {
    const sink = new GatedSink();
    const recorder = createRecorder({ sink, logger: createTestLogger(), batchSize: 3, intervalMs: 5 });
    for (let i = 0; i < 4; i += 1) recorder.usage(usageRow());
    const deadline = Date.now() + 5000;
    while (sink.batches.length < 2 && Date.now() < deadline) await Bun.sleep(1);
    expect(sink.batches.map(({ usage }) => usage.length)).toEqual([3, 1]);
    await recorder.close();
  });

  test("few are stored soon; many wait for more to come with them, and no longer than they may", async () => {
    const times = { intervalMs: 5, busySize: 3, busyIntervalMs: 80 };
    const tookOf = async (count: number): Promise<number> => {
      const sink = new GatedSink();
      const recorder = createRecorder({ sink, logger: createTestLogger(), ...times });
      const from = performance.now();
      for (let i = 0; i < count; i += 1) recorder.usage(usageRow());
      while (sink.batches.length === 0) await new Promise(setImmediate);
      const took = performance.now() - from;
      expect(sink.batches.map(({ usage }) => usage.length)).toEqual([count]);
      await recorder.close();
      return took;
    };
    expect(await tookOf(3)).toBeGreaterThan(75);
    // Whatever the machine does meanwhile: once in a while it is sooner.
    let soonest = Number.POSITIVE_INFINITY;
    while (soonest >= 75) soonest = Math.min(soonest, await tookOf(2));
    expect(soonest).toBeLessThan(75);
  });

  test("flushed while more keeps coming waits only for what came before", async () => {
    const sink = new GatedSink();
    const recorder = createRecorder({ sink, logger: createTestLogger(), batchSize: 1 });
    sink.hold();
    recorder.usage(usageRow({ requestId: "before" }));
    const flushed = recorder.flush();
    recorder.usage(usageRow({ requestId: "after" }));
    sink.release();
    await flushed;
    expect(sink.batches[0]?.usage.map(({ requestId }) => requestId)).toEqual(["before"]);
    await recorder.close();
    expect(sink.batches).toHaveLength(2);
  });

  test("flushed with nothing to store is done at once", async () => {
    const recorder = createRecorder({ sink: new GatedSink(), logger: createTestLogger() });
    await recorder.flush();
    await recorder.close();
  });

  test("drops and counts what does not fit, says so once, and takes again when there is room", async () => {
    const sink = new GatedSink();
    const logger = createTestLogger();
    const recorder = createRecorder({ sink, logger, maxQueue: 10, batchSize: 5 });
    sink.hold();
    for (let i = 0; i < 8; i += 1) {
      recorder.usage(usageRow());
      recorder.decision(decisionRow());
    }
    expect(recorder.dropped).toEqual({ usage: 3, decision: 3 });
    expect(logger.lines.filter((line) => line.startsWith("error"))).toHaveLength(1);
    sink.release();
    await recorder.flush();
    recorder.usage(usageRow());
    await recorder.close();
    const stored = sink.batches.reduce((sum, { usage, decisions }) => sum + usage.length + decisions.length, 0);
    expect(stored).toBe(11);
    expect(recorder.dropped).toEqual({ usage: 3, decision: 3 });
  });

  test("keeps no more text than it may, however few records that is", async () => {
    const sink = new GatedSink();
    const recorder = createRecorder({ sink, logger: createTestLogger(), maxLength: 1_000_000 });
    sink.hold();
    const long = decisionRow({ text: ["a".repeat(100_000)] });
    for (let i = 0; i < 7; i += 1) recorder.decision(long);
    expect(recorder.accepting).toBe(true);
    for (let i = 0; i < 8; i += 1) recorder.decision(long);
    expect(recorder.accepting).toBe(false);
    expect(recorder.dropped).toEqual({ usage: 0, decision: 5 });
    recorder.usage(usageRow());
    expect(recorder.dropped).toEqual({ usage: 1, decision: 5 });
    sink.release();
    await recorder.flush();
    expect(recorder.accepting).toBe(true);
    recorder.usage(usageRow());
    await recorder.close();
    expect(sink.batches.map(({ usage, decisions }) => [usage.length, decisions.length])).toEqual([
      [0, 10],
      [1, 0],
    ]);
  });

  test("stores a batch once it is long, however few records it has", async () => {
    const sink = new GatedSink();
    const recorder = createRecorder({ sink, logger: createTestLogger(), intervalMs: 60_000 });
    for (let i = 0; i < 5; i += 1) recorder.decision(decisionRow({ text: ["a".repeat(2 ** 22)] }));
    await recorder.flush();
    expect(sink.batches.map(({ decisions }) => decisions.length)).toEqual([4, 1]);
    await recorder.close();
  });

  test("tries again, waiting longer each time, and loses nothing when that helps", async () => {
    waited.length = 0;
    const sink = new GatedSink();
    sink.failures = 3;
    const recorder = createRecorder({ sink, logger: createTestLogger(), wait });
    recorder.usage(usageRow());
    await recorder.flush();
    expect(waited).toEqual([50, 100, 200]);
    expect(sink.batches).toHaveLength(1);
    expect(recorder.dropped.usage).toBe(0);
    await recorder.close();
  });

  test("gives up after a bounded number of attempts, counts the loss, logs it and goes on", async () => {
    const sink = new GatedSink();
    sink.failures = 2;
    const logger = createTestLogger();
    const recorder = createRecorder({ sink, logger, maxAttempts: 2, wait });
    recorder.usage(usageRow());
    recorder.decision(decisionRow());
    await recorder.flush();
    expect(sink.attempts).toBe(2);
    expect(recorder.dropped).toEqual({ usage: 1, decision: 1 });
    expect(logger.lines.at(-1)).toContain("records are dropped: they could not be stored");
    expect(logger.lines.at(-1)).toContain("disk full");
    recorder.usage(usageRow());
    await recorder.close();
    expect(sink.batches).toHaveLength(1);
  });

  test("says that it does not accept while storing fails or there is little room, and holds up nobody for long", async () => {
    const sink = new GatedSink();
    sink.failures = 7;
    const accepted: boolean[] = [];
    const recorder = createRecorder({
      sink,
      logger: createTestLogger(),
      maxQueue: 10,
      wait: async () => void accepted.push(recorder.accepting),
    });
    expect(recorder.accepting).toBe(true);
    recorder.usage(usageRow());
    // Resolves once it is clear that it will take longer; the recorder goes on trying.
    await recorder.flush();
    expect(sink.batches).toHaveLength(0);
    while (sink.batches.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(accepted).toEqual(Array(7).fill(false));
    expect(recorder.dropped.usage).toBe(0);
    expect(recorder.accepting).toBe(true);
    for (let i = 0; i < 7; i += 1) recorder.usage(usageRow());
    expect(recorder.accepting).toBe(true);
    recorder.usage(usageRow());
    expect(recorder.accepting).toBe(false);
    await recorder.flush();
    expect(recorder.accepting).toBe(true);
    await recorder.close();
    expect(recorder.accepting).toBe(false);
  });

  test("counts a decision that stands in a ledger row like one of its own", async () => {
    const sink = new GatedSink();
    sink.failures = 1;
    const recorder = createRecorder({ sink, logger: createTestLogger(), maxQueue: 4, batchSize: 2, maxAttempts: 1 });
    const { tally, outcome } = decisionRow().decision;
    const request = { revision: "r", outcome, tally, micros: 1 };
    for (let i = 0; i < 3; i += 1) recorder.usage(usageRow({ request }));
    expect(recorder.dropped).toEqual({ usage: 1, decision: 1 });
    await recorder.close();
    expect(sink.batches.map(({ usage }) => usage.length)).toEqual([1]);
    expect(recorder.dropped).toEqual({ usage: 2, decision: 2 });
  });

  test("accounts for every record: stored and dropped add up to taken, whatever fails", async () => {
    const sink = new GatedSink();
    const recorder = createRecorder({
      sink,
      logger: createTestLogger(),
      maxQueue: 64,
      batchSize: 8,
      maxAttempts: 2,
      wait,
    });
    for (let i = 0; i < 1000; i += 1) {
      if (i % 50 === 0) sink.failures = (i / 50) % 4;
      recorder.usage(usageRow());
      if (i % 40 === 0) await recorder.flush();
    }
    await recorder.close();
    const stored = sink.batches.reduce((sum, { usage }) => sum + usage.length, 0);
    expect(recorder.dropped.usage).toBeGreaterThan(0);
    expect(stored + recorder.dropped.usage).toBe(1000);
  });

  test("that is closed has stored everything, and counts what comes later as dropped", async () => {
    await using store = await temporaryStore();
    const recorder = createRecorder({ sink: store.records, logger: createTestLogger(), intervalMs: 60_000 });
    for (let i = 0; i < 300; i += 1) recorder.usage(usageRow());
    await recorder.close();
    recorder.usage(usageRow());
    expect((await store.usage.totals({})).requests).toBe(300);
    expect(recorder.dropped).toEqual({ usage: 1, decision: 0 });
  });

  test("over a database that is gone drops what it cannot store and throws at nobody", async () => {
    const store = await temporaryStore();
    const recorder = createRecorder({ sink: store.records, logger: createTestLogger(), maxAttempts: 2, wait });
    await store[Symbol.asyncDispose]();
    recorder.usage(usageRow());
    await recorder.close();
    expect(recorder.dropped.usage).toBe(1);
  });

  test("that is closed over a database that does not answer gives up in time, whatever waits to be stored", async () => {
    const sink = new GatedSink();
    sink.failures = Number.POSITIVE_INFINITY;
    const recorder = createRecorder({ sink, logger: createTestLogger(), batchSize: 10, closeMs: 0, wait });
    sink.hold();
    for (let i = 0; i < 300; i += 1) recorder.usage(usageRow());
    const closing = recorder.close();
    sink.release();
    await closing;
    // The one that was under way; the other 29 batches were not begun.
    expect(sink.attempts).toBe(1);
    expect(recorder.dropped.usage).toBe(300);
  });

  test("waits for another process that holds the database", async () => {
    await using store = await temporaryStore();
    const recorder = createRecorder({ sink: store.records, logger: createTestLogger() });
    using other = new Database(store.path);
    other.run("begin immediate");
    recorder.usage(usageRow());
    const flushed = recorder.flush();
    other.run("commit");
    await flushed;
    expect((await store.usage.totals({})).requests).toBe(1);
    await recorder.close();
  });
});
