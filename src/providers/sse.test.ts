import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EventTooLarge } from "./framing.ts";
import { SseReader } from "./sse.ts";

interface Read {
  readonly events: readonly (readonly [name: string, data: string])[];
  readonly bytes: Buffer;
}

function read(chunks: readonly Uint8Array[]): Read {
  const reader = new SseReader();
  const blocks = chunks.flatMap((chunk) => reader.push(chunk));
  const last = reader.end();
  if (last !== null) blocks.push(last);
  return {
    events: blocks.flatMap(({ name, data }) => (data === null ? [] : [[name, data] as const])),
    bytes: Buffer.concat(blocks.map(({ raw }) => raw)),
  };
}

const whole = (text: string) => read([Buffer.from(text)]).events;
const byteByByte = (text: string) => read([...Buffer.from(text)].map((byte) => Buffer.from([byte]))).events;

describe("an event stream is read by the standard", () => {
  const cases: readonly [name: string, text: string, events: readonly (readonly [string, string])[]][] = [
    [
      "line feeds",
      "data: a\n\ndata: b\n\n",
      [
        ["", "a"],
        ["", "b"],
      ],
    ],
    [
      "carriage return and line feed",
      "event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n",
      [
        ["x", "a"],
        ["", "b"],
      ],
    ],
    [
      "carriage returns alone",
      "data: a\r\rdata: b\r\r",
      [
        ["", "a"],
        ["", "b"],
      ],
    ],
    [
      "mixed line ends",
      "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n",
      [
        ["", "a"],
        ["", "b"],
        ["", "c"],
      ],
    ],
    ["a byte order mark", "\uFEFFdata: a\n\n", [["", "a"]]],
    ["a byte order mark that is data is kept", "data: \uFEFFa\n\n", [["", "\uFEFFa"]]],
    ["comments before, between and inside", ": hi\n\n:x\ndata: a\n: y\n\n:\n\n", [["", "a"]]],
    ["several data lines are joined", "data: a\ndata:b\ndata\ndata:  c\n\n", [["", "a\nb\n\n c"]]],
    ["no space after the colon", "event:x\ndata:{}\n\n", [["x", "{}"]]],
    ["only one space is taken away", "data:  a\n\n", [["", " a"]]],
    ["the last event field counts", "event: x\nevent: y\ndata: a\n\n", [["y", "a"]]],
    ["a name does not carry over to the next event", "event: x\n\ndata: a\n\n", [["", "a"]]],
    ["other fields mean nothing", "id: 7\nretry: 10\ndatax: 1\ndat: 2\neventful: z\ndata: a\n\n", [["", "a"]]],
    ["an empty data line is an event", "data:\n\n", [["", ""]]],
    [
      "the last event needs no blank line",
      "data: a\n\ndata: [DONE]",
      [
        ["", "a"],
        ["", "[DONE]"],
      ],
    ],
    ["nothing at all", "", []],
    ["blank lines alone", "\n\n\r\n\r", []],
  ];
  for (const [name, text, events] of cases) {
    test(name, () => {
      expect(whole(text)).toEqual([...events]);
      expect(byteByByte(text)).toEqual([...events]);
    });
  }
});

const line = fc.constantFrom(
  "data: a",
  "data:ß😀",
  "data",
  'data: {"x":1}',
  "event: e",
  "event",
  ": comment",
  "id: 1",
  "",
  "",
  "data: longer than the others, with some text in it",
);
const stream = fc
  .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 40 })
  .chain((lines) => fc.tuple(fc.constantFrom("", "\uFEFF"), fc.constant(lines), fc.boolean()))
  .map(([mark, lines, closed]) => mark + lines.map((parts) => parts.join("")).join("") + (closed ? "" : "data: open"));

test("however a stream is cut, the events are the same and the blocks together are its bytes", () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(400)), (text, cuts) => {
      const bytes = Buffer.from(text);
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const split = read(places.slice(1).map((end, i) => bytes.subarray(places[i], end)));
      const together = read([bytes]);
      expect(split.events).toEqual(together.events);
      expect(split.bytes.equals(bytes)).toBe(true);
      expect(together.bytes.equals(bytes)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("any bytes at all are cut into blocks that together are those bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (chunks) => {
      expect(read(chunks.map((chunk) => chunk.slice())).bytes.equals(Buffer.concat(chunks))).toBe(true);
    }),
  );
});

test("a keep-alive comment is given at once, without waiting for its blank line", () => {
  const reader = new SseReader();
  const [comment] = reader.push(Buffer.from(": keep-alive\n"));
  expect(Buffer.from(comment!.raw).toString()).toBe(": keep-alive\n");
  expect(comment!.data).toBeNull();
});

test("an event closed by carriage returns is given at once, without waiting for the next byte", () => {
  const reader = new SseReader();
  expect(reader.push(Buffer.from("data: a\r\n\r")).map(({ data }) => data)).toEqual(["a"]);
  expect(reader.push(Buffer.from("\ndata: b\r\n\r\n")).map(({ data }) => data)).toEqual(["b"]);
});

test("data is replaced and every other byte of the event stays", () => {
  const reader = new SseReader();
  const [one, many] = reader
    .push(Buffer.from(": c\r\nid:1\r\ndata:  x\r\nevent:e\r\n\r\ndata: a\ndata: b\n\n"))
    .slice(1);
  expect(Buffer.from(one!.withData("ü")).toString()).toBe("id:1\r\ndata: ü\r\nevent:e\r\n\r\n");
  expect(Buffer.from(many!.withData("1\n2\n3")).toString()).toBe("data: 1\ndata: 2\ndata: 3\n\n");
});

test("an event larger than the maximum is a typed error, however small the chunks", () => {
  const reader = new SseReader({ maxEventBytes: 1000 });
  expect(reader.push(Buffer.from(`data: ${"x".repeat(5000)}\n\n`))).toHaveLength(1);
  let taken = 0;
  expect(() => {
    for (;;) taken += reader.push(Buffer.from("data: 0123456789")).length + 16;
  }).toThrow(EventTooLarge);
  expect(taken).toBeLessThanOrEqual(1000);
  expect(reader.rest.length).toBeGreaterThan(1000);
});
