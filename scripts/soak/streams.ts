/**
 * `bun run soak streams [--cases 100000] [--seed n] [--surface chat] [--megabytes 100]`: mutated streams, answers and
 * requests of every surface; then an answer of 100 MB through a gateway. Exits 1 when something crashes or hangs, when
 * bytes that nobody changes differ, or when memory grows by more than 30 MB.
 */
import { parseArgs } from "node:util";
import { carryLarge } from "./streams/large.ts";
import { runStreams } from "./streams/run.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 32) },
    surface: { type: "string", multiple: true },
    megabytes: { type: "string", default: "100" },
  },
});
const [cases, seed, megabytes] = [values.cases, values.seed, values.megabytes].map(Number) as [number, number, number];
for (const [name, value] of Object.entries({ cases, seed, megabytes })) {
  if (Number.isSafeInteger(value) && value >= 0) continue;
  console.error(`--${name} must be a whole number`);
  process.exit(2);
}

/** Most that memory may grow, in megabytes. */
const mostGrowth = 30;
let failed = 0;
const check = (ok: boolean, what: string) => {
  console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
  if (!ok) failed += 1;
};

const progress = (line: string) => console.log(`  ${line}`);
const { failures, residentMb } = await runStreams({
  seed,
  cases,
  progress,
  ...(values.surface && { surfaces: values.surface }),
});
for (const failure of failures.slice(0, 20))
  console.log(`  ${failure.surface}, case ${failure.case}: ${failure.problem}`);
check(failures.length === 0, `seed ${seed}: ${cases} cases a surface, ${failures.length} failures`);
const grown = Math.max(0, ...residentMb) - (residentMb[0] ?? 0);
check(grown < 100, `memory of this process: ${grown.toFixed(0)} MB more at most than after the first surface`);

if (megabytes > 0) {
  for (const how of ["plain", "guarded"] as const) {
    const { megabytes: carried, seconds, grownMb, ended } = await carryLarge(megabytes, how);
    check(
      ended === "data: [DONE]" && carried >= megabytes * 0.99,
      `${how}: ${carried.toFixed(0)} MB in ${seconds.toFixed(1)} s, to its end`,
    );
    check(grownMb < mostGrowth, `${how}: memory grew by ${grownMb.toFixed(1)} MB`);
  }
}
process.exit(failed === 0 ? 0 : 1);
