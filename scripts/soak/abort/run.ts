import { createEcho } from "../../../src/providers/echo/echo.ts";
import { type Replica, startFleet } from "../../../src/store/changes/fleet-harness.ts";
import { createTokenCounter } from "../../../src/tokens/counter.ts";
import { randomFrom, until, untilFollowed } from "../faults/tools.ts";

/** How many leave how often. */
export interface AbortPlan {
  readonly aborts: number;
  /** Streams at once. */
  readonly clients: number;
  readonly seed: number;
  /** Where the counters are; in the gateway's memory when absent. */
  readonly redisUrl?: string;
  /** Milliseconds between two words of an answer. */
  readonly chunkMs: number;
  readonly progress?: (line: string) => void;
}

/** What is left behind. */
export interface AbortResult {
  /** Streams that were left, and those that had ended before. */
  readonly left: number;
  readonly whole: number;
  /** Rows of the ledger; one for each stream. */
  readonly rows: number;
  /** Rows of whole streams that do not tell the provider's own figures. */
  readonly untrue: number;
  /** Streams of which a client has read what the gateway did not send, or that it says to have sent less of. */
  readonly impossible: number;
  /** Tokens of the streams that were left: settled, and those of what the gateway sent and the clients read. */
  readonly settled: number;
  readonly sent: number;
  readonly read: number;
  /** The largest difference between settled and sent of any one of them, in tokens. */
  readonly worst: number;
  /** By unit, at the end: what the counters stand at, what is still held, and what the ledger adds up to. */
  readonly counters: Readonly<Record<string, { value: number; held: number; ledger: number }>>;
}

const model = "gpt-4o";
const policies = {
  concurrency: "uses: concurrency\nwith: { max: 100000, per: [app] }\n",
  tokens: "uses: rate_limit\nwith: { windows: [{ every: month, requests: 1000000, tokens: 100000000 }] }\n",
  money: "uses: budget\nwith: { usd_per_month: 100000 }\n",
} as const;

/** What a client sent, and what it had of the answer when it left. */
interface Stream {
  readonly body: string;
  /** The one message of its prompt. */
  readonly prompt: string;
  readonly settings: string;
  readonly id: string;
  readonly read: string;
  readonly whole: boolean;
}

interface Row {
  readonly request_id: string;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly cost_usd: number;
  readonly response_bytes: number;
  readonly provenance: string;
}

/** Lets clients leave in the middle of streams, and looks at what the gateway makes of it. */
export async function runAborts(plan: AbortPlan): Promise<AbortResult> {
  const flags = plan.redisUrl === undefined ? [] : ["--redis-url", plan.redisUrl];
  // Here it is the counts that matter, on a machine that may be busy.
  await using fleet = await startFleet(1, ...flags, "--redis-command-timeout-seconds", "10");
  for (const [name, text] of Object.entries(policies)) fleet.writePolicy(`org/${name}.policy.yaml`, text);
  await untilFollowed(fleet, 1 + Object.keys(policies).length);
  const gateway = fleet.replicas[0]!;
  const random = randomFrom(plan.seed);
  const streams: Stream[] = [];
  let begun = 0;
  const client = async () => {
    while (begun < plan.aborts) {
      begun += 1;
      streams.push(await openAndLeave(gateway, fleet.key, begun, random, plan.chunkMs));
      if (streams.length % 250 === 0) plan.progress?.(`${streams.length} streams`);
    }
  };
  await Promise.all(Array.from({ length: plan.clients }, client));
  await until(async () => (await gateway.admin("GET", "usage/summary")).json.requests >= plan.aborts);
  // What was used is settled in the same breath as the rows are handed over, in Redis a little later.
  let counters = await countersOf(gateway);
  for (let i = 0; i < 100 && [...counters.values()].some(({ held }) => held > 0); i += 1) {
    await Bun.sleep(20);
    counters = await countersOf(gateway);
  }
  return judge(streams, await rowsOf(gateway), counters);
}

/** Opens a stream and leaves it: after some of its bytes, or after some time without having read anything. */
async function openAndLeave(
  gateway: Replica,
  key: string,
  i: number,
  random: () => number,
  chunkMs: number,
): Promise<Stream> {
  const words = 20 + Math.floor(random() * 100);
  const [patient, share] = [random() < 0.25, random() * 1.1];
  const text = `Stream ${i} of words that are worth repeating: ${Math.floor(random() * 1e9).toString(36)}, again and again.`;
  const settings = `tokens=${words},chunk_ms=${chunkMs}`;
  const body = JSON.stringify({
    model,
    max_tokens: 500,
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: "user", content: text }],
  });
  const leave = new AbortController();
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "sluice-echo": settings },
    body,
    signal: leave.signal,
  });
  if (response.status !== 200) throw new Error(`a stream was answered with ${response.status}`);
  const id = response.headers.get("sluice-request-id")!;
  let read = "";
  let whole = false;
  if (patient) await Bun.sleep(share * words * chunkMs);
  else {
    const decoder = new TextDecoder();
    const enough = share * words * bytesOfWord;
    const reader = response.body!.getReader();
    while (read.length <= enough && !whole) {
      const { done, value } = await reader.read();
      whole = done;
      if (value !== undefined) read += decoder.decode(value, { stream: true });
    }
  }
  leave.abort();
  return { body, prompt: text, settings, id, read, whole };
}

