import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectTo, startRedis } from "../../../src/limits/redis/testing.ts";
import { type StartedGateway, startGateway } from "../reload/gateway.ts";

/** How many ask how often for how much. */
export interface LimitsPlan {
  readonly gateways: number;
  readonly clients: number;
  /** Calls made against each limit. */
  readonly requests: number;
  /** What each limit lets pass in a month; `usd` in micro-dollars. */
  readonly limits: Readonly<Record<LimitedUnit, number>>;
  readonly progress?: (line: string) => void;
}

/** What is limited, in the order that it is tried in. */
export const limitedUnits = ["requests", "tokens", "usd"] as const;
type LimitedUnit = (typeof limitedUnits)[number];

/** What became of the calls against one limit. */
export interface LimitTally {
  admitted: number;
  limited: number;
  /** Anything but 200 and a refusal by the limit, and answers that were not counted by Redis. */
  others: number;
  /** What the answers say was used: requests, tokens as the provider told, or what these cost. */
  used: number;
  /** What Redis's counter stands at when everything is settled. */
  counted: number;
}

/** Prompts are short and the maximum is declared, so no call can use more than it reserved. */
const maxTokens = 40;
const mostPromptTokens = 20;
/** Micro-dollars for a token of the prompt and of the answer: the model's price, by which no call costs a fraction. */
const price = { prompt: 2, completion: 8 };
/** Most that one call can reserve. */
export const mostReserved: Readonly<Record<LimitedUnit, number>> = {
  requests: 1,
  tokens: mostPromptTokens + maxTokens,
  usd: mostPromptTokens * price.prompt + maxTokens * price.completion,
};

/** Each limit is for one model. */
const models: Readonly<Record<LimitedUnit, string>> = { requests: "gpt-4o", tokens: "gpt-4o-mini", usd: "gpt-4.1" };

/** Lets clients run against several gateways that share one Redis, and counts what passes. */
export async function runLimits(plan: LimitsPlan): Promise<Record<LimitedUnit, LimitTally>> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-limits-"));
  let gateways: StartedGateway[] = [];
  await using redis = await startRedis("--appendonly", "no");
  try {
    const org = join(dir, "policies", "org");
    mkdirSync(org, { recursive: true });
    for (const [unit, limit] of Object.entries(plan.limits)) {
      // A month, so that no window ends meanwhile; the organisation, because each process has applications of its own.
      const scope = `scope: { models: [${models[unit as LimitedUnit]}] }`;
      const limits =
        unit === "usd"
          ? `uses: budget\nwith: { usd_per_month: ${limit / 1e6}, per: [org], warn_at: [], onStoreDown: deny }`
          : `uses: rate_limit\nwith: { windows: [{ every: month, ${unit}: ${limit} }], per: [org], onStoreDown: deny }`;
      writeFileSync(join(org, `${unit}.policy.yaml`), `${scope}\n${limits}\n`);
    }
    // On a busy machine a process may not get its turn for longer than the usual time-out; here it is the count that matters.
    const flags = ["--redis-url", redis.url, "--redis-command-timeout-seconds", "10"];
    gateways = await Promise.all(
      Array.from({ length: plan.gateways }, (_, i) =>
        startGateway(join(dir, "policies"), join(dir, `data${i}`), flags),
      ),
    );
    const tallies: [LimitedUnit, LimitTally][] = [];
    for (const unit of limitedUnits) tallies.push([unit, await runAgainst(unit, plan, gateways)]);
    // Stopping settles what is left.
    await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
    for (const [unit, tally] of tallies) tally.counted = await countedIn(redis.url, unit);
    return Object.fromEntries(tallies) as Record<LimitedUnit, LimitTally>;
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    rmSync(dir, { recursive: true, force: true });
  }
}

const refusal: Readonly<Record<LimitedUnit, number>> = { requests: 429, tokens: 429, usd: 402 };

async function runAgainst(unit: LimitedUnit, plan: LimitsPlan, gateways: readonly StartedGateway[]) {
  const tally: LimitTally = { admitted: 0, limited: 0, others: 0, used: 0, counted: 0 };
  let asked = 0;
  let done = 0;
  const client = async (gateway: StartedGateway) => {
    while (asked < plan.requests) {
      asked += 1;
      const { status, warnings, used } = await ask(gateway, models[unit], asked);
      if (warnings !== null || (status !== 200 && status !== refusal[unit])) tally.others += 1;
      else if (status === 200) {
        tally.admitted += 1;
        tally.used += used[unit];
      } else tally.limited += 1;
      done += 1;
      if (done % 5000 === 0) plan.progress?.(`${unit}: ${done} answers, ${tally.admitted} admitted`);
    }
  };
  await Promise.all(Array.from({ length: plan.clients }, (_, i) => client(gateways[i % gateways.length]!)));
  return tally;
}

async function ask({ url, key }: StartedGateway, model: string, i: number) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model,
      max_tokens: 1 + ((i * 7919) % maxTokens),
      messages: [{ role: "user", content: `hello ${i % 100}` }],
    }),
  });
  const { usage } = (await response.json()) as { usage?: { prompt_tokens: number; completion_tokens: number } };
  const [prompt, completion] = [usage?.prompt_tokens ?? 0, usage?.completion_tokens ?? 0];
  return {
    status: response.status,
    warnings: response.headers.get("sluice-warnings"),
    used: { requests: 1, tokens: prompt + completion, usd: prompt * price.prompt + completion * price.completion },
  };
}

async function countedIn(url: string, unit: LimitedUnit): Promise<number> {
  const client = await connectTo(url);
  const windows = await client.keys(`sluice:*:w:*|org/${unit}|*`);
  const open = await client.keys("sluice:*:r:*");
  const used = windows.length === 1 ? Number(await client.get(windows[0]!)) : Number.NaN;
  client.disconnect();
  // A request that is open still has not been settled.
  return open.length === 0 ? used : Number.NaN;
}
