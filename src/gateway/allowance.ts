import type { Finding } from "../core/decision.ts";
import { toFinding } from "../core/engine.ts";
import type { ActualAmounts, LimitRequest, LimitStanding, LimitUnit } from "../core/limits.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { GatewayDeps } from "./deps.ts";

/** A limit that was reserved by a slice, and where it stood then. */
export interface SlicedLimit {
  readonly policy: CompiledPolicy;
  readonly limit: LimitRequest;
  readonly standing: LimitStanding;
}

/**
 * What a streamed answer may write before what was reserved for it is used up, and how it gets more.
 *
 * One per call; only for calls of which some limit was reserved by slices.
 */
export class Allowance {
  readonly #deps: Pick<GatewayDeps, "counters" | "logger">;
  readonly #id: string;
  readonly #limits: readonly SlicedLimit[];
  readonly #slice: number;
  readonly #more: ActualAmounts;
  #tokens: number;

  /** @param id under which the limits are held */
  constructor(deps: Pick<GatewayDeps, "counters" | "logger">, id: string, limits: readonly SlicedLimit[]) {
    this.#deps = deps;
    this.#id = id;
    this.#limits = limits;
    this.#slice = Math.min(...limits.map(({ limit }) => limit.sliceTokens!));
    this.#tokens = this.#slice;
    const more: { [U in LimitUnit]?: number } = {};
    // Of two policies with slices of their own the larger is taken, and what it pays for is counted as the smaller.
    for (const { limit } of limits) more[limit.unit] = Math.max(more[limit.unit] ?? 0, limit.slice!);
    this.#more = more;
  }

  /** Completion tokens that are reserved. An answer that wrote as many must be extended before it writes more. */
  get tokens(): number {
    return this.#tokens;
  }

  /**
   * Reserves another slice. `false`: no other fits, or nobody can tell; nothing was taken. Answers a promise only when
   * the counters do, and never rejects.
   */
  extend(): boolean | Promise<boolean> {
    try {
      const answer = this.#deps.counters.extend(this.#id, this.#more);
      return answer instanceof Promise ? this.#extendedLater(answer) : this.#extended(answer);
    } catch (error) {
      return this.#failed(error);
    }
  }

  /**
   * Why the answer ends here: the refusal of the limit that had least left when the call began. Which of several had no
   * room for the slice is not known.
   */
  finding(): Finding {
    const left = ({ limit, standing }: SlicedLimit) => (limit.max - standing.used) / limit.max;
    const { policy, limit, standing } = this.#limits.reduce((least, one) => (left(one) < left(least) ? one : least));
    const hit = policy.limitHit!({ ...limit, amount: limit.slice! }, { ...standing, used: limit.max });
    return toFinding(policy, hit);
  }

  async #extendedLater(answer: Promise<boolean>): Promise<boolean> {
    try {
      return this.#extended(await answer);
    } catch (error) {
      return this.#failed(error);
    }
  }

  #extended(granted: boolean): boolean {
    if (granted) this.#tokens += this.#slice;
    return granted;
  }

  #failed(error: unknown): false {
    this.#deps.logger.error({ err: error, request: this.#id }, "a limit could not be extended");
    return false;
  }
}
