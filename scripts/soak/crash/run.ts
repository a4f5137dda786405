import { Database } from "bun:sqlite";
import { join } from "node:path";
import { startRedis } from "../../../src/limits/redis/testing.ts";
import { type Fleet, type Replica, startFleet } from "../../../src/store/changes/fleet-harness.ts";
import { ask, countedIn, isWell, rateLimit, redisPart, until, untilFollowed } from "../faults/tools.ts";

/** Which replica is killed when. */
export interface CrashPlan {
  /** Streams that the killed replica has under way. */
  readonly inFlight: number;
  /** After how long its places return; of the setting `redis.hold_seconds`. */
  readonly holdSeconds: number;
  /** Clients of each replica that ask for short answers all the while. */
  readonly clients: number;
  readonly progress?: (line: string) => void;
}

/** What came of it. Times are milliseconds. */
export interface CrashResult {
  /** Places that were held before; of them, those of the replica that lives on. */
  readonly held: number;
  readonly heldByOthers: number;
  /** What a further request got before and after the places returned. */
  readonly refusedBefore: number;
  readonly admittedAfter: number;
  /** Places held once those of the killed replica are back, and how long that took. */
  readonly heldAfter: number;
  readonly returnedAfter: number;
  /** Answers of the other replicas, and those that were not a plain 200. */
  readonly others: number;
  readonly othersFailed: number;
  /** Answers of the killed replica whose rows its admin API had told of before, and those of them that are missing. */
  readonly acknowledged: number;
  readonly acknowledgedLost: number;
  /** Whole answers of the killed replica after that, those without a row, and how long before its end the oldest was. */
  readonly later: number;
  readonly laterLost: number;
  readonly oldestLost: number;
  /** Short answers of all, and what Redis counts of them. */
  readonly answered: { readonly requests: number; readonly tokens: number };
  readonly counted: { readonly requests: number; readonly tokens: number };
  /** What SQLite says of the file: after the kill, beside the processes that write, and when all were killed. */
  readonly integrity: readonly string[];
  /** What the replicas that were started again answered: beside the others, and after all were killed. */
  readonly restarted: readonly number[];
}

const long = "gpt-4o";
const short = "gpt-4o-mini";
const heldByOthers = 5;

/** Kills one of three replicas in the midst of its work, and in the end all of them. */
export async function runCrash(plan: CrashPlan): Promise<CrashResult> {
  await using redis = await startRedis();
  const flags = ["--redis-hold-seconds", String(plan.holdSeconds), "--redis-command-timeout-seconds", "10"];
  await using fleet = await startFleet(3, "--redis-url", redis.url, ...flags);
  const held = plan.inFlight + heldByOthers;
  const places = `scope: { models: [${long}] }\nuses: concurrency\nwith: { max: ${held}, per: [app] }\n`;
  fleet.writePolicy("org/places.policy.yaml", places);
  fleet.writePolicy("org/calls.policy.yaml", rateLimit(short, "deny"));
  await untilFollowed(fleet, 3);
  const [victim, witness] = fleet.replicas as [Replica, Replica, Replica];

  // What it has told of is acknowledged: rows are stored before they are told of.
  const acknowledged: string[] = [];
  const answered = { requests: 0, tokens: 0 };
  const add = ({ status, tokens }: Called) => {
    if (status !== 200) return;
    answered.requests += 1;
    answered.tokens += tokens;
  };
  for (let i = 0; i < 20; i += 1) {
    const one = await call(victim, fleet.key);
    acknowledged.push(one.id);
    add(one);
  }
  await until(async () => (await victim.admin("GET", "usage/summary")).json.requests >= acknowledged.length);

  const load = startLoad(fleet, plan.clients);
  const streams = new AbortController();
  // Kept, because an answer that nobody can read any more is ended.
  const open = await Promise.all([
    ...Array.from({ length: plan.inFlight }, () => openStream(victim, fleet.key, streams.signal)),
    ...Array.from({ length: heldByOthers }, () => openStream(witness, fleet.key, streams.signal)),
  ]);
  await until(async () => (await placesHeld(witness)) === held);
  plan.progress?.(`${held} places are held`);
  const refusedBefore = (await ask(witness, fleet.key, long)).status;

  victim.process.kill("SIGKILL");
  const killed = performance.now();
  const integrity = [integrityOf(fleet)];
  await victim.process.exited;
  await until(async () => (await placesHeld(witness)) <= heldByOthers);
  const returnedAfter = performance.now() - killed;
  plan.progress?.(`places are back after ${returnedAfter.toFixed(0)} ms`);
  const heldAfter = await placesHeld(witness);
  const admittedAfter = (await ask(witness, fleet.key, long)).status;
  const again = await fleet.start();
  const restarted = [(await ask(again, fleet.key, long)).status];
  await until(async () => (await redisPart(again)).detail.includes("3 replicas"));
  plan.progress?.("started again");
  const calls = await load.stop();
  streams.abort();
  await Promise.allSettled(open.map((answer) => answer.body?.cancel()));

  const ofVictim = calls.filter((one) => one.replica === victim && one.status === 200);
  const ofOthers = calls.filter((one) => one.replica !== victim);
  for (const one of calls) add(one);
  // The others' last calls are settled after their answers; the killed one's never may.
  await Promise.all([witness, again].map((one) => until(() => isWell(one))));
  await Bun.sleep(settlingMs);
  const counted = {
    requests: await countedIn(redis, "org/calls", "requests"),
    tokens: await countedIn(redis, "org/calls", "tokens"),
  };
  const rows = await rowIds(witness);
  const lost = ofVictim.filter(({ id }) => !rows.has(id));

  const survivors = [witness, fleet.replicas[2]!, again];
  for (const { process } of survivors) process.kill("SIGKILL");
  await Promise.all(survivors.map(({ process }) => process.exited));
  integrity.push(integrityOf(fleet));
  restarted.push((await ask(await fleet.start(), fleet.key, short)).status);

  return {
    held,
    heldByOthers,
    refusedBefore,
    admittedAfter,
    heldAfter,
    returnedAfter,
    others: ofOthers.length,
    othersFailed: ofOthers.filter(({ status }) => status !== 200).length,
    acknowledged: acknowledged.length,
    acknowledgedLost: acknowledged.filter((id) => !rows.has(id)).length,
    later: ofVictim.length,
    laterLost: lost.length,
    oldestLost: Math.max(0, ...lost.map(({ at }) => killed - at)),
    answered,
    counted,
    integrity,
    restarted,
  };
}

