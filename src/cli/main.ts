#!/usr/bin/env bun
/**
 * The command line. One file per verb; each verb's own parts are loaded only when it runs.
 *
 * Exit codes: 0 ok · 1 internal · 2 usage · 3 check failed · 4 tests failed · 5 coverage · 6 benchmark regression.
 */
import { Command, CommanderError } from "commander";
import { version } from "../../package.json";
import { applyRuntimeSettings } from "./runtime-settings.ts";

/** Verbs by name: where their file is. */
const verbs: Readonly<Record<string, () => Promise<{ register(program: Command): void }>>> = {
  start: () => import("./start.ts"),
  check: () => import("./check.ts"),
  fmt: () => import("./fmt.ts"),
  test: () => import("./test.ts"),
  ci: () => import("./ci.ts"),
  explain: () => import("./explain.ts"),
  evaluate: () => import("./evaluate.ts"),
  decisions: () => import("./decisions.ts"),
  diff: () => import("./diff.ts"),
  revisions: () => import("./revisions.ts"),
  activate: () => import("./activate.ts"),
  new: () => import("./new.ts"),
  apps: () => import("./apps.ts"),
  keys: () => import("./keys.ts"),
  migrate: () => import("./migrate.ts"),
  backup: () => import("./backup.ts"),
  restore: () => import("./restore.ts"),
  audit: () => import("./audit.ts"),
};

const program = new Command("sluice")
  .description("A policy-as-code gateway for LLM traffic.")
  .version(version)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true });

// Whoever reads the output, such as `head`, may have read enough; a gateway goes on serving all the same.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const verb = process.argv[2] ?? "";
if (verb === "start") applyRuntimeSettings();
// An unknown verb, or none, is answered with all of them: then, and only then, every file is read.
const wanted = Object.hasOwn(verbs, verb) ? [verbs[verb]!] : Object.values(verbs);
for (const load of wanted) (await load()).register(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has said what is wrong; asking for help or the version is not an error.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
