/** Calls through a whole gateway whose database is killed and started again, and what is stored of them. */
import { type Harness, standIn, startHarness, until } from "../../../src/gateway/e2e-harness.ts";
import { type PostgresServer, startPostgres } from "../../../src/store/postgres-harness.ts";

/** What a run does. */
export interface RecordsPlan {
  readonly requests: number;
  readonly clients: number;
  /** How often the database is killed, and for how long it is away. */
  readonly kills: number;
  readonly awayMs: number;
  /** For how long storing is tried again: shorter than the database is away, records are dropped. */
  readonly retrySeconds: number;
  /** Of the decisions in which nothing fires, how many in a hundred have records of their own. */
  readonly factsPercent: number;
  /** How many different prompts there are: with few the caches answer, with one for each request they never do. */
  readonly prompts: number;
  readonly progress: (line: string) => void;
}

/** Sums of tokens and nano-dollars. */
export interface Sums {
  readonly requests: number;
  readonly tokens: number;
  readonly nanoUsd: number;
}

/** What a run came to. */
export interface RecordsResult {
  readonly answered: number;
  readonly failed: number;
  readonly kills: number;
  readonly stored: { readonly usage: number; readonly decisions: number };
  readonly dropped: { readonly usage: number; readonly decision: number };
  readonly ledger: Sums;
  readonly rollups: Sums;
  /** What the admin API says. */
  readonly summary: Sums;
  /** What the provider said of the calls that have a row in the ledger; the same of all calls. */
  readonly providerOfStored: Sums;
  readonly provider: Sums;
}

/** Decisions of each call: of the phases request and usage. */
export const phases = 2;

/** Nano-dollars per token of gpt-4o, as schema/models.json has it. */
const rates = { input: 2_500, cached: 1_250, output: 10_000 };

const policies = {
  "org/size.policy.yaml":
    "description: Tells of large requests.\nrules: [{ id: large, when: request.bytes > 150, then: warn }]\n",
  "org/usage.policy.yaml":
    "description: Tells of large answers.\nphase: usage\nrules: [{ id: much, when: usage.total_tokens > 900, then: warn }]\n",
};

/** Figures of the call with this number: the same every time, and all different. */
function figuresOf(n: number) {
  const prompt = 1 + ((n * 7919) % 997);
  const cached = n % 3 === 0 ? prompt >> 1 : 0;
  const completion = 1 + ((n * 104_729) % 499);
  const nanoUsd = (prompt - cached) * rates.input + cached * rates.cached + completion * rates.output;
  return { prompt, cached, completion, tokens: prompt + completion, nanoUsd };
}

type Figures = ReturnType<typeof figuresOf>;

/** @param plan what to do; the database is a PostgreSQL of its own */
export async function runRecords(plan: RecordsPlan): Promise<RecordsResult> {
  // What it says is committed must be there after a crash.
  await using server = await startPostgres(["synchronous_commit=on"]);
  await using database = await server.createDatabase();
  using provider = standIn(async (request) => {
    const { messages } = (await request.json()) as { messages: { content: string }[] };
    const { prompt, cached, completion, tokens } = figuresOf(Number(messages[0]!.content.split(" ")[0]));
    return Response.json({
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "gpt-4o",
      choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
      usage: {
        prompt_tokens: prompt,
        completion_tokens: completion,
        total_tokens: tokens,
        prompt_tokens_details: { cached_tokens: cached },
      },
    });
  });
  await using sluice = await startHarness({
    upstream: provider.url,
    policies,
    config: {
      database_url: database.url,
      database: { connect_timeout_seconds: 1, statement_timeout_seconds: 10 },
      record_retry_seconds: plan.retrySeconds,
      record_facts_percent: plan.factsPercent,
    },
  });
  const figures = new Map<string, Figures>();
  const { failed, kills } = await callAll(plan, sluice, server, figures);
  return { ...(await readAll(sluice, database.name, server, figures)), answered: figures.size, failed, kills };
}

/** Makes all calls, and kills the database meanwhile. */
async function callAll(plan: RecordsPlan, sluice: Harness, server: PostgresServer, figures: Map<string, Figures>) {
  let next = 0;
  let failed = 0;
  let kills = 0;
  let outage = Promise.resolve();
  const killAt = Array.from({ length: plan.kills }, (_, i) => Math.floor(((i + 1) * plan.requests) / (plan.kills + 1)));
  const kill = async () => {
    await server.kill();
    plan.progress(`the database is killed after ${figures.size} answers`);
    await Bun.sleep(plan.awayMs);
    await server.start();
    kills += 1;
    plan.progress(`the database is back after ${figures.size} answers`);
  };
  const client = async () => {
    while (next < plan.requests) {
      if (killAt.includes(next)) outage = outage.then(kill);
      const n = next % plan.prompts;
      next += 1;
      const content = `${n} ${n % 5 === 0 ? "a longer text, so that a rule has something to say of it: ".repeat(2) : ""}`;
      const answer = await sluice.post("/v1/chat/completions", {
        model: "gpt-4o",
        messages: [{ role: "user", content }],
      });
      await answer.text();
      const id = answer.headers.get("sluice-request-id");
      if (answer.status !== 200 || id === null) failed += 1;
      else figures.set(id, figuresOf(n));
    }
  };
  await Promise.all(Array.from({ length: plan.clients }, client));
  await outage;
  return { failed, kills };
}

