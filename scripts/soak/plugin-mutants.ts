/**
 * `bun run soak plugin-mutants [name…] [--sample 20] [--seed 1]`: changes the code of plugins in small ways (an operator,
 * a number, a guard left out) and runs each plugin's own tests on every change. Shows the changes that no test notices;
 * exits 1 when the tests of a plugin notice less than 80 %.
 */
import { parseArgs } from "node:util";
import { usualScore } from "../../src/policy/test/mutate.ts";
import { ProjectCopy } from "./plugin-mutants/project.ts";
import { mutatePlugin } from "./plugin-mutants/run.ts";

const { values, positionals } = parseArgs({
  options: { sample: { type: "string" }, seed: { type: "string", default: "1" } },
  allowPositionals: true,
});
for (const name of ["sample", "seed"] as const) {
  const value = values[name];
  if (value === undefined || Number.isSafeInteger(Number(value))) continue;
  console.error(`--${name} must be an integer, not '${value}'`);
  process.exit(2);
}
await using project = await ProjectCopy.create();
const known = await project.plugins();
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`unknown plugin '${unknown[0]}'; known: ${known.join(", ")}`);
  process.exitCode = 2;
} else await run(positionals.length > 0 ? positionals : known);

async function run(plugins: readonly string[]): Promise<void> {
  const seed = Number(values.seed);
  const sample = values.sample === undefined ? undefined : { size: Number(values.sample), seed };
  const progress = (done: number, of: number) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${of}${done === of ? "\r\x1b[K" : ""}`);
  };
  const rows: string[][] = [["plugin", "mutants", "noticed", "score", "seconds"]];
  let below = 0;
  for (const plugin of plugins) {
    const from = performance.now();
    const result = await mutatePlugin(project, plugin, { progress, ...(sample && { sample }) });
    const { mutants, killed, score, survivors } = result;
    for (const { at, change } of survivors) console.log(`${at}  no test notices ${change}`);
    const seconds = ((performance.now() - from) / 1_000).toFixed(0);
    rows.push([plugin, String(mutants), String(killed), `${score} %`, seconds]);
    if (score < usualScore) below += 1;
  }
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  for (const row of rows) {
    console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "));
  }
  console.log(`${plugins.length} plugins, ${below} below ${usualScore} %`);
  process.exitCode = below === 0 ? 0 : 1;
}
