import { inCalm, median, noteOf, type Turns } from "./calm.ts";
import type { Figure } from "./report.ts";
import { connections, residentMb, runner, Servers } from "./servers.ts";
import { compareThroughput, secondsOf, turnsOf, warmUpOf } from "./throughput.ts";

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
/** Until the compiler has settled. */
const warmUp = 60_000;
const names = ["sluice", "bare"] as const;

/** Measures Sluice beside a bare proxy, in turns, against one echo provider in a process of its own. */
export async function measureEndToEnd(quick: boolean): Promise<Figure[]> {
  const { perSecond, ratio, note } = await compareThroughput({ names, begin, body, warmUp, quick });
  return [
    {
      name: "e2e.bare_per_second",
      value: perSecond.bare,
      unit: "/s",
      note: `bare proxy, ${connections} connections`,
    },
    {
      name: "e2e.sluice_per_second",
      value: perSecond.sluice,
      unit: "/s",
      note: "five policies, exact count, records",
    },
    { name: "e2e.throughput_ratio", value: ratio, unit: "ratio", note },
    ...(await measureOne(quick)),
  ];
}

/** Measures what is asked of one process over some time: other loads, delays, memory. */
async function measureOne(quick: boolean): Promise<Figure[]> {
  await using servers = new Servers();
  const targets = await begin(servers);
  const run = runner(targets, body);
  for (const name of names) await run(name, { requests: warmUpOf(warmUp, quick) });
  const ratioOf = async (name: string, what: string, plan: object): Promise<Figure> => {
    const few: Turns = quick ? turnsOf(quick) : { enough: 6, most: 10 };
    const measured = await inCalm(names, few, (target) => run(target, { seconds: secondsOf(quick), ...plan }));
    const ratios = measured.turns.map(({ sluice, bare }) => sluice.perSecond / bare.perSecond);
    return { name, value: median(ratios), unit: "ratio", note: `${what}; ${noteOf(measured)}` };
  };
  const more = await ratioOf("e2e.throughput_ratio_at_64", "64 connections", { connections: 64 });
  const streams = await ratioOf("e2e.stream_ratio", "streams with usage withheld", { body: streamBody });
  const calm: Turns = quick ? turnsOf(quick) : { enough: 12, most: 50 };
  const paced = await inCalm(names, calm, (target) => run(target, { seconds: 1, rate: 1000 }));

  // One reading says little: between two collections of garbage it moves by tens of megabytes.
  const many = quick ? 6_000 : 200_000;
  const resident: number[] = [];
  const readings = quick ? 3 : 8;
  for (let i = 0; i < readings; i += 1) {
    await run("sluice", { requests: many / readings });
    resident.push(await residentMb(targets.sluice.url));
  }
  const grown = median(resident.slice(-3)) - median(resident.slice(0, 3));

  const p99 = (name: "bare" | "sluice") => median(paced.turns.map((turn) => turn[name].p99));
  return [
    more,
    streams,
    { name: "e2e.bare_p99_at_1000_per_second", value: p99("bare"), unit: "ms", note: "median of slices of a second" },
    { name: "e2e.sluice_p99_at_1000_per_second", value: p99("sluice"), unit: "ms" },
    {
      name: "e2e.p99_added_at_1000_per_second",
      value: p99("sluice") - p99("bare"),
      unit: "ms",
      note: noteOf(paced),
    },
    {
      name: "e2e.memory_growth",
      value: grown,
      unit: "MB",
      note: `over ${many.toLocaleString("en-US")} requests after warm-up, now ${Math.round(resident.at(-1)!)} MB`,
    },
  ];
}

async function begin(servers: Servers) {
  const echo = await servers.startEcho();
  return { bare: await servers.startBare(echo), sluice: await servers.startSluice(echo, policies) };
}
