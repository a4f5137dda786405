import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { inCalm, perSecond } from "./calm.ts";
import { bareAndSluice, load, residentMb, runner, secondsOf, slices, start, startSluice } from "./e2e.ts";
import type { LoadResult } from "./load.ts";
import type { Figure } from "./report.ts";

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
const path = "/v1/chat/completions";
/** Streams at once, each taking five seconds. */
const slow = 1000;

/** Measures streams that are looked through, beside a bare proxy that passes them on. */
export async function measureStreams(quick: boolean): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const processes: Subprocess[] = [];
  try {
    const echo = await start(["bench/stepping-echo.ts"], processes);
    const proxy = await start(["bench/proxy.ts", echo.url], processes);
    const sluice = await startSluice(join(dir, "fast"), echo.url, processes, policies);
    const targets = { bare: { url: proxy.url, key: "none" }, sluice };
    const run = runner(targets, body);
    for (const target of bareAndSluice) await run(target, { requests: quick ? 500 : 20_000 });
    const streams = await inCalm(bareAndSluice, slices(quick), (target) => run(target, { seconds: secondsOf(quick) }));
    const calm = quick ? slices(quick) : { enough: 12, most: 40 };
    const paced = await inCalm(bareAndSluice, calm, (target) =>
      run(target, { seconds: 2, rate: 50, firstByte: true, all: true }),
    );
    const [bare, ours] = [perSecond(streams.results.bare), perSecond(streams.results.sluice)];

    const slowEcho = await start(["bench/stepping-echo.ts", "slow"], processes);
    const holding = await startSluice(join(dir, "slow"), slowEcho.url, processes, policies);
    const hold = (count: number) =>
      load({
        url: holding.url + path,
        body,
        headers: { authorization: `Bearer ${holding.key}` },
        connections: count,
        requests: count,
      });
    // What a process has that has done a little of everything is no stream's.
    if (!quick) await hold(20);
    const before = await residentMb(holding.url);
    const many = hold(slow);
    const most = await mostResident(holding.url, many);
    const { errors } = await many;
    if (errors > 0) throw new Error(`${errors} of ${slow} slow streams were not answered`);

    return [
      { name: "streams.bare_per_second", value: bare, unit: "/s", note: "bare proxy, 32 connections" },
      {
        name: "streams.sluice_per_second",
        value: ours,
        unit: "/s",
        note: "usage counted, one content policy",
      },
      { name: "streams.ratio", value: ours / bare, unit: "ratio", note: streams.note },
      {
        name: "streams.first_byte_bare_p99",
        value: pooled(paced.results.bare, 0.99),
        unit: "ms",
        note: "of the bare proxy, at 50 streams a second",
      },
      {
        name: "streams.first_byte_added_p50",
        value: pooled(paced.results.sluice, 0.5) - pooled(paced.results.bare, 0.5),
        unit: "ms",
        note: "at 50 streams a second",
      },
      {
        name: "streams.first_byte_added_p99",
        value: pooled(paced.results.sluice, 0.99) - pooled(paced.results.bare, 0.99),
        unit: "ms",
        note: `of ${paced.results.sluice.reduce((sum, { requests }) => sum + requests, 0)} streams, at 50 a second; ${paced.note}`,
      },
      { name: "streams.resident_at_1000", value: most, unit: "MB", note: `${slow} slow streams at once` },
      {
        name: "streams.resident_added_at_1000",
        value: most - before,
        unit: "MB",
        note: `of ${slow} slow streams, over the ${Math.round(before)} MB before them`,
      },
    ];
  } finally {
    for (const process of processes) process.kill();
    await Promise.all(processes.map((process) => process.exited));
    rmSync(dir, { recursive: true, force: true });
  }
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
