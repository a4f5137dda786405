import { startRedis } from "../../../src/limits/redis/testing.ts";
import { type Fleet, type Replica, startFleet } from "../../../src/store/changes/fleet-harness.ts";
import {
  type Answer,
  ask,
  countedIn,
  isWell,
  metricIn,
  quantile,
  rateLimit,
  until,
  untilFollowed,
} from "../faults/tools.ts";
import { startWire } from "../faults/wire.ts";
import type { Fault } from "./faults.ts";

/** How long Redis is away from how many gateways, and what is asked of them meanwhile. */
export interface OutagePlan {
  readonly gateways: number;
  /** Clients of each policy at each gateway. */
  readonly clients: number;
  /** How long a client waits between two calls. */
  readonly pauseMs: number;
  /** How long it is measured before the fault, while it is known, and after it. */
  readonly phaseMs: number;
  readonly breakerOpenSeconds: number;
}

/** What came of one fault. Times are milliseconds. */
export interface OutageResult {
  readonly answers: number;
  /** Answers that were not what the policy declares, with an example or more. */
  readonly wrong: readonly string[];
  /** Answers outside of the outage that waited in vain for Redis, because the machine was busy, and fell back as declared. */
  readonly strayed: number;
  /** From the fault until each gateway said that it knows. */
  readonly seenAfter: number;
  /** From its end until all gateways were well again and had told Redis everything. */
  readonly wellAfter: number;
  /** Answers before the fault, and from when it was seen until its end. */
  readonly before: { readonly p50: number; readonly p99: number };
  readonly away: { readonly p50: number; readonly p99: number };
  /** The longest that anybody waited, from the fault until it was seen included. */
  readonly longest: number;
  /** By policy: what was let pass and what Redis counts in the end; they must be the same. */
  readonly counted: Readonly<Record<Way, { requests: readonly [number, number]; tokens: readonly [number, number] }>>;
  /** What the metrics of all gateways together tell. */
  readonly metrics: {
    readonly opened: number;
    readonly halfOpened: number;
    readonly closed: number;
    readonly fallbacks: Readonly<Record<Way, number>>;
    readonly dropped: number;
  };
  /** What `/admin/v1/status` said of Redis meanwhile. */
  readonly told: string;
}

const ways = ["local", "deny", "allow"] as const;
type Way = (typeof ways)[number];

/** Each policy is for one model. */
const models: Readonly<Record<Way, string>> = { local: "gpt-4o", deny: "gpt-4o-mini", allow: "gpt-4.1" };

/** When an answer was asked for decides what it may be. */
type Phase = "before" | "noticing" | "away" | "after";

interface Seen extends Answer {
  readonly way: Way;
  readonly phase: Phase;
  /** Whether the phase was another when the answer came. */
  readonly across: boolean;
}