/** What the format of OpenAI's chat adds to a prompt of one message. */
const tokensAround = 7;

/** About what one event takes. */
const bytesOfWord = 275;

async function rowsOf(gateway: Replica): Promise<ReadonlyMap<string, Row>> {
  const rows = new Map<string, Row>();
  let next: string | null = null;
  do {
    const { json } = await gateway.admin("GET", `usage/records?limit=200${next === null ? "" : `&cursor=${next}`}`);
    for (const row of json.data as Row[]) rows.set(row.request_id, row);
    next = json.next;
  } while (next !== null);
  return rows;
}

async function countersOf(gateway: Replica): Promise<Map<string, { value: number; held: number }>> {
  const { json } = await gateway.admin("GET", "limits?limit=200");
  const all = json.data as { unit: string; value: number; held: number }[];
  const byUnit = new Map(all.map(({ unit, value, held }) => [unit, { value, held }]));
  if (byUnit.size !== all.length) throw new Error("a unit has more than one counter");
  return byUnit;
}

async function judge(
  streams: readonly Stream[],
  rows: ReadonlyMap<string, Row>,
  found: ReadonlyMap<string, { value: number; held: number }>,
): Promise<AbortResult> {
  const tokens = createTokenCounter();
  const counted = { id: model, provider: "openai", encoding: "o200k_base", maxOutput: 0, price: null } as const;
  const countText = async (text: string): Promise<number> => {
    for (;;) {
      const count = await tokens.countText(text, counted);
      // Otherwise the counting thread was not there in time, and it is a bound.
      if (count.exact) return count.tokens;
    }
  };
  const result = { left: 0, whole: 0, untrue: 0, impossible: 0, settled: 0, sent: 0, read: 0, worst: 0 };
  for (const stream of streams) {
    const row = rows.get(stream.id);
    if (row === undefined) continue;
    const { text, usage } = await reference(stream, row.response_bytes);
    const prompt = (await countText(stream.prompt)) + tokensAround;
    const readText = textOf(stream.read);
    if (!text.startsWith(readText) || stream.read.length > row.response_bytes) result.impossible += 1;
    if (usage !== null) {
      result.whole += 1;
      if (row.prompt_tokens !== usage.prompt_tokens || row.completion_tokens !== usage.completion_tokens) {
        result.untrue += 1;
      }
      continue;
    }
    result.left += 1;
    const sent = prompt + (await countText(text));
    result.settled += row.total_tokens;
    result.sent += sent;
    result.read += prompt + (await countText(readText));
    result.worst = Math.max(result.worst, Math.abs(row.total_tokens - sent));
  }
  tokens.close();
  const all = [...rows.values()];
  const ledger: Record<string, number> = {
    concurrency: 0,
    requests: streams.length,
    tokens: all.reduce((sum, { total_tokens }) => sum + total_tokens, 0),
    // Each is settled in whole micro-dollars.
    usd: all.reduce((sum, { cost_usd }) => sum + Math.floor((Math.round(cost_usd * 1e9) + 500) / 1000), 0) / 1e6,
  };
  const counters = Object.fromEntries(
    Object.entries(ledger).map(([unit, sum]) => [unit, { ...(found.get(unit) ?? { value: 0, held: 0 }), ledger: sum }]),
  );
  return { ...result, rows: rows.size, counters };
}

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

/** What the provider says in so many bytes of this stream's answer. */
async function reference({ body, settings }: Stream, bytes: number) {
  const quick = settings.replace(/chunk_ms=\d+/, "chunk_ms=0");
  const headers = new Headers({ "sluice-echo": quick });
  const answer = await echo({ surface: "chat", body: new TextEncoder().encode(body), headers });
  const all = await answer.text();
  const part = all.slice(0, bytes);
  return { text: textOf(part), usage: usageOf(part) };
}

const echo = createEcho();

/** The events of a stream that are there whole. */
function eventsOf(stream: string): { choices?: { delta: { content?: string } }[]; usage?: Usage | null }[] {
  return stream
    .split("\n\n")
    .slice(0, -1)
    .filter((event) => event.startsWith("data: {"))
    .map((event) => JSON.parse(event.slice("data: ".length)));
}

function textOf(stream: string): string {
  return eventsOf(stream)
    .map(({ choices }) => choices?.[0]?.delta.content ?? "")
    .join("");
}

function usageOf(stream: string): Usage | null {
  return eventsOf(stream).find(({ usage }) => usage)?.usage ?? null;
}
