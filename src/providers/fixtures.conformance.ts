/** What every wire format promises of recorded payloads. Tests call this with the formats and who reads their words. */
import { afterAll, describe, expect, test } from "bun:test";
import type { StreamInspector } from "../core/stream.ts";
import type { JsonObject, StreamOptions, StreamRelay, WireFormat } from "../core/wire.ts";
import { type Assembled, assemble } from "./assemble.ts";
import type { TakeDelta } from "./delta.ts";
import { type Fixture, fixtures } from "./fixtures.ts";
import type { Block, Framing } from "./framing.ts";
import { parseObject } from "./json.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { SseReader } from "./sse.ts";

/** How the recordings of some APIs are read. */
export interface RecordedFormat {
  /** As the recordings name them. */
  readonly apis: readonly string[];
  /** Of these providers alone; any when absent. */
  readonly providers?: readonly string[];
  readonly format: WireFormat;
  /** Hands over what the model wrote in a whole answer, and in one event's data. */
  readonly takeWhole: (body: JsonObject, take: TakeDelta) => void;
  readonly takeEvent: (event: JsonObject, take: TakeDelta) => void;
  /** How the streams are framed, which the recording's own word for it may decide; as an event stream when absent. */
  readonly framing?: (framing: string) => Framing;
  /** Whether streams can be asked for their usage, which is then kept from clients. */
  readonly withholds?: boolean;
}

const usageNames = {
  prompt_tokens: "promptTokens",
  completion_tokens: "completionTokens",
  total_tokens: "totalTokens",
  cached_tokens: "cachedTokens",
  cache_write_tokens: "cacheWriteTokens",
  reasoning_tokens: "reasoningTokens",
} as const;

/** Tests every recording of these formats, and prints how many of each provider are read as expected. */
export function testFixtures(formats: readonly RecordedFormat[]): void {
  for (const reading of formats) {
    const { apis, providers, format } = reading;
    const recorded = fixtures(...apis);
    const list = recorded.list.filter(({ meta }) => providers?.includes(meta.provider) ?? true);
    const passed = new Map<string, number>();

    describe.skipIf(recorded.skip !== "")(`every recorded payload of ${format.surface} ${recorded.skip}`, () => {
      afterAll(() => {
        for (const [provider, count] of countsOf(list)) {
          const read = passed.get(provider) ?? 0;
          process.stdout.write(`payloads read as expected: ${format.surface}, ${provider}: ${read} of ${count}\n`);
        }
      });

      for (const fixture of list) {
        const { meta } = fixture;
        test(`${meta.provider}/${meta.api}/${meta.name} tells its usage, text, tool calls and finish reason`, () => {
          check(reading, fixture);
          passed.set(meta.provider, (passed.get(meta.provider) ?? 0) + 1);
        });
      }
    });
  }
}

/** Looks at every event and changes none. */
const looksOn: StreamInspector = { see: () => undefined, inspect: () => null, finish: () => null };

function countsOf(list: readonly Fixture[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { meta } of list) counts.set(meta.provider, (counts.get(meta.provider) ?? 0) + 1);
  return counts;
}

function check(reading: RecordedFormat, fixture: Fixture): void {
  const { format } = reading;
  const { meta, response } = fixture;
  const streams = meta.stream && meta.status < 400 && meta.framing !== "json";
  const relay = streams ? relayed(format, response) : null;
  const summary = relay === null ? readWhole(format, response) : relay.summary();

  const expected = expectedUsage(fixture);
  // What a stream that broke off told so far is better than an estimate; the ledger marks it as partial.
  const soFar = expected === null && relay?.complete === false;
  if (!soFar) expect(named(summary?.usage ?? null, expected)).toEqual(expected);
  const assembled = streams ? assembleStream(reading, fixture) : assembleWhole(reading, fixture);
  checkAssembled(fixture, assembled, summary?.text);
  const finish = meta.expected?.finishReason;
  if (finish !== undefined && meta.status < 400) {
    expect(summary?.finishReason ?? "").toBe(Array.isArray(finish) ? String(finish[0]) : String(finish ?? ""));
  }
  if (!streams) return;
  for (const cuts of splits(response)) checkSplit(reading, fixture, cuts);
  if (reading.withholds === true) checkWithheld(response);
}

