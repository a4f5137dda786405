import { describe, expect, test } from "bun:test";
import { standIn, startHarness, until } from "../gateway/e2e-harness.ts";
import { type Manner, startCollector } from "./testing-collector.ts";

const path = "/v1/chat/completions";
const answer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};
const maxSpans = 30;
const calls = 40;

describe("calls are answered as ever by a gateway whose collector", () => {
  test.each<[Manner]>([["refuses"], ["hangs"], ["slow"], ["fails"]])(
    "%s, and what it loses is counted",
    async (manner) => {
      using provider = standIn(() => Response.json(answer));
      using collector = startCollector(manner);
      await using sluice = await startHarness({
        upstream: provider.url,
        config: {
          tracing: { endpoint: collector.url, max_spans: maxSpans, delay_seconds: 0.01, export_timeout_seconds: 0.5 },
        },
      });
      const body = { model: "gpt-4o", messages: [{ role: "user", content: "hi" }] };
      const statuses = await Promise.all(
        Array.from({ length: calls }, async () => (await sluice.post(path, body)).status),
      );
      expect(new Set(statuses)).toEqual(new Set([200]));
      const dropped = () =>
        until(async () => {
          const text = await (await fetch(`${sluice.url}/metrics`)).text();
          const count = Number(/^sluice_log_dropped_total\{log="trace"\} (\d+)$/m.exec(text)?.[1]);
          return count > 0 && count;
        });
      expect(await dropped()).toBeGreaterThan(0);
      // A hung collector holds neither the next call nor the end.
      expect((await sluice.post(path, body)).status).toBe(200);
    },
  );
});
