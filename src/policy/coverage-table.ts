import type { CoverageState, PolicyCoverage } from "../core/coverage.ts";
import { type Surface, surfaces } from "../core/phases.ts";

const words: Readonly<Record<CoverageState, string>> = {
  refused: "REFUSED",
  held_back: "held back",
  enforced: "enforced",
  recorded: "recorded",
  not_asked: "not asked",
  out_of_scope: "-",
};

/**
 * The coverage of policies as a text table: for each a line for what becomes of it, whole and streamed, and the surfaces
 * that is so on. Those that its scope leaves out are not listed.
 */
export function coverageTable(policies: readonly PolicyCoverage[]): readonly string[] {
  const rows = [["policy", "mode", "whole", "streamed", "surfaces"], ...policies.flatMap(rowsOf)];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
}

function rowsOf({ policy, mode, cells }: PolicyCoverage): string[][] {
  const groups = new Map<string, { readonly states: readonly string[]; readonly on: Surface[] }>();
  for (const surface of surfaces) {
    const of = [false, true].map((stream) => cells.find((cell) => cell.surface === surface && cell.stream === stream));
    const states = of.map((cell) => words[cell?.state ?? "out_of_scope"]);
    if (states.every((word) => word === words.out_of_scope)) continue;
    const group = groups.get(states.join()) ?? { states, on: [] };
    groups.set(states.join(), group);
    group.on.push(surface);
  }
  if (groups.size === 0) return [[policy, mode, words.out_of_scope, words.out_of_scope, "none"]];
  return [...groups.values()].map(({ states, on }) => [
    policy,
    mode,
    ...states,
    on.length === surfaces.length ? "all" : on.join(", "),
  ]);
}
