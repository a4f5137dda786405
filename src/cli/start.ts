import type { Command } from "commander";
import { ConfigError, flagHelp, loadConfig } from "../config.ts";
import { type Running, startSluice } from "../main.ts";
import { explainStartFailure } from "./start-failure.ts";

/** Adds `sluice start`. Every setting is also a flag, which the configuration registry reads by itself. */
export function register(program: Command): void {
  program
    .command("start")
    .description("Start the gateway.")
    .usage("[settings]")
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", () => `\nSettings (CONFIGURATION.md has their types and defaults):\n${flagHelp()}`)
    .action(async (_options: unknown, command: Command) => {
      process.exitCode = await start(command.args);
    });
}

/** Runs until a signal; answers the exit code. */
async function start(argv: readonly string[]): Promise<number> {
  let config: ReturnType<typeof loadConfig>;
  try {
    config = loadConfig({ argv, env: process.env, cwd: process.cwd() });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    return 2;
  }
  let running: Running;
  try {
    await tryToListen(config.values.host, config.values.port);
    running = await startSluice(config);
  } catch (error) {
    const failure = explainStartFailure(error, config.values);
    if (failure === null) throw error;
    console.error(`sluice: ${failure.message}`);
    return failure.exitCode;
  }
  // Before the first line: whoever waits for it may send a signal at once.
  const stopped = firstSignal();
  leaveStartBehind();
  const { url, adminKey, adminKeyCreated, demoKey } = running;

  // The first line is what programs wait for; the rest is for people, once.
  const lines = [`sluice ready ${url}`];
  if (adminKeyCreated)
    lines.push(
      "",
      `admin key    ${adminKey}`,
      "             for /admin/v1 and the page at /docs; kept in the data directory",
    );
  if (demoKey !== "") {
    lines.push(
      "",
      `gateway key  ${demoKey}`,
      "             of the application 'demo'; it is not shown again",
      "",
      "try it:",
      "",
      tryIt(url, demoKey),
      "",
    );
  }
  console.log(lines.join("\n"));

  saveAtFailure(running);
  const signal = await stopped;
  console.error(`sluice: ${signal}: letting running calls finish`);
  await running.close();
  return 0;
}

/**
 * Gives back what only starting needed: what loading left lying about, and the code that ran once; 18 MB of 136. Either call
 * alone gives back a third of that or nothing. By itself the collector gets there late, and under load not at all.
 */
export function leaveStartBehind(): void {
  Bun.gc(true);
  Bun.shrink();
}

/**
 * Throws when the address cannot be listened on. Before anything is made: keys that a first start makes are shown only by
 * it, and to nobody if it then could not listen.
 */
async function tryToListen(hostname: string, port: number): Promise<void> {
  await Bun.serve({ hostname, port, fetch: () => new Response(null, { status: 503 }) }).stop(true);
}

/** A bug that nothing catches ends the process, as it would anyhow; what waits to be stored is stored before. */
function saveAtFailure(running: Running): void {
  let failed = false;
  const end = (error: unknown) => {
    console.error("sluice: a failure that nothing caught:", error);
    if (failed) return;
    failed = true;
    void running.close(0).finally(() => process.exit(1));
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

/** How long repetitions of a signal count as the same: Ctrl-C comes from the terminal, from npm and from scripts/run.mjs. */
const sameSignalMs = 1_000;

/** Resolves at the first signal to stop. One that comes later, from somebody who will not wait, ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first = Number.POSITIVE_INFINITY;
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.on(name, () => {
        const now = performance.now();
        first = Math.min(first, now);
        if (now - first > sameSignalMs) process.exit(1);
        resolve(name);
      });
    }
  });
}

function tryIt(url: string, key: string): string {
  const body = JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }] });
  return `curl ${url}/v1/chat/completions -H 'authorization: Bearer ${key}' -H 'content-type: application/json' -d '${body}'`;
}
