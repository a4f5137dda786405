import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";

/** One measured figure. Ratios and differences are taken within one run, so that they hold on any machine. */
export interface Figure {
  /** Dotted and stable: budgets refer to it. */
  readonly name: string;
  readonly value: number;
  readonly unit: "ns" | "us" | "ms" | "/s" | "ratio" | "MB";
  /** What it was compared with or how it was taken; for the reader. */
  readonly note?: string;
}

/** The bounds a figure must keep. */
interface Budget {
  readonly min?: number;
  readonly max?: number;
}

const dir = import.meta.dir;

/**
 * Prints one table, writes `bench/results/NAME.json` and tells how many budgets were missed. A budget whose figure was
 * not measured in this run is left out, and said so.
 */
export function report(figures: readonly Figure[], kind: "full" | "quick" | "part"): number {
  const budgets = JSON.parse(readFileSync(join(dir, "budgets.json"), "utf8")) as Record<string, Budget>;
  const rows = figures.map((figure) => {
    const budget = budgets[figure.name];
    const ok =
      budget === undefined || (figure.value >= (budget.min ?? -Infinity) && figure.value <= (budget.max ?? Infinity));
    return { ...figure, budget, ok };
  });
  const width = Math.max(...rows.map(({ name }) => name.length));
  console.log(`${"figure".padEnd(width)}  ${"value".padStart(12)}  ${"budget".padEnd(10)}  `);
  for (const { name, value, unit, note, budget, ok } of rows) {
    const bound = budget === undefined ? "" : budget.min !== undefined ? `≥ ${budget.min}` : `≤ ${budget.max}`;
    const verdict = budget === undefined ? "" : ok ? "ok" : "MISSED";
    console.log(
      `${name.padEnd(width)}  ${`${show(value)} ${unit}`.padStart(12)}  ${bound.padEnd(10)}  ${verdict.padEnd(6)}  ${note ?? ""}`.trimEnd(),
    );
  }
  const missing = Object.keys(budgets).filter((name) => !figures.some((figure) => figure.name === name));
  if (missing.length > 0) console.log(`not measured in this run: ${missing.join(", ")}`);

  mkdirSync(join(dir, "results"), { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    bun: Bun.version,
  };
  const content = { at: new Date().toISOString(), kind, machine, figures: rows.map(({ budget: _, ...row }) => row) };
  writeFileSync(join(dir, "results", `${kind}.json`), `${JSON.stringify(content, null, 2)}\n`);
  return rows.filter(({ ok }) => !ok).length;
}

function show(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}
