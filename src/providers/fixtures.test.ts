import { afterAll, describe, expect, test } from "bun:test";
import type { StreamRelay, WireFormat } from "../core/wire.ts";
import { takeEventDeltas, takeMessageDeltas } from "./anthropic-messages/answer.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { type Assembled, assemble } from "./assemble.ts";
import type { TakeDelta } from "./delta.ts";
import { type Fixture, fixtures } from "./fixtures.ts";
import { parseObject } from "./json.ts";
import { takeChatDeltas } from "./openai-chat/answer.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { SseReader } from "./sse.ts";

const recorded = fixtures("chat", "openai-compat", "messages");
const usageNames = {
  prompt_tokens: "promptTokens",
  completion_tokens: "completionTokens",
  total_tokens: "totalTokens",
  cached_tokens: "cachedTokens",
  cache_write_tokens: "cacheWriteTokens",
  reasoning_tokens: "reasoningTokens",
} as const;

describe.skipIf(recorded.skip !== "")(`every recorded chat and messages payload ${recorded.skip}`, () => {
  let passed = 0;
  afterAll(() => {
    process.stdout.write(`payloads read as expected: ${passed} of ${recorded.list.length}\n`);
  });

  for (const fixture of recorded.list) {
    const { meta } = fixture;
    test(`${meta.provider}/${meta.api}/${meta.name} tells its usage, text, tool calls and finish reason`, () => {
      const format = meta.api === "messages" ? anthropicMessages : openaiChat;
      const isSse = meta.framing.startsWith("sse");
      const summary = isSse ? relayed(format, fixture.response).summary() : readWhole(format, fixture.response);

      expect(named(summary?.usage ?? null)).toEqual(expectedUsage(fixture));
      checkAssembled(fixture, isSse ? assembleStream(format, fixture) : assembleWhole(format, fixture), summary?.text);
      const finish = meta.expected?.finishReason;
      if (finish !== undefined) {
        expect(summary?.finishReason ?? "").toBe(Array.isArray(finish) ? String(finish[0]) : String(finish ?? ""));
      }
      if (isSse) {
        for (const cuts of splits(fixture.response)) checkSplit(format, fixture, cuts);
        if (format === openaiChat) checkWithheld(fixture.response);
      }
      passed += 1;
    });
  }
});

function expectedUsage({ meta }: Fixture) {
  if (meta.expectedUsage === null) return null;
  return Object.fromEntries(Object.keys(usageNames).map((name) => [name, meta.expectedUsage?.[name] ?? null]));
}

function named(usage: ReturnType<StreamRelay["summary"]>["usage"]) {
  if (usage === null) return null;
  return Object.fromEntries(Object.entries(usageNames).map(([name, ours]) => [name, usage[ours]]));
}

function readWhole(format: WireFormat, bytes: Uint8Array) {
  const body = parseObject(Buffer.from(bytes).toString());
  return body === null ? null : format.readAnswer(body);
}

/** Feeds a stream in chunks cut at the given places and checks that its bytes come out unchanged. */
function relayed(format: WireFormat, bytes: Uint8Array, cuts: readonly number[] = []): StreamRelay {
  const relay = format.openStream();
  const out: Uint8Array[] = [];
  for (const chunk of cut(bytes, cuts)) {
    const shown = relay.write(chunk);
    if (shown !== null) out.push(shown.slice());
  }
  const last = relay.end();
  if (last !== null) out.push(last);
  expect(Buffer.concat(out).equals(Buffer.from(bytes))).toBe(true);
  return relay;
}

function checkSplit(format: WireFormat, { response }: Fixture, cuts: readonly number[]): void {
  const whole = relayed(format, response);
  const split = relayed(format, response, cuts);
  expect(JSON.stringify(split.summary())).toBe(JSON.stringify(whole.summary()));
  expect([split.complete, split.error]).toEqual([whole.complete, whole.error]);
  expect(events(response, cuts)).toEqual(events(response, []));
}

