/**
 * `bun run soak leak [--plants 200] [--splits 1000] [--seed 1] [--type ssn]`: plants values of every type (or of those
 * named) that the plugins pii, secrets, regex_guard and text_replace look for into streamed answers, split in two at every place and at random in many, and sends them through the gateway's
 * guards. Exits 1 when a value reaches the client, when an answer differs with how it is split, or when clean text changes.
 */
import { parseArgs } from "node:util";
import { runClean, runLeaks } from "./leak/run.ts";

const { values } = parseArgs({
  options: {
    plants: { type: "string", default: "200" },
    splits: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    type: { type: "string", multiple: true },
  },
});
const [plants, splits, seed] = [values.plants, values.splits, values.seed].map(Number) as [number, number, number];
const from = performance.now();
const results = runLeaks({
  plants,
  splits,
  seed,
  ...(values.type && { types: values.type }),
  progress: (line) => console.log(`  ${line}`),
});
const bad = results.filter(({ leaks, missed }) => leaks.length + missed.length > 0);
for (const { type, leaks, missed } of bad) {
  console.log(
    `FAIL ${type}: ${missed[0] === undefined ? `split as ${leaks[0]}` : `not found in ${JSON.stringify(missed[0])}`}`,
  );
}
const streams = results.reduce((sum, one) => sum + one.streams, 0);
console.log(`${results.length} types, ${streams} streams, ${((performance.now() - from) / 1000).toFixed(0)} s`);

let changed = 0;
for (const size of [1, 4, 64]) {
  const { same, held, nsPerCharacter, megabytes } = runClean(512, size);
  if (!same) changed += 1;
  console.log(
    `${same ? "ok  " : "FAIL"} clean text in pieces of ${size}: at most ${held} held back, ${nsPerCharacter.toFixed(0)} ns a character, ${megabytes.toFixed(1)} MB more`,
  );
}
process.exit(bad.length + changed === 0 ? 0 : 1);
