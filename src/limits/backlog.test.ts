import { describe, expect, test } from "bun:test";
import type { Reservation, ReserveResult } from "../core/limits.ts";
import { Backlog, type BacklogOptions } from "./backlog.ts";

const owner = { id: "acme", timeZone: "UTC" };
const tokens = (key: string, changes: Partial<Reservation> = {}): Reservation => ({
  key,
  unit: "tokens",
  window: { every: "day" },
  max: 10,
  amount: 5,
  onStoreDown: "local",
  ...changes,
});

type RemoteStore = BacklogOptions["remote"];

/** A store that is away while `away` is set, and notes what it is told. */
class Store implements RemoteStore {
  away = false;
  readonly told: string[] = [];
  over = new Set<string>();
  async reserve(_id: string, _owner: object, reservations: readonly Reservation[]): Promise<ReserveResult> {
    if (this.away) throw new Error("away");
    this.told.push(...reservations.map(({ key, amount }) => `${key}+${amount}`));
    return { granted: true, states: [], exhausted: [] };
  }
  ending() {
    return undefined;
  }
  windowOf() {
    return "";
  }
  isCurrent({ reservation }: { reservation: Reservation }) {
    return !this.over.has(reservation.key);
  }
  /** What ends a request of that name. */
  ends(name: string) {
    return async () => {
      if (this.away) throw new Error("away");
      this.told.push(name);
    };
  }
}

function open(changes: Partial<ConstructorParameters<typeof Backlog>[0]> = {}) {
  const store = new Store();
  let dropped = 0;
  const backlog = new Backlog({
    remote: store,
    leaseSeconds: 3600,
    maxPending: 100,
    onDropped: (count) => {
      dropped += count;
    },
    ...changes,
  });
  return { store, backlog, dropped: () => dropped };
}

describe("what waits for the store", () => {
  test("is told in order, once, when the store is back", async () => {
    const { store, backlog } = open();
    store.away = true;
    for (const name of ["a", "b", "c"]) backlog.add(store.ends(name));
    await backlog.flush();
    expect([store.told, backlog.size]).toEqual([[], 3]);
    store.away = false;
    await Promise.all([backlog.flush(), backlog.flush()]);
    await backlog.flush();
    expect([store.told, backlog.size]).toEqual([["a", "b", "c"], 0]);
  });

  test("is bounded: the oldest make room, and are counted", async () => {
    const { store, backlog, dropped } = open({ maxPending: 2 });
    for (const name of ["a", "b", "c"]) backlog.add(store.ends(name));
    await backlog.flush();
    expect([store.told, dropped()]).toEqual([["b", "c"], 1]);
  });

  test("is dropped and counted once the store has given it up", async () => {
    const { store, backlog, dropped } = open({ leaseSeconds: 0 });
    backlog.add(store.ends("late"));
    const from = performance.now();
    while (performance.now() === from);
    await backlog.flush();
    expect([store.told, backlog.size, dropped()]).toEqual([[], 0, 1]);
  });

  test("uses of one counter are added up; what was held, and windows that are over, are left out", async () => {
    const { store, backlog } = open();
    const all = [tokens("a"), tokens("b"), tokens("held", { unit: "concurrency" }), tokens("over")];
    store.over.add("over");
    backlog.charge(owner, 0, all, { tokens: 3 });
    backlog.charge(owner, 0, [tokens("a")], {});
    backlog.charge(owner, 0, [tokens("a")], { tokens: 0 });
    store.away = true;
    await backlog.flush();
    store.away = false;
    await backlog.flush();
    await backlog.flush();
    expect([store.told, backlog.size]).toEqual([["a+8", "b+3"], 0]);
  });

  test("counters that wait are bounded too", async () => {
    const { store, backlog, dropped } = open({ maxPending: 2 });
    backlog.charge(owner, 0, [tokens("a"), tokens("b"), tokens("c"), tokens("a")], {});
    await backlog.flush();
    expect([store.told, dropped()]).toEqual([["a+10", "b+5"], 1]);
  });
});
