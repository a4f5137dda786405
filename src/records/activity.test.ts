import { describe, expect, test } from "bun:test";
import type { ActivityEvent } from "../core/activity.ts";
import { createTestLogger } from "../store/testing.ts";
import { createActivity } from "./activity.ts";

const event = (at: number): ActivityEvent => ({
  kind: "policies",
  at,
  load: { result: "loaded", revision: "r", problems: [] },
});
const all = () => true;
const times = (events: readonly { readonly event: ActivityEvent }[]) => events.map(({ event: { at } }) => at);

function setUp(options: Partial<Parameters<typeof createActivity>[0]> = {}) {
  const logger = createTestLogger();
  const wanted: boolean[] = [];
  const feed = createActivity({ logger, onWanted: (now) => wanted.push(now), ...options });
  return { feed, logger, wanted };
}

describe("the activity", () => {
  test("tells each follower what it wants, in order, once", () => {
    const { feed } = setUp();
    const odd = feed.follow(({ at }) => at % 2 === 1, null);
    const every = feed.follow(all, null);
    for (let at = 1; at <= 5; at += 1) feed.tell(event(at));
    expect([times(odd.take()), times(every.take())]).toEqual([
      [1, 3, 5],
      [1, 2, 3, 4, 5],
    ]);
    expect([odd.take(), every.take()]).toEqual([[], []]);
    feed.tell(event(6));
    expect([times(odd.take()), times(every.take())]).toEqual([[], [6]]);
  });

  test("is not wanted until somebody follows, and keeps nothing till then", () => {
    const { feed, wanted } = setUp();
    expect(feed.wanted).toBe(false);
    feed.tell(event(1));
    const follower = feed.follow(all, null);
    expect([feed.wanted, wanted]).toEqual([true, [true]]);
    expect(follower.take()).toEqual([]);
  });

  test("calls a follower once for all that comes until it takes it", () => {
    const { feed } = setUp();
    const follower = feed.follow(all, null);
    let calls = 0;
    follower.onReady(() => {
      calls += 1;
    });
    feed.tell(event(1));
    feed.tell(event(2));
    expect(calls).toBe(1);
    follower.take();
    feed.tell(event(3));
    expect(calls).toBe(2);
  });

  test("goes on where a follower was cut off, without a gap, for as long as events are kept", () => {
    const { feed } = setUp();
    const first = feed.follow(all, null);
    feed.tell(event(1));
    feed.tell(event(2));
    const [seen] = first.take();
    first.leave();
    feed.tell(event(3));
    const second = feed.follow(({ at }) => at !== 2, seen!.id);
    expect([second.gap, times(second.take())]).toEqual([null, [3]]);
  });

  test("goes on after a place that is no event a follower wanted", () => {
    const { feed } = setUp();
    const first = feed.follow(({ at }) => at > 10, null);
    const beginning = first.newest;
    feed.tell(event(1));
    const place = first.newest;
    feed.tell(event(11));
    expect(times(feed.follow(all, place).take())).toEqual([11]);
    expect(times(feed.follow(all, beginning).take())).toEqual([1, 11]);
  });

  test.each([3, 4, 7, 30])("keeps the newest events of a ring that %p went through", (told) => {
    const { feed } = setUp({ kept: 4 });
    const first = feed.follow(all, null);
    const beginning = first.newest;
    for (let at = 1; at <= told; at += 1) feed.tell(event(at));
    const ids = first.take().map(({ id }) => id);
    for (const [i, id] of ids.entries()) {
      const resumed = feed.follow(all, id);
      const kept = i >= told - 4;
      expect(resumed.gap).toBe(kept ? null : "unknown_id");
      expect(times(resumed.take())).toEqual(kept ? Array.from({ length: told - i - 1 }, (_, n) => i + 2 + n) : []);
      resumed.leave();
    }
    expect(feed.follow(all, beginning).gap).toBe(told <= 4 ? null : "unknown_id");
  });

  test("tells of a gap for an id of another time, and goes on from now", () => {
    const { feed } = setUp();
    const follower = feed.follow(all, "of-another-process");
    feed.tell(event(1));
    expect([follower.gap, times(follower.take())]).toEqual(["unknown_id", [1]]);
  });

  test("drops a follower for whom too many events wait, and lets go of them; the others go on", () => {
    const { feed, logger } = setUp({ maxWaiting: 3 });
    const slow = feed.follow(all, null);
    const quick = feed.follow(all, null);
    const told: unknown[] = [];
    slow.onReady(() => told.push(slow.ended));
    for (let at = 1; at <= 5; at += 1) {
      feed.tell(event(at));
      expect(times(quick.take())).toEqual([at]);
    }
    expect([slow.ended, quick.ended, feed.followers]).toEqual(["slow", null, 1]);
    expect(told).toEqual([null, "slow"]);
    expect(slow.take()).toEqual([]);
    expect(logger.lines.filter((line) => line.startsWith("warn"))).toHaveLength(1);
  });

  test("refuses more followers than it may have, and takes another when one left", () => {
    const { feed } = setUp({ maxFollowers: 2 });
    const one = feed.follow(all, null);
    feed.follow(all, null);
    expect(() => feed.follow(all, null)).toThrow("Already 2 follow");
    one.leave();
    one.leave();
    feed.follow(all, null);
    expect(feed.followers).toBe(2);
  });

  test("is wanted for a while after the last follower left, then forgets", async () => {
    const { feed, wanted } = setUp({ lingerMs: 5 });
    const first = feed.follow(all, null);
    feed.tell(event(1));
    const place = first.newest;
    first.leave();
    expect(feed.wanted).toBe(true);
    while (feed.wanted) await Bun.sleep(1);
    expect(wanted).toEqual([true, false]);
    expect(feed.follow(all, place).gap).toBe("unknown_id");
  });

  test("ends all followers when it is closed, and takes no more", () => {
    const { feed } = setUp();
    const followers = [feed.follow(all, null), feed.follow(all, null)];
    feed.close();
    expect(followers.map(({ ended }) => ended)).toEqual(["closed", "closed"]);
    expect([feed.wanted, feed.followers]).toEqual([false, 0]);
    expect(() => feed.follow(all, null)).toThrow();
  });

  test("gives ids that say nothing of how much there was", () => {
    const { feed } = setUp();
    const follower = feed.follow(all, null);
    for (let at = 0; at < 1000; at += 1) feed.tell(event(at));
    const ids = follower.take().map(({ id }) => id);
    expect(new Set(ids).size).toBe(1000);
    expect(ids.every((id) => /^[\w-]{12}$/.test(id))).toBe(true);
    expect([...ids].sort()).not.toEqual(ids);
  });
});
