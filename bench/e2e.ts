import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { stringify } from "yaml";
import { type Calm, inCalm, median, perSecond } from "./calm.ts";
import type { LoadResult } from "./load.ts";
import type { Figure } from "./report.ts";

const root = join(import.meta.dir, "..");

/** Key check, five policies (one CEL, one rate limit), exact token count, usage and decision records: all on. */
export const policies: Readonly<Record<string, object>> = {
  "size.policy.yaml": {
    description: "Bodies are bounded.",
    uses: "request_size",
    with: { max_request_bytes: 1_000_000 },
  },
  "models.policy.yaml": {
    description: "Only listed models.",
    uses: "model_allowlist",
    with: { allowed_model_ids: ["gpt-4o*", "claude-*"] },
  },
  "messages.policy.yaml": {
    description: "Calls are bounded.",
    uses: "message_limits",
    with: { max_messages: 200, max_tools: 64 },
  },
  "rate.policy.yaml": {
    description: "Requests and tokens per minute; the token limit is what makes every prompt be counted.",
    uses: "rate_limit",
    with: { per: ["app"], windows: [{ every: "minute", requests: 1e9, tokens: 1e12 }] },
  },
  "cel.policy.yaml": {
    description: "A CEL rule over the count.",
    rules: [
      {
        id: "cap",
        when: 'request.estimated_tokens + request.max_tokens > 200000 && app.env == "prod"',
        then: "deny",
        message: "too many tokens",
      },
    ],
  },
};

/** A call of two messages, about a kilobyte. */
export const body = JSON.stringify({
  model: "gpt-4o",
  messages: [
    { role: "system", content: "You are a careful assistant that answers in one short paragraph." },
    { role: "user", content: "Tell me about the sluices of the old canal, and who kept them. ".repeat(12) },
  ],
  temperature: 0.2,
});
const streamBody = JSON.stringify({ ...JSON.parse(body), stream: true });

/** Measures Sluice beside a bare proxy, in turns, against one echo provider in a process of its own. */
export async function measureEndToEnd(quick: boolean): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const processes: Subprocess[] = [];
  try {
    const echo = await start(["src/providers/echo/serve.ts"], processes);
    const proxy = await start(["bench/proxy.ts", echo.url], processes);
    const sluice = await startSluice(dir, echo.url, processes, policies);
    const targets = { bare: { url: proxy.url, key: "none" }, sluice };
    const run = runner(targets, body);

    // Until the compiler has settled: a server that has run for a minute is what is measured, not one just started.
    for (const target of bareAndSluice) await run(target, { requests: quick ? 6_000 : 60_000 });
    const throughput = await inCalm(bareAndSluice, slices(quick), (target) =>
      run(target, { seconds: secondsOf(quick) }),
    );
    const few = quick ? slices(quick) : { enough: 4, most: 8 };
    const streams = await inCalm(bareAndSluice, few, (target) =>
      run(target, { seconds: secondsOf(quick), body: streamBody }),
    );
    const calm = quick ? slices(quick) : { enough: 12, most: 50 };
    const paced = await inCalm(bareAndSluice, calm, (target) => run(target, { seconds: 1, rate: 1000 }));

    // One reading says little: between two collections of garbage it moves by tens of megabytes.
    const many = quick ? 6_000 : 200_000;
    const resident: number[] = [];
    const readings = quick ? 3 : 8;
    for (let i = 0; i < readings; i += 1) {
      await run("sluice", { requests: many / readings });
      resident.push(await residentMb(sluice.url));
    }
    const grown = median(resident.slice(-3)) - median(resident.slice(0, 3));

    const ratio = ({ results }: Calm<"bare" | "sluice">) => perSecond(results.sluice) / perSecond(results.bare);
    const p99 = (target: "bare" | "sluice") => median(paced.results[target].map((result) => result.p99));
    return [
      {
        name: "e2e.bare_per_second",
        value: perSecond(throughput.results.bare),
        unit: "/s",
        note: "bare proxy, 32 connections",
      },
      {
        name: "e2e.sluice_per_second",
        value: perSecond(throughput.results.sluice),
        unit: "/s",
        note: "five policies, exact count, records",
      },
      { name: "e2e.throughput_ratio", value: ratio(throughput), unit: "ratio", note: throughput.note },
      { name: "e2e.stream_ratio", value: ratio(streams), unit: "ratio", note: "streams with usage withheld" },
      { name: "e2e.bare_p99_at_1000_per_second", value: p99("bare"), unit: "ms", note: "median of slices of a second" },
      { name: "e2e.sluice_p99_at_1000_per_second", value: p99("sluice"), unit: "ms" },
      {
        name: "e2e.p99_added_at_1000_per_second",
        value: p99("sluice") - p99("bare"),
        unit: "ms",
        note: paced.note,
      },
      {
        name: "e2e.memory_growth",
        value: grown,
        unit: "MB",
        note: `over ${many.toLocaleString("en-US")} requests after warm-up, now ${Math.round(resident.at(-1)!)} MB`,
      },
    ];
  } finally {
    for (const process of processes) process.kill();
    await Promise.all(processes.map((process) => process.exited));
    rmSync(dir, { recursive: true, force: true });
  }
}

