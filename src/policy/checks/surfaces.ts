import { coverageOf, type Standings, standings } from "../../core/coverage.ts";
import type { Phase, Surface } from "../../core/phases.ts";
import type { Problem } from "../problem.ts";
import { ruleId } from "../rule.ts";
import type { Compiled } from "./compiled.ts";
import { Places } from "./places.ts";

/**
 * A policy that is not enforced on every surface in its scope, whole answers and streams, is refused: half of a rule
 * is a rule that somebody trusts.
 */
export function checkSurfaces(file: Compiled, known: Standings = standings): Problem[] {
  const { cells } = coverageOf(file.policy, known);
  const open = cells.filter(({ state }) => state === "refused");
  if (open.length === 0) return [];
  const phases = Object.keys(file.policy.evaluate) as Phase[];
  const phase = phases.find((one) => open.some(({ phases: of }) => of[one] === "refused"))!;
  const where = [...new Set(open.map(({ surface, stream }) => `${surface}${stream ? ", streamed" : ""}`))].join("; ");
  const usable = surfacesOf(cells.filter(({ state }) => state !== "out_of_scope")).filter(
    (surface) => !open.some((cell) => cell.surface === surface),
  );
  const advice =
    usable.length === 0 ? "it is enforced on none" : `put 'surfaces: [${usable.join(", ")}]' into its scope`;
  const message = `phase ${phase} is not enforced on all surfaces in this policy's scope (not on ${where}); ${advice}`;
  const places = new Places(file);
  return [placeOf(places, file, phase, message)];
}

function placeOf(places: Places, { content, file }: Compiled, phase: Phase, message: string): Problem {
  const path = file.kind === "typescript" ? [phase] : content?.uses !== undefined ? ["uses"] : ["phase"];
  return places.problem("C066", path, message, "key") ?? places.problem("C066", [], message)!;
}

function surfacesOf(cells: readonly { readonly surface: Surface }[]): readonly Surface[] {
  return [...new Set(cells.map(({ surface }) => surface))];
}

/** In phase usage the answer is gone: a refusal there would be one on paper. */
export function checkRefusals(file: Compiled): Problem[] {
  const { content } = file;
  if (content?.phase !== "usage") return [];
  const places = new Places(file);
  return (content.rules ?? []).flatMap((rule, i) => {
    if (rule.then !== "deny") return [];
    const message = `'${ruleId(rule, i)}' cannot refuse: in phase usage the answer is gone. Write 'then: warn', or 'phase: response', for which streams are held back`;
    return places.problem("C067", ["rules", i, "then"], message) ?? [];
  });
}