/** What a client gets that did not ask for usage: the same events without null usage and the chunk that only tells it. */
function checkWithheld(bytes: Uint8Array): void {
  const parsed = events(bytes, []).map(([name, data]) => [name, parseObject(data!) ?? data]);
  const expected = parsed.flatMap(([name, event]) => {
    if (typeof event !== "object") return [[name, event]];
    const { usage, ...others } = event;
    if (usage === null) return [[name, others]];
    const onlyUsage = usage !== undefined && JSON.stringify(event.choices) === "[]" && !event.error;
    return onlyUsage ? [] : [[name, event]];
  });
  for (const cuts of [[], ...splits(bytes).slice(1, 5)]) {
    const relay = openaiChat.openStream({ withholdUsage: true });
    const shown = [...cut(bytes, cuts).map((chunk) => relay.write(chunk)?.slice()), relay.end()];
    const out = Buffer.concat(shown.filter((each) => each !== null && each !== undefined));
    expect(events(out, []).map(([name, data]) => [name, parseObject(data!) ?? data])).toEqual(expected);
  }
}

function events(bytes: Uint8Array, cuts: readonly number[]): string[][] {
  const reader = new SseReader();
  const blocks = cut(bytes, cuts).flatMap((chunk) => reader.push(chunk));
  const last = reader.end();
  if (last !== null) blocks.push(last);
  return blocks.flatMap(({ name, data }) => (data === null ? [] : [[name, data]]));
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts, bytes.length];
  return places.slice(1).map((end, i) => bytes.slice(places[i], end));
}

/** Byte by byte, and twenty times at places drawn by a generator that gives the same ones at every run. */
function splits({ length }: Uint8Array): number[][] {
  let state = length;
  const draw = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % length;
  };
  const random = Array.from({ length: 20 }, () =>
    Array.from({ length: 1 + (draw() % 40) }, draw).sort((a, b) => a - b),
  );
  return [Array.from({ length: length - 1 }, (_, i) => i + 1), ...random];
}

function assembleWhole(format: WireFormat, { response }: Fixture): Assembled {
  const body = parseObject(Buffer.from(response).toString()) ?? {};
  return assemble((take) => (format.surface === "chat" ? takeChatDeltas(body, take) : takeMessageDeltas(body, take)));
}

function assembleStream(format: WireFormat, { response }: Fixture): Assembled {
  return assemble((take: TakeDelta) => {
    for (const [, data] of events(response, [])) {
      const event = parseObject(data ?? "");
      if (event === null) continue;
      if (format.surface === "chat") takeChatDeltas(event, take);
      else takeEventDeltas(event, take);
    }
  });
}

function checkAssembled({ meta }: Fixture, got: Assembled, estimated = ""): void {
  const { text, reasoning, refusal, toolCalls } = meta.expected ?? {};
  for (const [i, expected] of (Array.isArray(text) ? text : [text ?? ""]).entries()) {
    // The oracle cuts long texts.
    if (String(expected).length >= 1500) expect(got.texts[i]).toStartWith(String(expected).slice(0, 1400));
    else if (text !== undefined && !meta.tags.includes("audio")) expect(got.texts[i] ?? "").toBe(String(expected));
  }
  if (typeof reasoning === "string") expect(got.reasoning).toStartWith(reasoning.replace("…[truncated in meta]", ""));
  if (typeof refusal === "string") expect(got.refusal).toBe(refusal);
  if (Array.isArray(toolCalls)) {
    // Of whole answers with several choices the oracle lists the first one's calls.
    const calls = meta.stream ? got.toolCalls : got.toolCalls.filter(({ choice }) => choice === 0);
    expect(calls.map(nameAndArguments)).toEqual(toolCalls.map(nameAndArguments));
  }
  expect(estimated).toBe(got.written);
}

function nameAndArguments({ name, arguments: given }: { name: string; arguments: unknown }) {
  const text = typeof given === "string" ? given : JSON.stringify(given);
  return { name, arguments: parseObject(text) ?? text };
}
