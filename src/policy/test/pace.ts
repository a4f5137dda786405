import { evaluate } from "../../core/engine.ts";
import type { CompiledPolicy } from "../../core/policy.ts";
import type { TestCase } from "./cases.ts";
import { inScopeOf } from "./run.ts";

/** How long a policy set takes for one request, in microseconds. */
export interface Pace {
  readonly microseconds: number;
  /** Requests that it was measured over: those of the tests. */
  readonly requests: number;
}

/**
 * Measures how long policy sets take to decide the requests of tests. The sets take turns, so that whatever else the
 * machine does meets all of them, and of each the best turn counts, because everything else only adds. Looking up which
 * policies apply is no part of it: a gateway does that once for each caller.
 *
 * @param milliseconds how long all of it may take
 */
export function measurePace(
  sets: readonly (readonly CompiledPolicy[])[],
  cases: readonly TestCase[],
  milliseconds = 1_000,
): readonly Pace[] {
  const runs = sets.map((policies) => {
    const requests = cases.map((one) => ({ one, policies: inScopeOf(policies, one.facts, one.timeZone) }));
    return () => {
      for (const { one, policies: inScope } of requests) {
        evaluate(inScope, one.phase, one.facts, undefined, { texts: () => one.texts });
      }
    };
  });
  const best = runs.map(() => Number.POSITIVE_INFINITY);
  const end = performance.now() + milliseconds;
  for (let turn = 0; turn < leastTurns || performance.now() < end; turn += 1) {
    for (const [i, run] of runs.entries()) {
      const from = performance.now();
      run();
      best[i] = Math.min(best[i]!, performance.now() - from);
    }
  }
  return best.map((time) => ({ microseconds: (time * 1000) / Math.max(1, cases.length), requests: cases.length }));
}

const leastTurns = 20;
