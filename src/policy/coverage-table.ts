import type { CoverageCell, PolicyCoverage } from "../core/coverage.ts";

const words: Readonly<Record<CoverageCell["state"], string>> = {
  refused: "REFUSED",
  held_back: "held back",
  enforced: "enforced",
  recorded: "recorded",
  not_asked: "not asked",
  out_of_scope: "-",
};

/** The coverage of policies as a text table: a line for each, a column for each surface, whole and streamed. */
export function coverageTable(policies: readonly PolicyCoverage[]): readonly string[] {
  const columns = policies[0]?.cells.map(({ surface, stream }) => (stream ? `${surface}, stream` : surface)) ?? [];
  const rows = [
    ["policy", "mode", ...columns],
    ...policies.map(({ policy, mode, cells }) => [policy, mode, ...cells.map(({ state }) => words[state])]),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
}
