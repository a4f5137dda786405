import { expect } from "bun:test";
import fc from "fast-check";
import type { Counters, LimitUnit, LimitWindow, ReserveResult } from "../core/limits.ts";
import type { TestClock } from "./conformance.ts";

/** The counters that the model plays with: every kind of window and of unit. */
const kinds: readonly { readonly unit: LimitUnit; readonly window: LimitWindow; readonly max: number }[] = [
  { unit: "requests", window: { every: "minute" }, max: 3 },
  { unit: "tokens", window: { every: "day" }, max: 40 },
  { unit: "tokens", window: { sliding: 60 }, max: 12 },
  { unit: "concurrency", window: { every: "minute" }, max: 2 },
];
const owner = { id: "acme", timeZone: "UTC" };
const slidingMs = 60_000;
/** How late an adapter may let a use leave a sliding window. */
const slackMs = slidingMs / 60;

type Step =
  | {
      readonly do: "reserve";
      readonly id: number;
      readonly wants: readonly { readonly kind: number; readonly amount: number }[];
    }
  | { readonly do: "settle"; readonly id: number; readonly tokens: number }
  | { readonly do: "release"; readonly id: number }
  | { readonly do: "extend"; readonly id: number; readonly tokens: number }
  | { readonly do: "advance"; readonly ms: number };

interface Use {
  readonly kind: number;
  readonly at: number;
  amount: number;
}

const id = fc.integer({ min: 0, max: 15 });
const wants = fc.array(fc.record({ kind: fc.nat(kinds.length - 1), amount: fc.nat(8) }), {
  minLength: 1,
  maxLength: 4,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("reserve" as const), id, wants }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const), id, tokens: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("extend" as const), id, tokens: fc.nat(6) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: fc.oneof(fc.nat(2000), fc.nat(70_000), fc.constantFrom(59_999, 60_000, 61_000, 86_400_000)),
    }),
  },
);

/**
 * Plays random steps against counters and against a model that keeps every use as a list, and compares every answer.
 * Where a sliding window may be up to {@link slackMs} late, the model accepts either answer and follows it.
 */
export async function modelProperty(
  open: () => Promise<{ clock: TestClock; counters: Counters; prefix: string }>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const { clock, counters, prefix } = await open();
      try {
        const model = new Model();
        for (const one of steps) {
          if (one.do === "advance") clock.advance(one.ms);
          else if (one.do === "release") {
            const open = `${prefix}${model.nameOf(one.id)}`;
            await counters.release(open);
            await counters.release(open);
            model.end(one.id, () => 0);
          } else if (one.do === "settle") {
            const open = `${prefix}${model.nameOf(one.id)}`;
            await counters.settle(open, { tokens: one.tokens });
            await counters.settle(open, { tokens: 0 });
            await counters.release(open);
            model.end(one.id, ({ kind, amount }) => (kinds[kind]!.unit === "tokens" ? one.tokens : amount));
          } else if (one.do === "extend") {
            const answer = await counters.extend(`${prefix}${model.nameOf(one.id)}`, { tokens: one.tokens });
            model.extend(one.id, clock.now(), one.tokens, answer);
          } else {
            const reservations = one.wants.map(({ kind, amount }) => ({
              ...kinds[kind]!,
              key: `${prefix}|${kind}`,
              amount,
              onStoreDown: "deny" as const,
            }));
            const answer = await counters.reserve(`${prefix}${model.nameOf(one.id)}`, owner, reservations);
            model.reserve(one.id, clock.now(), one.wants, answer);
          }
        }
      } finally {
        await counters.close();
      }
    }),
    { numRuns: 150 },
  );
}

class Model {
  readonly #uses: Use[] = [];
  readonly #answers = new Map<number, ReserveResult>();
  readonly #open = new Map<number, Use[]>();
  /** How many requests an id has stood for: ids are not used again once their request ended. */
  readonly #ended = new Map<number, number>();

  nameOf(id: number): string {
    return `${id}.${this.#ended.get(id) ?? 0}`;
  }