/** Runs one fault against gateways of its own. */
export async function runOutage(fault: Fault, plan: OutagePlan): Promise<OutageResult> {
  await using redis = await startRedis();
  using wire = fault.wired && (await startWire(redis.port));
  const flags = ["--redis-url", wire ? wire.url : redis.url];
  flags.push("--redis-breaker-open-seconds", String(plan.breakerOpenSeconds));
  // Nobody may notice: not that the machine is busy, either.
  if (fault.harmless) flags.push("--redis-command-timeout-seconds", "10");
  await using fleet = await startFleet(plan.gateways, ...flags);
  for (const way of ways) fleet.writePolicy(`org/${way}.policy.yaml`, rateLimit(models[way], way));
  await untilFollowed(fleet, 1 + ways.length);
  const { replicas } = fleet;
  await until(async () => (await Promise.all(replicas.map(isWell))).every(Boolean));
  // Code that never ran is slow the first time, and no window may begin in the middle.
  const warm = await Promise.all(
    replicas.flatMap((replica) => ways.map(async (way) => ({ way, ...(await ask(replica, fleet.key, models[way])) }))),
  );

  const load = startLoad(fleet, plan);
  await Bun.sleep(plan.phaseMs);
  const withFault = wire || undefined;
  load.phase = "noticing";
  const from = performance.now();
  const injecting = fault.inject(redis, withFault);
  let told = "";
  if (!fault.harmless && !fault.brief) {
    await until(async () => (await Promise.all(replicas.map(opened))).every(Boolean));
    const { json } = await replicas[0]!.admin("GET", "status");
    told = json.parts.find(({ name }: { name: string }) => name === "redis")?.detail ?? "";
  }
  const seenAfter = performance.now() - from;
  await injecting;
  load.phase = "away";
  await Bun.sleep(plan.phaseMs);
  load.phase = "noticing";
  const lifted = performance.now();
  await fault.lift(redis, withFault);
  await until(async () => (await Promise.all(replicas.map(isWell))).every(Boolean));
  const wellAfter = performance.now() - lifted;
  load.phase = "after";
  await Bun.sleep(plan.phaseMs);
  const answers = await load.stop();
  await until(async () => (await Promise.all(replicas.map(isWell))).every(Boolean));

  const unexpected = answers.filter((one) => !isRight(one, fault));
  const wrong = unexpected.filter((one) => !strayed(one)).map(toText);
  const counted = {} as Record<Way, { requests: readonly [number, number]; tokens: readonly [number, number] }>;
  for (const way of ways) {
    const passed = [...answers, ...warm].filter((one) => one.way === way && one.status === 200);
    const tokens = passed.reduce((sum, one) => sum + one.tokens, 0);
    // What the last calls used is settled after their answers.
    await until(async () => (await countedIn(redis, `org/${way}`, "tokens")) <= tokens);
    counted[way] = {
      requests: [passed.length, await countedIn(redis, `org/${way}`, "requests")],
      tokens: [tokens, await countedIn(redis, `org/${way}`, "tokens")],
    };
  }
  const texts = await Promise.all(replicas.map((replica) => replica.metrics()));
  const sum = (series: string) => texts.reduce((all, text) => all + metricIn(text, series), 0);
  const turns = (to: string) => sum(`sluice_breaker_transitions_total{name="redis",to="${to}"}`);
  const fallbacks = Object.fromEntries(ways.map((way) => [way, sum(`sluice_store_fallback_total{action="${way}"}`)]));
  const times = (phase: Phase) => {
    const all = answers.filter((one) => one.phase === phase && !one.across).map(({ ms }) => ms);
    return { p50: quantile(all, 0.5), p99: quantile(all, 0.99) };
  };
  return {
    answers: answers.length,
    wrong,
    strayed: unexpected.length - wrong.length,
    seenAfter,
    wellAfter,
    before: times("before"),
    away: times("away"),
    longest: Math.max(...answers.map(({ ms }) => ms)),
    counted,
    metrics: {
      opened: turns("open"),
      halfOpened: turns("half_open"),
      closed: turns("closed"),
      fallbacks: fallbacks as Record<Way, number>,
      dropped: sum("sluice_settles_dropped_total"),
    },
    told,
  };
}

async function opened(replica: Replica): Promise<boolean> {
  const text = await replica.metrics();
  return metricIn(text, 'sluice_breaker_transitions_total{name="redis",to="open"}') > 0;
}

function startLoad({ replicas, key }: Fleet, { clients, pauseMs }: OutagePlan) {
  const answers: Seen[] = [];
  let going = true;
  const load = {
    phase: "before" as Phase,
    async stop(): Promise<readonly Seen[]> {
      going = false;
      await Promise.all(all);
      return answers;
    },
  };
  const client = async (replica: Replica, way: Way, i: number) => {
    // Not all at the same moment.
    await Bun.sleep((pauseMs * i) / clients);
    while (going) {
      const { phase } = load;
      const answer = await ask(replica, key, models[way]);
      answers.push({ ...answer, way, phase, across: load.phase !== phase });
      await Bun.sleep(pauseMs);
    }
  };
  const all = replicas.flatMap((replica) =>
    ways.flatMap((way) => Array.from({ length: clients }, (_, i) => client(replica, way, i))),
  );
  return load;
}

/** What each policy answers while Redis is away. */
const whileAway: Readonly<Record<Way, Pick<Answer, "status" | "code" | "warnings">>> = {
  local: { status: 200, code: "", warnings: "limits_counted_locally" },
  deny: { status: 503, code: "store_unavailable", warnings: "" },
  allow: { status: 200, code: "", warnings: "limits_not_checked" },
};

function isRight({ way, phase, across, status, code, warnings }: Seen, { wavers, harmless }: Fault): boolean {
  const plain = status === 200 && code === "" && warnings === "";
  const fallenBack = fellBack({ way, status, code, warnings });
  if (harmless) return plain;
  if (across || phase === "noticing" || (phase === "away" && wavers)) return plain || fallenBack;
  return phase === "away" ? fallenBack : plain;
}

function fellBack({ way, status, code, warnings }: Pick<Seen, "way" | "status" | "code" | "warnings">): boolean {
  const away = whileAway[way];
  return status === away.status && code === away.code && warnings === away.warnings;
}

function strayed(one: Seen): boolean {
  return one.phase !== "away" && fellBack(one) && one.ms >= commandTimeoutMs;
}

/** The usual time-out of Redis's commands. */
const commandTimeoutMs = 100;

function toText({ way, phase, status, code, warnings, ms }: Seen): string {
  return `${way}, ${phase}: ${status} ${code} ${warnings} after ${ms.toFixed(0)} ms`;
}