/** How long a slice is by which throughput is compared. */
export function secondsOf(quick: boolean): number {
  return quick ? 1 : 2;
}

/** How many of them there are. A quick run shows that all of it works, and little more. */
export function slices(quick: boolean): { readonly enough: number; readonly most: number } {
  return quick ? { enough: 1, most: 1 } : { enough: 12, most: 40 };
}

/** What is compared nearly everywhere. */
export const bareAndSluice = ["bare", "sluice"] as const;

/** Runs the load generator against one of these, with 32 connections unless the plan says otherwise. */
export function runner<N extends string>(
  targets: Readonly<Record<N, { readonly url: string; readonly key: string }>>,
  body: string,
): (target: N, plan: object) => Promise<LoadResult> {
  return (target, plan) => {
    const { url, key } = targets[target];
    const headers = { authorization: `Bearer ${key}` };
    return load({ url: `${url}/v1/chat/completions`, body, headers, connections: 32, ...plan });
  };
}

/** Runs the load generator in a process of its own. */
export async function load(plan: object): Promise<LoadResult> {
  const child = Bun.spawn([process.execPath, "bench/load.ts", JSON.stringify(plan)], { cwd: root, stdout: "pipe" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error("the load generator failed");
  return JSON.parse(text) as LoadResult;
}

/**
 * Starts a gateway with these policies in front of an echo provider.
 *
 * @param more arguments of its own
 * @param program what starts it, where that is not the command line
 */
export async function startSluice(
  dir: string,
  echo: string,
  processes: Subprocess[],
  policies: Readonly<Record<string, object>>,
  more: readonly string[] = [],
  program?: string,
) {
  const org = join(dir, "policies", "org");
  mkdirSync(org, { recursive: true });
  for (const [name, policy] of Object.entries(policies)) writeFileSync(join(org, name), stringify(policy));
  const config = join(dir, "sluice.config.yaml");
  writeFileSync(
    config,
    stringify({ providers: { openai: { kind: "openai", base_url: `${echo}/v1`, api_key: "sk-bench" } } }),
  );
  const args = [
    ...(program === undefined ? ["src/cli/main.ts", "start"] : [program]),
    "--port",
    "0",
    "--config",
    config,
    "--policies-dir",
    join(dir, "policies"),
  ];
  const { url, lines } = await start(
    [...args, "--data-dir", join(dir, "data"), "--log-level", "warn", ...more],
    processes,
  );
  const key = /slc_\S+/.exec(await lines((text) => text.includes("slc_")))?.[0];
  if (key === undefined) throw new Error("Sluice printed no gateway key");
  return { url, key };
}

/** Starts a program that prints `… ready URL` when it listens. */
export async function start(args: readonly string[], processes: Subprocess[]) {
  const child = Bun.spawn([process.execPath, ...args], { cwd: root, stdout: "pipe", stderr: "inherit" });
  processes.push(child);
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

/** Resident memory of a gateway, as it says itself. */
export async function residentMb(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1] ?? Number.NaN) / 1e6;
}
