/**
 * `bun run soak hostile`: how long each hostile expression takes on the largest facts there can be; exits 1 when one of
 * them takes more than 20 ms.
 */
import { createCel } from "../../src/cel/cel.ts";
import { CelProblem } from "../../src/cel/checks.ts";
import { hostile, largestFacts } from "../../src/cel/hostile.cases.ts";

const most = 20;
const cel = createCel();
const facts = largestFacts();
let slow = 0;

for (const { name, source, names } of hostile) {
  const from = performance.now();
  try {
    const compiled = cel.condition(source, "stream", names);
    const loaded = performance.now();
    const times = Array.from({ length: 5 }, () => {
      const begun = performance.now();
      try {
        compiled.test(facts);
      } catch {
        // A failure is a verdict as well.
      }
      return performance.now() - begun;
    });
    // The best of some: whatever else the machine does, an expression does not get faster than it is.
    const best = Math.min(...times);
    if (best > most) slow += 1;
    const mark = best > most ? "SLOW" : "ok  ";
    console.log(`${mark} best ${show(best)}, first ${show(times[0]!)}, load ${show(loaded - from)}  ${name}`);
  } catch (error) {
    if (!(error instanceof CelProblem)) throw error;
    console.log(
      `ok   refused in ${show(performance.now() - from)}  ${name}: ${error.code} ${error.message.slice(0, 90)}`,
    );
  }
}
console.log(`${hostile.length} expressions, ${slow} over ${most} ms`);
process.exit(slow === 0 ? 0 : 1);

function show(ms: number): string {
  return `${ms.toFixed(2).padStart(6)} ms`;
}