/** What settling in Redis may take on a busy machine. */
const settlingMs = 500;
/** What a short call reserves at the most. */
export const mostReserved = 40;

interface Called {
  readonly replica: Replica;
  readonly id: string;
  readonly status: number;
  readonly tokens: number;
  /** When the last byte of its answer was there. */
  readonly at: number;
}

/** A short call; status 0 when there was no answer. */
async function call(replica: Replica, key: string): Promise<Called> {
  try {
    const response = await fetch(`${replica.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: short, max_tokens: 20, messages: [{ role: "user", content: "hello there" }] }),
    });
    const { usage } = (await response.json()) as { usage?: { total_tokens: number } };
    const id = response.headers.get("sluice-request-id") ?? "";
    return { replica, id, status: response.status, tokens: usage?.total_tokens ?? 0, at: performance.now() };
  } catch {
    return { replica, id: "", status: 0, tokens: 0, at: performance.now() };
  }
}

function startLoad({ replicas, key }: Fleet, clients: number) {
  const calls: Called[] = [];
  let going = true;
  const client = async (replica: Replica) => {
    while (going) {
      const one = await call(replica, key);
      calls.push(one);
      if (one.status === 0) return;
      await Bun.sleep(20);
    }
  };
  const all = replicas.flatMap((replica) => Array.from({ length: clients }, () => client(replica)));
  return {
    async stop(): Promise<readonly Called[]> {
      going = false;
      await Promise.all(all);
      return calls;
    },
  };
}

/** Begins an answer that takes minutes, and reads nothing of it. */
async function openStream({ url }: Replica, key: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      "sluice-echo": "tokens=10000,chunk_ms=100",
    },
    body: JSON.stringify({ model: long, stream: true, messages: [{ role: "user", content: "hello" }] }),
    signal,
  });
  if (response.status !== 200) throw new Error(`a stream was answered with ${response.status}`);
  return response;
}

async function placesHeld(replica: Replica): Promise<number> {
  const { json } = await replica.admin("GET", "limits?unit=concurrency");
  return json.data[0]?.value ?? 0;
}

async function rowIds(replica: Replica): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  let next: string | null = null;
  do {
    const { json } = await replica.admin("GET", `usage/records?limit=200${next === null ? "" : `&cursor=${next}`}`);
    for (const { request_id } of json.data) ids.add(request_id);
    next = json.next;
  } while (next !== null);
  return ids;
}

function integrityOf({ dir }: Fleet): string {
  using database = new Database(join(dir, "data", "sluice.db"), { create: false, readwrite: true });
  return Object.values(database.query("pragma integrity_check").get() as Record<string, string>)[0]!;
}
