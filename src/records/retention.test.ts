import { expect, test } from "bun:test";
import {
  append,
  createTestLogger,
  decisionRow,
  TestClock,
  temporaryStore,
  testEngines,
  testStart,
  usageRow,
} from "../store/testing.ts";
import { createRetention } from "./retention.ts";

const day = 86_400_000;
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

testEngines("records are deleted when their time is over, and no others; sums are kept longer", async () => {
  await using store = await temporaryStore();
  const ages = [0, 1, 29, 31, 89, 91, 400];
  const at = (age: number) => testStart - age * day;
  await append(store, {
    usage: ages.map((age) => usageRow({ ts: at(age), requestId: `req_${age}` })),
    decisions: ages.flatMap((age) => [
      decisionRow({ ts: at(age), requestId: `req_${age}` }),
      decisionRow({ ts: at(age), requestId: `req_${age}`, phase: "usage" }),
    ]),
  });
  const retention = createRetention({
    purge: store.purge,
    days: { decisions: 30, usage: 90, rollups: 0 },
    clock: store.clock,
    logger: createTestLogger(),
    stepSize: 3,
    pause,
  });
  expect(retention.last).toBeNull();
  const [run, joined] = await Promise.all([retention.run(), retention.run()]);
  expect(joined).toBe(run);
  expect(run).toEqual({
    startedAt: testStart,
    endedAt: testStart,
    deleted: { decisions: 8, usage: 2, rollups: 0 },
    more: false,
    problem: "",
  });
  const page = { limit: 50, after: null };
  expect((await store.usage.list(page, {})).data.map(({ requestId }) => requestId)).toEqual(
    [0, 1, 29, 31, 89].map((age) => `req_${age}`),
  );
  expect((await store.decisions.list(page, {})).data).toHaveLength(6);
  expect((await store.usage.totals({})).requests).toBe(ages.length);
  expect((await retention.run()).deleted).toEqual({ decisions: 0, usage: 0, rollups: 0 });
  await retention.close();

  const shorter = createRetention({
    ...retention,
    purge: store.purge,
    days: { decisions: 0, usage: 0, rollups: 60 },
    clock: store.clock,
    logger: createTestLogger(),
  });
  expect((await shorter.run()).deleted.rollups).toBe(3);
  expect((await store.usage.totals({})).requests).toBe(4);
  await shorter.close();
});

testEngines(
  "a day's sums stay until all of the day is too old: none goes before the rows that it sums up",
  async () => {
    await using store = await temporaryStore();
    // It is noon: half of the day that began 60 days ago is too old, all of the day before it is.
    const midnight = testStart - (testStart % day);
    const rows = [-61 * day, -60 * day - 1, -60 * day, -60 * day + day / 2, -60 * day + day - 1];
    await append(store, { usage: rows.map((age, i) => usageRow({ ts: midnight + age, requestId: `req_${i}` })) });
    const retention = createRetention({
      purge: store.purge,
      days: { decisions: 0, usage: 60, rollups: 60 },
      clock: store.clock,
      logger: createTestLogger(),
      pause,
    });
    expect((await retention.run()).deleted).toEqual({ decisions: 0, usage: 3, rollups: 1 });
    const left = { from: midnight - 60 * day, to: midnight - 59 * day };
    expect((await store.usage.totals(left)).requests).toBe(3);
    expect((await store.usage.totals({})).requests).toBe(3);
    store.clock.ms = midnight + day;
    expect((await retention.run()).deleted).toEqual({ decisions: 0, usage: 2, rollups: 1 });
    expect((await store.usage.totals({})).requests).toBe(0);
    await retention.close();
  },
);

test("a run is bounded, and the next one goes on where it ended, also after a failure", async () => {
  const clock = new TestClock();
  let left = 10_000;
  let failing = false;
  const logger = createTestLogger();
  const retention = createRetention({
    purge: async (_, before, limit) => {
      expect(before).toBe(testStart - 7 * day);
      if (failing) throw new Error("the database is away");
      const found = Math.min(limit, left);
      left -= found;
      return found;
    },
    days: { decisions: 7, usage: 0, rollups: 0 },
    clock,
    logger,
    stepSize: 100,
    maxSteps: 30,
    pause,
  });
  expect(await retention.run()).toMatchObject({ deleted: { decisions: 3000 }, more: true, problem: "" });
  failing = true;
  expect(await retention.run()).toMatchObject({
    deleted: { decisions: 0 },
    more: true,
    problem: "the database is away",
  });
  expect(logger.lines.at(-1)).toContain("the next run goes on");
  failing = false;
  expect((await retention.run()).more).toBe(true);
  expect((await retention.run()).more).toBe(true);
  expect(await retention.run()).toMatchObject({ deleted: { decisions: 1000 }, more: false });
  expect(left).toBe(0);
  expect(retention.last).toMatchObject({ more: false });

  left = 100_000;
  const ending = retention.run();
  await retention.close();
  expect(await ending).toMatchObject({ more: true });
  expect(left).toBeGreaterThan(90_000);
});