  reserve(id: number, now: number, wants: readonly { kind: number; amount: number }[], answer: ReserveResult): void {
    const before = this.#answers.get(id);
    if (before !== undefined) {
      expect(answer).toEqual(before);
      return;
    }
    this.#answers.set(id, answer);
    // Uses that surely count, and uses that may.
    const least = kinds.map((_, kind) => this.#used(kind, now, 0));
    const most = kinds.map((_, kind) => this.#used(kind, now, slackMs));
    const [sure, possible] = [[...least], [...most]];
    let mustDeny = false;
    let mayDeny = false;
    for (const { kind, amount } of wants) {
      sure[kind]! += amount;
      possible[kind]! += amount;
      mustDeny ||= sure[kind]! > kinds[kind]!.max;
      mayDeny ||= possible[kind]! > kinds[kind]!.max;
    }
    if (mustDeny) expect(answer.granted, "granted beyond the maximum").toBe(false);
    if (!mayDeny) expect(answer.granted, "denied with room left").toBe(true);
    expect(answer.exhausted.length > 0).toBe(!answer.granted);
    wants.forEach(({ kind }, i) => {
      const { used, remaining, resetSeconds } = answer.states[i]!;
      expect(used).toBeGreaterThanOrEqual(answer.granted ? sure[kind]! : least[kind]!);
      expect(used).toBeLessThanOrEqual(answer.granted ? possible[kind]! : most[kind]!);
      expect(remaining).toBe(Math.max(0, kinds[kind]!.max - used));
      expect(resetSeconds).toBeGreaterThanOrEqual(1);
    });
    if (!answer.granted) {
      this.#renew(id);
      return;
    }
    const taken = wants.map(({ kind, amount }) => ({ kind, at: now, amount }));
    this.#uses.push(...taken);
    this.#open.set(id, taken);
  }

  extend(id: number, now: number, tokens: number, answer: boolean): void {
    const open = this.#open.get(id);
    if (open === undefined) {
      expect(answer, "extended what is not open").toBe(false);
      return;
    }
    const sure = kinds.map((_, kind) => this.#used(kind, now, 0));
    const possible = kinds.map((_, kind) => this.#used(kind, now, slackMs));
    let mustDeny = false;
    let mayDeny = false;
    const extended = open.filter(({ kind }) => kinds[kind]!.unit === "tokens" && tokens > 0);
    for (const use of extended) {
      const { kind } = use;
      // In a window that is over there is room for anything.
      if (this.#counts(use, now, 0)) sure[kind]! += tokens;
      if (this.#counts(use, now, slackMs)) possible[kind]! += tokens;
      mustDeny ||= this.#counts(use, now, 0) && sure[kind]! > kinds[kind]!.max;
      mayDeny ||= this.#counts(use, now, slackMs) && possible[kind]! > kinds[kind]!.max;
    }
    if (mustDeny) expect(answer, "extended beyond the maximum").toBe(false);
    if (!mayDeny) expect(answer, "not extended with room left").toBe(true);
    if (answer) for (const use of extended) use.amount += tokens;
  }

  end(id: number, actual: (use: Use) => number): void {
    for (const use of this.#open.get(id) ?? []) {
      use.amount = kinds[use.kind]!.unit === "concurrency" ? 0 : actual(use);
    }
    if (this.#open.delete(id)) this.#renew(id);
  }

  #renew(id: number): void {
    this.#answers.delete(id);
    this.#ended.set(id, (this.#ended.get(id) ?? 0) + 1);
  }

  #counts({ kind, at }: Use, now: number, slack: number): boolean {
    const { unit, window } = kinds[kind]!;
    if (unit === "concurrency") return true;
    if ("sliding" in window) return now < at + slidingMs + slack;
    const length = window.every === "minute" ? 60_000 : 86_400_000;
    return Math.floor(at / length) === Math.floor(now / length);
  }

  #used(kind: number, now: number, slack: number): number {
    return this.#uses
      .filter((use) => use.kind === kind && this.#counts(use, now, slack))
      .reduce((sum, { amount }) => sum + amount, 0);
  }
}
