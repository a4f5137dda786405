/** What the runs about faults share. */
import { connectTo, type RedisServer } from "../../../src/limits/redis/testing.ts";
import type { Fleet, Replica } from "../../../src/store/changes/fleet-harness.ts";

/** A rate limit on one model, so wide that a run does not reach it unless it says so. */
export function rateLimit(model: string, onStoreDown: string, limits = "requests: 1000000, tokens: 100000000"): string {
  // A month, so that no window ends meanwhile.
  const windows = `windows: [{ every: month, ${limits} }]`;
  return `scope: { models: [${model}] }\nuses: rate_limit\nwith: { ${windows}, onStoreDown: ${onStoreDown} }\n`;
}

/** Waits until every replica follows so many policies. */
export async function untilFollowed({ replicas }: Fleet, policies: number): Promise<void> {
  for (const replica of replicas) {
    await until(async () => (await replica.admin("GET", "policies")).json.data.length >= policies);
  }
}

/** Asks again and again. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(20);
}

/** One answer, as a client sees it. */
export interface Answer {
  readonly status: number;
  /** Code of a refusal; empty for none. */
  readonly code: string;
  /** The codes of the warning header; empty for none. */
  readonly warnings: string;
  /** Tokens that the answer says were used. */
  readonly tokens: number;
  readonly ms: number;
}

/** One call of the demo application. */
export async function ask({ url }: Replica, key: string, model: string, maxTokens = 20): Promise<Answer> {
  const from = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: maxTokens, messages: [{ role: "user", content: "hello there" }] }),
  });
  const body = (await response.json()) as { error?: { code?: string }; usage?: { total_tokens: number } };
  return {
    status: response.status,
    code: body.error?.code ?? "",
    warnings: response.headers.get("sluice-warnings") ?? "",
    tokens: body.usage?.total_tokens ?? 0,
    ms: performance.now() - from,
  };
}

/** The value of one series of a process's metrics; 0 when it is not there. */
export function metricIn(text: string, series: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/** What the admin API says of Redis. */
export async function redisPart(replica: Replica): Promise<{ readonly state: string; readonly detail: string }> {
  const { json } = await replica.admin("GET", "status");
  return json.parts.find(({ name }: { name: string }) => name === "redis") ?? { state: "absent", detail: "" };
}

/** Whether a process is ready, counters included, and has nothing left to tell Redis. */
export async function isWell(replica: Replica): Promise<boolean> {
  const { status } = (await (await fetch(`${replica.url}/readyz`)).json()) as { status: string };
  if (status !== "ready") return false;
  const { state, detail } = await redisPart(replica);
  return state === "ready" && !detail.includes("to be settled");
}

/** What a policy's counter of that unit stands at in Redis, asked without the gateways; `NaN` unless there is one. */
export async function countedIn({ url }: Pick<RedisServer, "url">, policy: string, unit: string): Promise<number> {
  const client = await connectTo(url);
  const names = (await client.keys(`sluice:*:w:*|${policy}|*`)).filter((name) => name.includes(`|${unit}|`));
  const used = names.length === 1 ? Number(await client.get(names[0]!)) : Number.NaN;
  client.disconnect();
  return used;
}

/** The value below which so large a share of them lies. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** Random numbers of a seed, from 0 up to 1: the same run can be had again. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
