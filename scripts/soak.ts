/**
 * `bun run soak <name> [arguments]`: one of the long runs in `scripts/soak/`. They look for what only shows after many
 * repetitions, and exit 1 when they find it.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

const dir = join(import.meta.dir, "soak");
const known = readdirSync(dir)
  .filter((file) => /^[a-z-]+\.ts$/.test(file))
  .map((file) => file.slice(0, -".ts".length))
  .sort();

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !known.includes(name)) {
  console.error(`${name === undefined ? "which run?" : `unknown run '${name}'`} known: ${known.join(", ")}`);
  process.exit(2);
}
const child = Bun.spawn([process.execPath, join(dir, `${name}.ts`), ...rest], {
  stdio: ["inherit", "inherit", "inherit"],
});
process.exit(await child.exited);
