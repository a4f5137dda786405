/**
 * `bun run soak differential [seed] [expressions]`: random expressions as generated code and by the library; exits 1 on
 * a difference.
 */
import { compareWithLibrary } from "../../src/cel/testing-differential.ts";

const [seed = Date.now() % 2 ** 32, wanted = 100_000] = process.argv.slice(2).map(Number);
const from = performance.now();
const { differences, ...count } = compareWithLibrary(seed, wanted);
for (const difference of differences.slice(0, 20)) console.log(difference);
const seconds = ((performance.now() - from) / 1_000).toFixed(0);
console.log(
  `seed ${seed}: ${count.generated} compiled, ${count.interpreted} left to the library, ${count.refused} refused; ` +
    `${count.evaluations} evaluations, ${count.failures} of them failures; ${differences.length} differences; ${seconds} s`,
);
process.exit(differences.length === 0 ? 0 : 1);
