import { describe, expect, test } from "bun:test";
import type { StreamInspector } from "../core/stream.ts";
import { EventTooLarge, maxEventBytes } from "./framing.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { openaiResponses } from "./openai-responses/format.ts";

const passes: StreamInspector = { see: () => undefined, inspect: () => null, finish: () => null };

const chunk = (delta: object, index = 0) =>
  Buffer.from(
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index, delta, finish_reason: null }] })}\n\n`,
  );
const call = (index: number, given = "{}") =>
  chunk({ tool_calls: [{ index, id: `c${index}`, type: "function", function: { name: "f", arguments: given } }] });

describe("what is kept of a stream that is looked at is bounded:", () => {
  test("events that wait go out without what would follow once there are 8 MiB of them", () => {
    const holds: StreamInspector = { ...passes, inspect: (_, last) => (last ? null : "hold") };
    const relay = openaiChat.openStream({ inspector: holds });
    const part = call(0, "x".repeat(2 ** 20));
    let [given, shown] = [0, 0];
    for (let i = 0; i < 40; i += 1) {
      given += part.byteLength;
      shown += relay.write(part)?.byteLength ?? 0;
      expect(given - shown).toBeLessThanOrEqual(maxEventBytes);
      expect(relay.holding).toBe(true);
    }
    expect(shown + (relay.end()?.byteLength ?? 0)).toBe(given);
  });

  test.each([
    ["calls", (i: number) => call(i)],
    ["choices", (i: number) => chunk({ content: "a" }, i + 1)],
  ])("an answer of 10,000 %s takes linear time, and one with more fails", (_, event) => {
    const relay = openaiChat.openStream({ inspector: passes });
    const from = performance.now();
    for (let i = 0; i < 10_000; i += 1) expect(relay.write(event(i))).not.toBeNull();
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(() => relay.write(event(10_000))).toThrow("an answer has more than 10000 calls");
    expect(relay.end()).toBeNull();
  });

  test.each([
    [
      "texts",
      { type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: "m", delta: "" },
      "delta",
    ],
    ["items", { type: "response.output_item.added", output_index: 0, item: { type: "message", id: "m" } }, "more"],
  ])("a response whose %s could never be told again in one event fails", (_, event, member) => {
    const relay = openaiResponses.openStream({ inspector: passes });
    const part = Buffer.from(`data: ${JSON.stringify({ ...event, [member]: "x".repeat(2 ** 20) })}\n\n`);
    let parts = 0;
    expect(() => {
      for (; parts < 100; parts += 1) expect(relay.write(part)).toEqual(part);
    }).toThrow(EventTooLarge);
    expect(parts).toBeWithin(maxEventBytes / 2 ** 20, 17);
    expect(relay.end()).toBeNull();
  });
});

test("a stream that fails gives what waited, and nothing of what it failed at", () => {
  const holds: StreamInspector = { ...passes, inspect: (_, last) => (last ? null : "hold") };
  const relay = openaiChat.openStream({ inspector: holds });
  const first = call(0);
  expect(relay.write(first)).toBeNull();
  expect(() => relay.write(Buffer.alloc(maxEventBytes + 1, "x"))).toThrow(EventTooLarge);
  expect(relay.end()).toEqual(first);
});
