import type { Content, Facts, NestedPolicy, RuleHit, Verdict } from "../../src/sdk/index.ts";
import { notApplicable } from "../../src/sdk/index.ts";

/** A phase that a chain may take part in. */
export type Phase = keyof NestedPolicy["evaluate"];

/** One step at work. */
export interface Step {
  /** Its name, or its place from 1: what its findings and counters begin with. */
  readonly label: string;
  readonly policy: NestedPolicy;
}

/** What the steps of one phase amount to. */
export type Judge = (facts: Facts, content: Content) => Verdict;

type Ask = NonNullable<NestedPolicy["evaluate"][Phase]>;
interface Asked {
  readonly label: string;
  readonly ask: Ask;
}

function takingPart(steps: readonly Step[], phase: Phase): readonly Asked[] {
  return steps.flatMap(({ label, policy }) => {
    const ask = policy.evaluate[phase];
    return ask === undefined ? [] : [{ label, ask }];
  });
}

/** The hits of a step under its label, with at most one refusal; `null` when the step has nothing to say to this request. */
function hitsOf({ label, ask }: Asked, facts: Facts, content: Content): readonly RuleHit[] | null {
  const verdict = ask(facts, content);
  if (verdict === notApplicable) return null;
  return oneRefusal((verdict ?? []).map((hit) => ({ ...hit, rule: `${label}.${hit.rule}` })));
}

/** Without every refusal but the first. */
function oneRefusal(hits: readonly RuleHit[]): readonly RuleHit[] {
  const first = hits.find(refuses);
  return hits.filter((hit) => hit === first || !refuses(hit));
}

const refuses = ({ effect }: RuleHit): boolean => effect === "deny";

/**
 * Every step must let the request pass. All are asked, so that all warnings and modifications are known; of several
 * refusals the first step's is given. A step that fails makes the chain fail, unless another one refuses.
 */
export function judgeAll(steps: readonly Step[], phase: Phase): Judge | undefined {
  const asked = takingPart(steps, phase);
  if (asked.length === 0) return undefined;
  return (facts, content) => {
    const all: RuleHit[] = [];
    const failures: unknown[] = [];
    let applicable = false;
    for (const step of asked) {
      try {
        const hits = hitsOf(step, facts, content);
        if (hits === null) continue;
        applicable = true;
        all.push(...hits);
      } catch (error) {
        // A refusal of a later step is stronger than this failure, which may count as less.
        failures.push(error);
      }
    }
    if (failures.length > 0 && !all.some(refuses)) throw failures[0];
    if (!applicable) return notApplicable;
    return all.length === 0 ? null : oneRefusal(all);
  };
}

/** The first step that has anything to say decides; those after it are not asked. */
export function judgeFirst(steps: readonly Step[], phase: Phase): Judge | undefined {
  const asked = takingPart(steps, phase);
  if (asked.length === 0) return undefined;
  return (facts, content) => {
    let applicable = false;
    for (const step of asked) {
      const hits = hitsOf(step, facts, content);
      applicable ||= hits !== null;
      if (hits !== null && hits.length > 0) return hits;
    }
    return applicable ? null : notApplicable;
  };
}

/**
 * One step that lets the request pass is enough, and the first that does says with which warnings and modifications;
 * those after it are not asked.
 *
 * @param refuse makes the one refusal of what the steps said
 */
export function judgeAny(
  steps: readonly Step[],
  phase: Phase,
  refuse: (refusals: readonly RuleHit[]) => RuleHit,
): Judge | undefined {
  const asked = takingPart(steps, phase);
  if (asked.length === 0) return undefined;
  return (facts, content) => {
    const refusals: RuleHit[] = [];
    for (const step of asked) {
      const hits = hitsOf(step, facts, content);
      if (hits === null) continue;
      if (!hits.some(refuses)) return hits.length === 0 ? null : hits;
      refusals.push(...hits.filter(refuses));
    }
    return refusals.length === 0 ? notApplicable : [refuse(refusals)];
  };
}
