import { afterEach, describe, expect, test } from "bun:test";
import type { Logger } from "../core/ports.ts";
import type { CallTrace } from "../core/tracing.ts";
import { createOtlpExporter } from "./otlp.ts";
import { isOtlpHeaders, parseOtlpHeaders } from "./otlp-headers.ts";
import { type Collector, type Manner, startCollector } from "./testing-collector.ts";
import { createTracing, type Tracing } from "./tracing.ts";

let open: { tracing: Tracing; collector: Collector } | undefined;
afterEach(async () => {
  open?.collector[Symbol.dispose]();
  await open?.tracing.close(100);
  open = undefined;
});

/** Traces that go to a collector of this manner; at most `maxSpans` wait. */
function start(manner: Manner, { maxSpans = 50, timeoutMs = 250, headers = "" } = {}) {
  const lines: string[] = [];
  const note = (level: string) => (_fields: object, message: string) => void lines.push(`${level}: ${message}`);
  const logger: Logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const collector = startCollector(manner);
  const exporter = createOtlpExporter({ endpoint: `${collector.url}/`, headers, timeoutMs });
  const tracing = createTracing({
    exporter,
    serviceName: "sluice",
    serviceVersion: "1",
    sampledShare: 1,
    maxSpans,
    delayMs: 5,
    logger,
  });
  open = { tracing, collector };
  return { tracing, collector, lines };
}

const row: Parameters<CallTrace["end"]>[0]["row"] = {
  requestId: "req_1",
  ts: 0,
  org: "o",
  team: "",
  app: "a",
  env: "dev",
  key: "k",
  userHash: "",
  surface: "chat",
  provider: "openai",
  model: "gpt-4o",
  servedModel: "",
  stream: false,
  usage: {
    promptTokens: 1,
    completionTokens: 1,
    totalTokens: 2,
    cachedTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
  },
  costNanoUsd: null,
  priceDate: "",
  provenance: "provider",
  requestBytes: 1,
  responseBytes: 1,
  latencyMs: 1,
  ttftMs: 1,
  status: 200,
  decision: "allow",
  code: "",
};

/** Traces so many calls, of one span each. */
function trace(tracing: Tracing, calls: number): void {
  for (let i = 0; i < calls; i += 1) {
    const call = { id: `req_${i}`, surface: "chat" as const, path: "/v1/chat/completions", started: performance.now() };
    tracing.begin(call, {}).end({ row, view: undefined, finishReason: "", revision: "sha256:0" });
  }
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await Bun.sleep(2);
}

describe("a collector", () => {
  test("that is well gets every span, with its key", async () => {
    const { tracing, collector } = start("well", { headers: "x-key=a%20secret" });
    trace(tracing, 40);
    await until(() => collector.spans.length === 40);
    expect(tracing.dropped).toBe(0);
    expect(collector.headers[0]!.get("x-key")).toBe("a secret");
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(40);
  });

  test.each(["refuses", "hangs", "fails"] as const)(
    "that %s loses what is exported to it, all of it counted",
    async (manner) => {
      const { tracing, collector, lines } = start(manner);
      trace(tracing, 40);
      expect(tracing.dropped).toBe(0);
      await until(() => tracing.dropped === 40);
      expect(collector.spans).toEqual([]);
      trace(tracing, 5);
      await until(() => tracing.dropped === 45);
      expect(lines).toEqual(["warn: traces cannot be exported: they are dropped"]);
    },
  );

  test.each(["refuses", "hangs", "slow", "fails"] as const)(
    "that %s never makes more wait than there is room for",
    async (manner) => {
      const { tracing, collector } = start(manner, { maxSpans: 50, timeoutMs: 2_000 });
      const from = performance.now();
      trace(tracing, 5_000);
      // Nothing was waited for, and what did not fit was dropped at once.
      expect(performance.now() - from).toBeLessThan(2_000);
      expect(tracing.dropped).toBeGreaterThanOrEqual(4_950);
      if (manner === "slow") await until(() => tracing.dropped + collector.spans.length === 5_000);
    },
  );

  test("that comes back is exported to again", async () => {
    const { tracing, collector, lines } = start("fails");
    trace(tracing, 3);
    await until(() => tracing.dropped === 3);
    collector.recover();
    trace(tracing, 7);
    await until(() => collector.spans.length === 7);
    expect(tracing.dropped).toBe(3);
    await until(() => lines.at(-1) === "info: traces are exported again");
  });

  test("that hangs does not keep the end waiting for longer than it may", async () => {
    const { tracing, collector } = start("hangs", { timeoutMs: 60_000 });
    trace(tracing, 10);
    await until(() => collector.requests === 1);
    const from = performance.now();
    await tracing.close(50);
    expect(performance.now() - from).toBeLessThan(2_000);
    // Nor is anything left that would keep the process alive.
    await until(() => tracing.dropped === 10);
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  test("gets at the end what was left", async () => {
    const { tracing, collector } = start("well", { maxSpans: 1_000 });
    trace(tracing, 300);
    await tracing.close(5_000);
    expect(collector.spans).toHaveLength(300);
    expect(tracing.dropped).toBe(0);
  });
});

describe("headers for a collector", () => {
  test.each([
    ["a=b", { a: "b" }],
    [" x-key = some%2Cthing , b=c=d", { "x-key": "some,thing", b: "c=d" }],
    ["a=", { a: "" }],
  ])("%j are read", (text, headers) => {
    expect(parseOtlpHeaders(text)).toEqual(headers);
    expect(isOtlpHeaders(text)).toBe(true);
  });

  test.each(["a", "a b=c", "=x", "a=%zz", ",", ""])("%j are none", (text) => {
    expect(isOtlpHeaders(text)).toBe(false);
  });
});
