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

/** Turns in which sets are measured; the best one counts, because everything else on the machine only adds. */
const turns = 7;

/**
 * Measures how long policy sets take to decide the requests of tests, in turns, so that whatever else the machine does
 * meets all of them. Looking up which policies apply is no part of it: a gateway does that once for each caller.
 *
 * @param turnMs how long one turn of one set takes, in milliseconds
 */
export function measurePace(
  sets: readonly (readonly CompiledPolicy[])[],
  cases: readonly TestCase[],
  turnMs = 30,
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
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [i, run] of runs.entries()) best[i] = Math.min(best[i]!, milliseconds(run, turnMs));
  }
  return best.map((time) => ({ microseconds: (time * 1000) / Math.max(1, cases.length), requests: cases.length }));
}

/** Of one run, averaged over as many as fit. */
function milliseconds(run: () => void, turnMs: number): number {
  const from = performance.now();
  let count = 0;
  let passed = 0;
  while (passed < turnMs) {
    run();
    count += 1;
    passed = performance.now() - from;
  }
  return passed / count;
}
