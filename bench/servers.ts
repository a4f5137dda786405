import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { stringify } from "yaml";
import type { LoadResult } from "./load.ts";

const root = join(import.meta.dir, "..");
/** Requests under way at once where nothing else is said. */
export const connections = 32;

/** Where a server is, and the key that it wants. */
export interface Target {
  readonly url: string;
  readonly key: string;
}

/** How a gateway is started other than by `sluice start` alone. */
export interface SluiceOptions {
  /** Arguments of its own. */
  readonly args?: readonly string[];
  /** What starts it, where that is not the command line. */
  readonly program?: string;
}

/** Processes that are measured, and their files: all of it ends with the block that it was opened in. */
export class Servers implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  readonly #processes: Subprocess[] = [];

  /** Starts a program that prints `… ready URL` when it listens. */
  async start(
    args: readonly string[],
  ): Promise<{ url: string; lines: (enough: (text: string) => boolean) => Promise<string> }> {
    const child = Bun.spawn([process.execPath, ...args], { cwd: root, stdout: "pipe", stderr: "inherit" });
    this.#processes.push(child);
    let text = "";
    const reader = child.stdout.getReader();
    const decoder = new TextDecoder();
    const lines = async (enough: (text: string) => boolean) => {
      while (!enough(text)) {
        const { done, value } = await reader.read();
        if (done) throw new Error(`${args[0]} ended before it was ready`);
        text += decoder.decode(value, { stream: true });
      }
      return text;
    };
    const ready = await lines((so) => /ready http\S+\n/.test(so));
    return { url: /ready (http\S+)/.exec(ready)![1]!, lines };
  }

  /** Starts a provider that answers at once; returns its URL. */
  async startEcho(): Promise<string> {
    return (await this.start(["src/providers/echo/serve.ts"])).url;
  }

  /** Starts the yardstick: a proxy that only forwards. */
  async startBare(provider: string): Promise<Target> {
    return { url: (await this.start(["bench/proxy.ts", provider])).url, key: "none" };
  }

  /** Starts a gateway with these policies in front of a provider. */
  async startSluice(
    provider: string,
    policies: Readonly<Record<string, object>>,
    { args = [], program }: SluiceOptions = {},
  ): Promise<Target> {
    const dir = join(this.#dir, String(this.#processes.length));
    const org = join(dir, "policies", "org");
    mkdirSync(org, { recursive: true });
    for (const [name, policy] of Object.entries(policies)) writeFileSync(join(org, name), stringify(policy));
    const config = join(dir, "sluice.config.yaml");
    const openai = { kind: "openai", base_url: `${provider}/v1`, api_key: "sk-bench" };
    writeFileSync(config, stringify({ providers: { openai } }));
    const { url, lines } = await this.start([
      ...(program === undefined ? ["src/cli/main.ts", "start"] : [program]),
      ...["--port", "0", "--config", config, "--policies-dir", join(dir, "policies")],
      ...["--data-dir", join(dir, "data"), "--log-level", "warn", ...args],
    ]);
    const key = /slc_\S+/.exec(await lines((text) => text.includes("slc_")))?.[0];
    if (key === undefined) throw new Error("Sluice printed no gateway key");
    return { url, key };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) process.kill();
    await Promise.all(this.#processes.map((process) => process.exited));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Asks one of some servers for chats, as the plan says; see load.ts. */
export type Runner<N extends string> = (target: N, plan: object) => Promise<LoadResult>;

/** Runs the load generator against one of these, with {@link connections} unless the plan says otherwise. */
export function runner<N extends string>(targets: Readonly<Record<N, Target>>, body: string): Runner<N> {
  return (target, plan) => {
    const { url, key } = targets[target];
    const headers = { authorization: `Bearer ${key}` };
    return load({ url: `${url}/v1/chat/completions`, body, headers, connections, ...plan });
  };
}

/** Runs the load generator in a process of its own. */
async function load(plan: object): Promise<LoadResult> {
  const child = Bun.spawn([process.execPath, "bench/load.ts", JSON.stringify(plan)], { cwd: root, stdout: "pipe" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error("the load generator failed");
  return JSON.parse(text) as LoadResult;
}

/** Resident memory of a gateway in MB, as it says itself. */
export async function residentMb(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1] ?? Number.NaN) / 1e6;
}
