import { createHash } from "node:crypto";
import type { RedisClient } from "./client.ts";
import clock from "./clock.lua" with { type: "text" };
import { Deadlines } from "./deadlines.ts";
import extend from "./extend.lua" with { type: "text" };
import heartbeat from "./heartbeat.lua" with { type: "text" };
import inspect from "./inspect.lua" with { type: "text" };
import leave from "./leave.lua" with { type: "text" };
import renew from "./renew.lua" with { type: "text" };
import reserve from "./reserve.lua" with { type: "text" };
import reset from "./reset.lua" with { type: "text" };
import { type ScriptArgument, ScriptCommand } from "./script-command.ts";
import settle from "./settle.lua" with { type: "text" };
import sliding from "./sliding.lua" with { type: "text" };
import tell from "./tell.lua" with { type: "text" };

interface Script {
  readonly source: string;
  /** The name that Redis keeps it under. */
  readonly sha: string;
}

function script(source: string): Script {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/** All that Sluice asks of Redis; each runs as one step. */
const scripts = {
  reserve: script(clock + sliding + reserve),
  settle: script(clock + sliding + settle),
  extend: script(clock + sliding + extend),
  renew: script(clock + renew),
  tell: script(tell),
  inspect: script(clock + inspect),
  reset: script(clock + sliding + reset),
  heartbeat: script(heartbeat),
  leave: script(leave),
} as const;

/** Runs a script. Rejects when there is no connection, when there is no answer in time, and with Redis's own errors. */
export type RunScript = (
  name: keyof typeof scripts,
  keys: readonly string[],
  args: readonly ScriptArgument[],
) => Promise<unknown>;

/** A script that did not reach Redis and never will. */
export class NotSent extends Error {}

/**
 * Makes the one way to Redis.
 *
 * @param timeoutMs longest wait for an answer. It may have been carried out all the same: whoever asks again must be
 *   able to do it twice.
 */
export function createScripts(client: RedisClient, timeoutMs: number): RunScript {
  const deadlines = new Deadlines(timeoutMs);
  return (name, keys, args) => {
    // ioredis would let a cluster's commands wait until it knows the cluster.
    if (client.status !== "ready")
      return Promise.reject(new NotSent(`there is no connection to Redis (${client.status})`));
    return deadlines.race(run(client, scripts[name], keys, args));
  };
}

async function run(
  client: RedisClient,
  { sha, source }: Script,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  try {
    return await client.sendCommand(new ScriptCommand(sha, keys, args));
  } catch (error) {
    // A server that is new, or that was told to forget its scripts.
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    return client.eval(source, keys.length, ...keys, ...args);
  }
}
