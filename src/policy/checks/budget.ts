import { maxPhaseSteps } from "../../cel/cost.ts";
import { entry } from "../../core/entry.ts";
import type { Phase } from "../../core/phases.ts";
import type { Scope } from "../../core/policy.ts";
import type { Problem } from "../problem.ts";
import type { Compiled } from "./compiled.ts";
import { Places } from "./places.ts";

/** Whom policies name, from what tells most of them apart to what tells least. */
const groups = ["apps", "keys", "teams", "env", "orgs"] as const satisfies readonly (keyof Scope)[];

interface Share {
  readonly file: Compiled;
  readonly steps: number;
}

/**
 * Bounds what the expressions of all policies that one request can meet in a phase take together, at their worst. Of
 * policies that name whom they are for, a request meets those of one application, one key, one team and so on.
 */
export function checkBudget(files: readonly Compiled[]): Problem[] {
  return (["request", "response", "usage"] as const).flatMap((phase) => {
    const shares = sharesIn(files, phase);
    // Nearly always all policies together are far below it, whomever they are for.
    if (total(shares) <= maxPhaseSteps) return [];
    const met = [...ofAnybody(shares), ...groups.flatMap((group) => dearest(shares, group))];
    const most = total(met);
    if (most <= maxPhaseSteps) return [];
    const [largest] = met.toSorted((a, b) => b.steps - a.steps);
    const text = `the expressions that one request can meet in phase ${phase} could take ${count(most)} steps together; the most is ${count(maxPhaseSteps)}. Those of this policy take ${count(largest!.steps)}, more than any other's: make them simpler, or their scope narrower`;
    const places = new Places(largest!.file);
    const key = largest!.file.content?.rules === undefined ? "match" : "rules";
    return places.problem("C065", [key], text, "key") ?? places.problem("C065", [], text)!;
  });
}

function sharesIn(files: readonly Compiled[], phase: Phase): readonly Share[] {
  return files.flatMap((file) => {
    if (file.policy.evaluate[phase] === undefined) return [];
    const steps = file.conditions.reduce((sum, { cel }) => sum + cel.bound.steps, 0);
    return steps === 0 ? [] : [{ file, steps }];
  });
}

function groupOf({ file }: Share): (typeof groups)[number] | undefined {
  return groups.find((group) => file.policy.scope[group] !== undefined);
}

function ofAnybody(shares: readonly Share[]): Share[] {
  return shares.filter((share) => groupOf(share) === undefined);
}

/** The shares of the one application (key, team …) whose policies take most. */
function dearest(shares: readonly Share[], group: (typeof groups)[number]): readonly Share[] {
  const byName = new Map<string, Share[]>();
  for (const share of shares) {
    if (groupOf(share) !== group) continue;
    for (const name of new Set(share.file.policy.scope[group])) entry(byName, name, () => []).push(share);
  }
  return [...byName.values()].toSorted((a, b) => total(b) - total(a))[0] ?? [];
}

function total(shares: readonly Share[]): number {
  return shares.reduce((sum, { steps }) => sum + steps, 0);
}

function count(steps: number): string {
  return Math.ceil(steps).toLocaleString("en-US");
}
