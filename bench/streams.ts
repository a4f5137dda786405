import { inCalm, noteOf, type Turns } from "./calm.ts";
import type { LoadResult } from "./load.ts";
import type { Figure } from "./report.ts";
import { connections, residentMb, runner, Servers } from "./servers.ts";
import { compareThroughput, turnsOf, warmUpOf } from "./throughput.ts";

/** Usage is asked for, counted and withheld; every word is looked through for what must not go out. */
const policies = {
  "pii.policy.yaml": {
    description: "No client sees addresses of mail or numbers of cards.",
    uses: "pii",
    with: { types: ["email", "credit_card"], on: ["answer"], action: "redact" },
  },
};

/** About 50 events, as usual answers have. */
const body = JSON.stringify({
  model: "gpt-4o",
  stream: true,
  messages: [{ role: "user", content: "Tell me about the sluices of the old canal, and who kept them. ".repeat(4) }],
});
/** Until the compiler has settled. */
const warmUp = 20_000;
const names = ["sluice", "bare"] as const;
/** Streams at once, each taking five seconds. */
const slow = 1000;

/** Measures streams that are looked through, beside a bare proxy that passes them on. */
export async function measureStreams(quick: boolean): Promise<Figure[]> {
  const { perSecond, ratio, note } = await compareThroughput({ names, begin, body, warmUp, quick });
  return [
    {
      name: "streams.bare_per_second",
      value: perSecond.bare,
      unit: "/s",
      note: `bare proxy, ${connections} connections`,
    },
    {
      name: "streams.sluice_per_second",
      value: perSecond.sluice,
      unit: "/s",
      note: "usage counted, one content policy",
    },
    { name: "streams.ratio", value: ratio, unit: "ratio", note },
    ...(await measureFirstByte(quick)),
    ...(await measureSlow(quick)),
  ];
}

/** How long clients wait for the first byte of an answer. */
async function measureFirstByte(quick: boolean): Promise<Figure[]> {
  await using servers = new Servers();
  const run = runner(await begin(servers), body);
  for (const name of names) await run(name, { requests: warmUpOf(warmUp, quick) });
  const calm: Turns = quick ? turnsOf(quick) : { enough: 40, most: 80 };
  const paced = await inCalm(names, calm, (target) =>
    run(target, { seconds: 1, rate: 50, firstByte: true, all: true }),
  );
  const at = (name: "bare" | "sluice", share: number) =>
    pooled(
      paced.turns.map((turn) => turn[name]),
      share,
    );
  const count = paced.turns.reduce((sum, { sluice }) => sum + sluice.requests, 0);
  return [
    {
      name: "streams.first_byte_bare_p99",
      value: at("bare", 0.99),
      unit: "ms",
      note: "of the bare proxy, at 50 streams a second",
    },
    {
      name: "streams.first_byte_added_p50",
      value: at("sluice", 0.5) - at("bare", 0.5),
      unit: "ms",
      note: "at 50 streams a second",
    },
    {
      name: "streams.first_byte_added_p99",
      value: at("sluice", 0.99) - at("bare", 0.99),
      unit: "ms",
      note: `of ${count} streams, at 50 a second; ${noteOf(paced)}`,
    },
  ];
}

/** What a gateway holds while many streams are under way. */
async function measureSlow(quick: boolean): Promise<Figure[]> {
  await using servers = new Servers();
  const { url: echo } = await servers.start(["bench/stepping-echo.ts", "slow"]);
  const sluice = await servers.startSluice(echo, policies);
  const run = runner({ sluice }, body);
  const hold = (count: number) => run("sluice", { connections: count, requests: count });
  // What a process has that has done a little of everything is no stream's.
  if (!quick) await hold(20);
  const before = await residentMb(sluice.url);
  const many = hold(slow);
  const most = await mostResident(sluice.url, many);
  const { errors } = await many;
  if (errors > 0) throw new Error(`${errors} of ${slow} slow streams were not answered`);
  return [
    { name: "streams.resident_at_1000", value: most, unit: "MB", note: `${slow} slow streams at once` },
    {
      name: "streams.resident_added_at_1000",
      value: most - before,
      unit: "MB",
      note: `of ${slow} slow streams, over the ${Math.round(before)} MB before them`,
    },
  ];
}

async function begin(servers: Servers) {
  const { url: echo } = await servers.start(["bench/stepping-echo.ts"]);
  return { bare: await servers.startBare(echo), sluice: await servers.startSluice(echo, policies) };
}

/** A percentile of all runs together: of one run alone the 99th is its worst two or three. */
function pooled(results: readonly LoadResult[], share: number): number {
  const all = results.flatMap(({ latencies = [] }) => latencies).sort((a, b) => a - b);
  return all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? Number.NaN;
}

/** The most memory that a gateway has until something is over. */
async function mostResident(url: string, over: Promise<unknown>): Promise<number> {
  let running = true;
  const stop = () => {
    running = false;
  };
  over.then(stop, stop);
  let most = 0;
  while (running) {
    most = Math.max(most, await residentMb(url));
    await Bun.sleep(100);
  }
  return most;
}
