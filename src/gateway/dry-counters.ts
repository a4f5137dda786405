import type { CounterState, Counters, LimitWindow, Reservation } from "../core/limits.ts";

/** The calendar window that an instant lies in; milliseconds, the end not included. */
export type WindowOf = (
  now: number,
  every: "hour" | "day" | "week" | "month",
  timeZone: string,
) => { readonly end: number };

/** What can be asked of counters without touching them. */
export interface DryCountersOptions {
  readonly counters: Pick<Counters, "inspect">;
  readonly windowOf: WindowOf;
  readonly now: () => number;
}

/** What else counters do, done to nothing: nothing was taken. */
const untouched = { settle: () => undefined, release: () => undefined, close: () => undefined };

/**
 * Counters that say what a reservation would come to and take nothing: they cannot, having only what looks. Each counter
 * is looked at once for as long as these are used.
 */
export function createDryCounters({ counters, windowOf, now }: DryCountersOptions): Counters {
  const seen = new Map<string, Promise<{ readonly used: number; readonly resetSeconds: number } | null>>();

  async function look(owner: Parameters<Counters["reserve"]>[1], key: string) {
    let cursor: string | null = null;
    do {
      const page = await counters.inspect(owner, { prefix: key, ...(cursor !== null && { cursor }) });
      const found = page.counters.find((counter) => counter.key === key);
      if (found !== undefined) return found;
      cursor = page.next;
    } while (cursor !== null);
    return null;
  }

  const lookOnce = (owner: Parameters<Counters["reserve"]>[1], key: string) => {
    const known = seen.get(key) ?? look(owner, key);
    seen.set(key, known);
    return known;
  };

  return {
    ...untouched,
    inspect: (owner, query) => counters.inspect(owner, query),
    extend: () => false,
    reset: () => false,
    async reserve(_id, owner, reservations) {
      let looked: Awaited<ReturnType<typeof lookOnce>>[];
      try {
        looked = await Promise.all(reservations.map(({ key }) => lookOnce(owner, key)));
      } catch (error) {
        if (reservations.some(({ onStoreDown }) => onStoreDown === "deny")) throw error;
        // Whoever counts alone begins at nothing.
        looked = reservations.map(() => null);
      }
      const wanted = new Map<string, number>();
      const usedOf = ({ key, amount }: Reservation, i: number) => {
        const before = (looked[i]?.used ?? 0) + (wanted.get(key) ?? 0);
        wanted.set(key, (wanted.get(key) ?? 0) + amount);
        return before;
      };
      const used = reservations.map(usedOf);
      const exhausted = reservations.flatMap(({ amount, max }, i) => (used[i]! + amount > max ? [i] : []));
      const granted = exhausted.length === 0;
      const states = reservations.map(({ amount, max, window }, i): CounterState => {
        const taken = used[i]! + (granted ? amount : 0);
        const resetSeconds = looked[i]?.resetSeconds ?? lengthOf(window, owner.timeZone);
        return { used: taken, remaining: Math.max(0, max - taken), resetSeconds };
      });
      return { granted, states, exhausted };
    },
  };

  /** Seconds until the window of a counter that nothing was taken from ends. */
  function lengthOf(window: LimitWindow, timeZone: string): number {
    if ("sliding" in window) return window.sliding;
    const { every } = window;
    const instant = now();
    const end =
      every === "second" || every === "minute"
        ? nextMultiple(instant, every === "second" ? 1000 : 60_000)
        : windowOf(instant, every, timeZone).end;
    return Math.max(1, Math.ceil((end - instant) / 1000));
  }
}

function nextMultiple(instant: number, of: number): number {
  return (Math.floor(instant / of) + 1) * of;
}
