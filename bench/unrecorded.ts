/** Sluice as `sluice start` starts it, but for records of calls, which nobody takes: what recording is measured beside. */
import { applyRuntimeSettings } from "../src/cli/runtime-settings.ts";
import { leaveStartBehind } from "../src/cli/start.ts";
import { loadConfig } from "../src/config.ts";
import { startSluice } from "../src/main.ts";

applyRuntimeSettings();
const config = loadConfig({ argv: process.argv.slice(2), env: {}, cwd: process.cwd() });
const nothing = () => "";
const records = { encodeUsage: nothing, encodeDecision: nothing, append: () => Promise.resolve() };
const { url, demoKey } = await startSluice(config, { records });
leaveStartBehind();
console.log(`sluice ready ${url}\n${demoKey}`);
