import type { ActualAmounts, Counters, LimitRequest, LimitUnit } from "../core/limits.ts";
import type { CompiledPolicy } from "../core/policy.ts";

/** A limit of which a streamed answer reserved only the first slice. */
export interface SlicedLimit {
  readonly policy: CompiledPolicy;
  readonly limit: LimitRequest;
  /** Seconds until its window ended, when it was reserved. */
  readonly resetSeconds: number;
}

/**
 * Keeps what an answer has reserved ahead of what it writes: takes the next slice before the last one is used up, so that
 * the answer seldom waits for the counters.
 */
export class Slices {
  readonly #counters: Pick<Counters, "extend">;
  readonly #id: string;
  readonly #step: number;
  readonly #more: ActualAmounts;
  /** Completion tokens that are paid for. */
  #paid: number;
  #refused = false;
  #taking: Promise<void> | null = null;

  /** @param id under which the limits were reserved */
  constructor(counters: Pick<Counters, "extend">, id: string, limits: readonly SlicedLimit[]) {
    this.#counters = counters;
    this.#id = id;
    this.#step = Math.max(1, Math.min(...limits.map(({ limit }) => limit.sliceTokens ?? limit.slice!)));
    this.#paid = this.#step;
    this.#more = amounts(limits, this.#step);
  }

  /** Resolves when it is known whether there is more; `null` while nothing is asked. Never rejects. */
  get taking(): Promise<void> | null {
    return this.#taking;
  }

  /** Whether so many tokens may go out: `"wait"` until {@link taking} resolves, `"over"` when there is no more to take. */
  covers(tokens: number): "yes" | "wait" | "over" {
    // A quarter before the end, so that the answer is there in time.
    while (tokens > this.#paid - this.#step / 4 && !this.#refused && this.#taking === null) this.#take();
    if (tokens <= this.#paid) return "yes";
    return this.#taking !== null ? "wait" : "over";
  }

  #take(): void {
    let answer: boolean | Promise<boolean>;
    try {
      answer = this.#counters.extend(this.#id, this.#more);
    } catch {
      answer = false;
    }
    if (!(answer instanceof Promise)) {
      this.#answered(answer);
      return;
    }
    this.#taking = answer
      .catch(() => false)
      .then((granted) => {
        this.#taking = null;
        this.#answered(granted);
      });
  }

  #answered(granted: boolean): void {
    if (granted) this.#paid += this.#step;
    else this.#refused = true;
  }
}

/** What one step takes of each unit: the counters add it to all limits of the unit, so the largest counts. */
function amounts(limits: readonly SlicedLimit[], step: number): ActualAmounts {
  const more: { [U in LimitUnit]?: number } = {};
  for (const { limit } of limits) {
    const amount = Math.ceil((limit.slice! * step) / (limit.sliceTokens ?? limit.slice!));
    more[limit.unit] = Math.max(more[limit.unit] ?? 0, amount);
  }
  return more;
}