function expectedUsage({ meta }: Fixture) {
  // Nothing but zeroes, beside a text, was not counted: there the gateway has to estimate.
  if (meta.expectedUsage === null || Object.values(meta.expectedUsage).every((count) => !count)) return null;
  const names = Object.keys(usageNames).filter((name) => meta.expectedUsage?.[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, meta.expectedUsage?.[name] ?? null]));
}

/** What the recording says of usage, as we read it: counts of a prompt alone say nothing of an answer. */
function named(usage: ReturnType<StreamRelay["summary"]>["usage"], expected: object | null) {
  if (usage === null) return null;
  const names = Object.entries(usageNames).filter(([name]) => expected === null || name in expected);
  return Object.fromEntries(names.map(([name, ours]) => [name, usage[ours]]));
}

function readWhole(format: WireFormat, bytes: Uint8Array) {
  const body = parseObject(Buffer.from(bytes).toString());
  return body === null ? null : format.readAnswer(body);
}

/** Feeds a stream in chunks cut at the given places and checks that its bytes come out unchanged. */
function relayed(format: WireFormat, bytes: Uint8Array, cuts: readonly number[] = []): StreamRelay {
  const { relay, out } = fed(format, bytes, cuts);
  expect(out.equals(Buffer.from(bytes))).toBe(true);
  return relay;
}

function fed(format: WireFormat, bytes: Uint8Array, cuts: readonly number[], options: StreamOptions = {}) {
  const relay = format.openStream(options);
  const out: Uint8Array[] = [];
  for (const chunk of cut(bytes, cuts)) {
    const shown = relay.write(chunk);
    if (shown !== null) out.push(shown.slice());
  }
  const last = relay.end();
  if (last !== null) out.push(last);
  return { relay, out: Buffer.concat(out) };
}

function checkSplit(reading: RecordedFormat, { meta, response }: Fixture, cuts: readonly number[]): void {
  const { format } = reading;
  const whole = relayed(format, response);
  const split = relayed(format, response, cuts);
  expect(JSON.stringify(split.summary())).toBe(JSON.stringify(whole.summary()));
  const inspected = fed(format, response, cuts, { inspector: looksOn }).relay;
  expect(JSON.stringify(inspected.summary())).toBe(JSON.stringify(whole.summary()));
  expect([split.complete, split.error]).toEqual([whole.complete, whole.error]);
  expect(events(reading, meta.framing, response, cuts)).toEqual(events(reading, meta.framing, response));
}

/** What a client gets that did not ask for usage: the same events without null usage and the chunk that only tells it. */
function checkWithheld(bytes: Uint8Array): void {
  const parsed = events({}, "", bytes).map(([name, data]) => [name, parseObject(data!) ?? data]);
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
    expect(events({}, "", out).map(([name, data]) => [name, parseObject(data!) ?? data])).toEqual(expected);
  }
}

/** The events of a stream. */
function events(
  { framing = () => new SseReader() }: Pick<RecordedFormat, "framing">,
  kind: string,
  bytes: Uint8Array,
  cuts: readonly number[] = [],
): string[][] {
  const reader = framing(kind);
  const blocks: Block[] = cut(bytes, cuts).flatMap((chunk) => [...reader.push(chunk)]);
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

function assembleWhole({ takeWhole }: RecordedFormat, { response }: Fixture): Assembled {
  return assemble((take) => takeWhole(parseObject(Buffer.from(response).toString()) ?? {}, take));
}

function assembleStream(reading: RecordedFormat, { meta, response }: Fixture): Assembled {
  return assemble((take) => {
    for (const [, data] of events(reading, meta.framing, response)) {
      const event = parseObject(data ?? "");
      if (event !== null) reading.takeEvent(event, take);
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
    // The oracle lists the fragments of one call each on its own where only the first has a name.
    const pieced = toolCalls.some((call) => call.name === null);
    const names = toolCalls.flatMap(({ name }) => name ?? []);
    if (pieced) expect(calls.map(({ name }) => name)).toEqual(names);
    else expect(calls.map(nameAndArguments)).toEqual(toolCalls.map(nameAndArguments));
  }
  expect(estimated).toBe(got.written);
}

function nameAndArguments({ name, arguments: given }: { name: string; arguments: unknown }) {
  const text = typeof given === "string" ? given : JSON.stringify(given);
  return { name, arguments: parseObject(text) ?? text };
}
