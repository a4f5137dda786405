import { findPostgresProgram } from "../src/store/postgres-programs.ts";
import { installDebian } from "./debian.ts";

/**
 * `npm test`: type-check, lint, then every test. Ends with the line `N passed, N failed`. Where Redis or
 * PostgreSQL is absent it is installed if that needs no asking (root on Debian); elsewhere the tests that need it say that
 * they were skipped.
 *
 * Arguments are passed on to `bun test`.
 */
const steps: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["types", ["node_modules/.bin/tsc", "--noEmit"]],
  ["lint", ["node_modules/.bin/biome", "check", "--error-on-warnings"]],
];

if (Bun.which("redis-server") === null) installDebian("redis-server");
if (findPostgresProgram("initdb") === null) installDebian("postgresql");
let passed = 0;
let failed = 0;

for (const [name, command] of steps) {
  const { exitCode } = Bun.spawnSync([...command], { stdout: "inherit", stderr: "inherit" });
  console.log(`${exitCode === 0 ? "ok  " : "FAIL"} ${name}`);
  if (exitCode === 0) passed += 1;
  else failed += 1;
}

// Said here and not in bunfig.toml, where Bun does not read it: a busy machine is slow, not wrong.
const timeout = ["--timeout", "20000"];
const tests = Bun.spawn([process.execPath, "test", ...timeout, ...process.argv.slice(2)], {
  stdout: "inherit",
  stderr: "pipe",
});
// Bun prints its report on standard error: shown as it comes, and read for the closing counts.
let report = "";
const decoder = new TextDecoder();
for await (const chunk of tests.stderr) {
  process.stdout.write(chunk);
  report = (report + decoder.decode(chunk, { stream: true })).slice(-20_000);
}
const exitCode = await tests.exited;
const plain = Bun.stripANSI(report);
const counted = (word: string) => Number(plain.match(new RegExp(`^\\s*(\\d+) ${word}$`, "m"))?.[1] ?? 0);
const skipped = counted("skip");
passed += counted("pass");
failed += counted("fail");
// A crash, or a run that never reported, is a failure even when no test says so.
if (exitCode !== 0 && failed === 0) failed = 1;
if (process.env.CI !== undefined && skipped > 0) {
  console.log(`${skipped} tests were skipped; in CI nothing is skipped`);
  failed += skipped;
} else if (skipped > 0) {
  console.log(`${skipped} skipped; each says why`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
