/**
 * `bun run bench [--quick] [--only e2e|streams|micro|limits|records]`: measures what has a budget and some beside it, prints one table, exits
 * 6 when a budget is missed.
 */
import { measureEndToEnd } from "./e2e.ts";
import { measureLimits } from "./limits.ts";
import { measureMicro } from "./micro.ts";
import { measureRecords } from "./records.ts";
import { type Figure, report } from "./report.ts";
import { measureStores } from "./stores.ts";
import { measureStreams } from "./streams.ts";

const args = process.argv.slice(2);
const quick = args.includes("--quick");
const only = args.includes("--only") ? args[args.indexOf("--only") + 1] : undefined;
const unknown = args.filter((arg, i) => arg !== "--quick" && arg !== "--only" && args[i - 1] !== "--only");
const parts = ["e2e", "streams", "micro", "limits", "records"];
if (unknown.length > 0 || (only !== undefined && !parts.includes(only))) {
  const accepted = parts.map((part) => `--only ${part}`).join(", ");
  console.error(`unknown: ${unknown.join(" ") || `--only ${only}`}; accepted: --quick, ${accepted}`);
  process.exit(2);
}

const figures: Figure[] = [];
// End to end first: its processes are fresh, and this one has done nothing yet that could disturb them.
if (only === undefined || only === "e2e") figures.push(...(await measureEndToEnd(quick)));
if (only === undefined || only === "streams") figures.push(...(await measureStreams(quick)));
if (only === undefined || only === "micro") figures.push(...(await measureMicro(quick)));
if (only === undefined || only === "limits") {
  figures.push(...(await measureLimits(quick)), ...(await measureStores(quick)));
}
if (only === undefined || only === "records") figures.push(...(await measureRecords(quick)));
const missed = report(figures, only !== undefined ? "part" : quick ? "quick" : "full");
if (missed > 0) console.log(`${missed} budgets missed`);
process.exit(missed > 0 ? 6 : 0);