type Stored = Omit<RecordsResult, "answered" | "failed" | "kills">;

/** Reads what is there once nothing waits to be stored any more. */
async function readAll(
  sluice: Harness,
  name: string,
  server: PostgresServer,
  figures: ReadonlyMap<string, Figures>,
): Promise<Stored> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: server.url(name).replace(/\?.*/, "") });
  await client.connect();
  const ask = async (sql: string) => (await client.query<Record<string, string>>(sql)).rows;
  const droppedNow = async () => {
    const text = await (await fetch(`${sluice.url}/metrics`)).text();
    const of = (log: string) =>
      Number(new RegExp(`^sluice_log_dropped_total\\{log="${log}"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
    return { usage: of("usage"), decision: of("decision") };
  };
  const count = async (table: string) => Number((await ask(`select count(*) as n from ${table}`))[0]!.n);
  try {
    // All is stored or dropped in the end; what is neither is what is looked for, and the wait for it is bounded.
    const deadline = performance.now() + 60_000;
    await until(async () => {
      const dropped = await droppedNow();
      return (await count("usage")) + dropped.usage === figures.size || performance.now() > deadline;
    });
    const sumsOf = async (table: string, requests: string): Promise<Sums> => {
      const sql = `select ${requests} as n, sum(total_tokens) as tokens, sum(cost_nano_usd) as cost from ${table}`;
      const [row] = await ask(sql);
      return { requests: Number(row!.n), tokens: Number(row!.tokens), nanoUsd: Number(row!.cost) };
    };
    const summary = (await sluice.admin("usage/summary")) as {
      requests: number;
      total_tokens: number;
      cost_usd: number;
    };
    const stored = new Set((await ask("select request_id from usage")).map(({ request_id }) => request_id!));
    return {
      stored: { usage: stored.size, decisions: await count("decision_log") },
      dropped: await droppedNow(),
      ledger: await sumsOf("usage", "count(*)"),
      rollups: await sumsOf("usage_rollups", "sum(requests)"),
      summary: {
        requests: summary.requests,
        tokens: summary.total_tokens,
        nanoUsd: Math.round(summary.cost_usd * 1e9),
      },
      providerOfStored: add([...figures].filter(([id]) => stored.has(id)).map(([, one]) => one)),
      provider: add([...figures.values()]),
    };
  } finally {
    await client.end();
  }
}

function add(all: readonly Figures[]): Sums {
  return all.reduce<Sums>(
    (sum, { tokens, nanoUsd }) => ({
      requests: sum.requests + 1,
      tokens: sum.tokens + tokens,
      nanoUsd: sum.nanoUsd + nanoUsd,
    }),
    { requests: 0, tokens: 0, nanoUsd: 0 },
  );
}

/** What must hold of every run, and whether it does. */
export function checksOf(plan: RecordsPlan, result: RecordsResult): readonly (readonly [what: string, ok: boolean])[] {
  const { answered, failed, stored, dropped, ledger, rollups, summary, providerOfStored, provider } = result;
  const isSame = (a: Sums, b: Sums) => a.requests === b.requests && a.tokens === b.tokens && a.nanoUsd === b.nanoUsd;
  return [
    [`every call is answered: ${failed} of ${plan.requests} failed`, failed === 0 && answered === plan.requests],
    [`the database was killed ${result.kills} times`, result.kills === plan.kills],
    [
      `decisions + dropped = requests × phases: ${stored.decisions} + ${dropped.decision}`,
      stored.decisions + dropped.decision === plan.requests * phases,
    ],
    [
      `ledger rows + dropped = requests: ${stored.usage} + ${dropped.usage}`,
      stored.usage + dropped.usage === plan.requests,
    ],
    ["the ledger's sums are those of the rollups", isSame(ledger, rollups)],
    ["and those of the admin API", isSame(ledger, summary)],
    ["and what the provider said of those calls", isSame(ledger, providerOfStored)],
    ["and of all calls, where none was dropped", dropped.usage > 0 || isSame(ledger, provider)],
    [
      "none is dropped where storing is tried again for long enough",
      plan.retrySeconds * 1000 < plan.awayMs || dropped.usage + dropped.decision === 0,
    ],
  ];
}
