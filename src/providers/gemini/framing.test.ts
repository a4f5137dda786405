import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EventTooLarge } from "../framing.ts";
import { gemini } from "./format.ts";
import { GeminiFraming } from "./framing.ts";
import { JsonArrayFraming } from "./json-array.ts";

/** Cuts bytes at the given places. */
function chunks(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...[...cuts].map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.slice(places[i], end));
}

function read(framing: GeminiFraming | JsonArrayFraming, parts: readonly Uint8Array[]) {
  const blocks = parts.flatMap((part) => framing.push(part).map(({ data, raw }) => ({ data, raw: raw.slice() })));
  const last = framing.end();
  if (last !== null) blocks.push({ data: last.data, raw: last.raw.slice() });
  return {
    data: blocks.flatMap(({ data }) => data ?? []),
    bytes: Buffer.concat(blocks.map(({ raw }) => raw)).toString(),
  };
}

const separators = fc.constantFrom(",", "\n,\r\n", " , ", ",\n");
const arrays = fc
  .tuple(fc.array(fc.jsonValue()), separators, fc.constantFrom(0, 2), fc.constantFrom("", " ", "\r\n"))
  .map(([values, separator, indent, space]) => ({
    values,
    text: `${space}[${values.map((value) => JSON.stringify(value, null, indent)).join(separator)}${space}]${space}`,
  }));

test("the elements of an array, wherever it is cut, and every byte of it", () => {
  fc.assert(
    fc.property(arrays, fc.array(fc.nat()), ({ values, text }, cuts) => {
      const parts = chunks(Buffer.from(text), cuts);
      for (const framing of [new JsonArrayFraming(), new GeminiFraming()]) {
        const { data, bytes } = read(framing, parts);
        expect(data.map((one) => JSON.parse(one) as unknown)).toEqual(JSON.parse(text) as unknown[]);
        expect(bytes).toBe(text);
      }
      expect(values.length).toBe((JSON.parse(text) as unknown[]).length);
    }),
  );
});

test("whatever comes, all of its bytes, in order", () => {
  const pieces = fc.array(fc.constantFrom("[", "]", "{", "}", '"', "\\", ",", " ", "a", "1", "data: x\r\n\r\n"));
  fc.assert(
    fc.property(pieces, fc.array(fc.nat()), (text, cuts) => {
      const bytes = Buffer.from(text.join(""));
      expect(read(new GeminiFraming(), chunks(bytes, cuts)).bytes).toBe(bytes.toString());
    }),
  );
});

test("the first byte tells what comes", () => {
  const data = (text: string) => read(new GeminiFraming(), [Buffer.from(text)]).data;
  expect(data('[{"a":1}]')).toEqual(['{"a":1}']);
  expect(data('\r\n {"a":1}')).toEqual(['{"a":1}']);
  expect(data('data: {"a":1}\r\n\r\n')).toEqual(['{"a":1}']);
  expect(data(": comment\n\ndata: [1]\n\n")).toEqual(["[1]"]);
  expect(data(" \r\n")).toEqual([]);
});

test("white space before anything tells is not held: a provider may keep its connection alive with it for long", () => {
  for (const text of ['[{"a":1}]', 'data: {"a":1}\n\n']) {
    const framing = new GeminiFraming();
    for (let i = 0; i < 1_000; i += 1) {
      expect(Buffer.concat(framing.push(Buffer.from("\r\n")).map(({ raw }) => raw)).toString()).toBe("\r\n");
      expect(framing.holding).toBe(false);
    }
    expect(read(framing, [Buffer.from(text)])).toEqual({ data: ['{"a":1}'], bytes: text });
  }
});

test("elements go out before the array has ended, and half of one waits", () => {
  const framing = new GeminiFraming();
  expect(framing.push(Buffer.from('[{"a":"]}')).length).toBe(0);
  expect(framing.holding).toBe(true);
  const [block] = framing.push(Buffer.from('"}'));
  expect(block?.data).toBe('{"a":"]}"}');
  expect(framing.holding).toBe(false);
});

describe("what goes out is an array, whatever of it goes out", () => {
  const array = '[{"n":1}\n,\r\n{"n":2}\n,\r\n{"n":3}\n]';
  test.each([
    [[true, true, true], array],
    [[false, true, true], '[{"n":2}\n,\r\n{"n":3}\n]'],
    [[false, false, true], '[{"n":3}\n]'],
    [[true, false, true], '[{"n":1}\n,\r\n{"n":3}\n]'],
    [[false, false, false], "[\n]"],
  ])("elements %j", (kept, expected) => {
    for (const how of ["pass", "rewrite"] as const) {
      const framing = new JsonArrayFraming();
      const out = framing.push(Buffer.from(array)).map((block, i) => {
        if (block.data === null) return framing.pass(block);
        if (!kept[i]) return Buffer.alloc(0);
        return how === "pass" ? framing.pass(block) : framing.rewrite(block, block.data);
      });
      const text = Buffer.concat(out).toString();
      expect(JSON.parse(text)).toEqual(JSON.parse(expected));
      if (kept.every(Boolean)) expect(text).toBe(array);
    }
  });

  test("with elements of our own, and ended early", () => {
    for (const before of [0, 1, 2]) {
      const framing = new JsonArrayFraming();
      const blocks = framing.push(Buffer.from(array));
      const out = [
        ...blocks.slice(0, before).map((block) => framing.pass(block)),
        framing.write({ name: "", data: '{"own":1}' }),
        framing.close()!,
      ];
      expect(JSON.parse(Buffer.concat(out).toString())).toHaveLength(before + 1);
    }
    expect(Buffer.from(new JsonArrayFraming().close()!).toString()).toBe("[]");
  });
});

describe("a stream that broke off", () => {
  const refusal = { status: 502, code: "upstream_interrupted", message: "gone" };
  const broken = (text: string) => {
    const relay = gemini.openStream();
    const shown = [relay.write(Buffer.from(text)), relay.end()].filter((one) => one !== null);
    return Buffer.concat(shown).toString() + (relay.writeError?.(refusal) ?? gemini.writeStreamError(refusal));
  };
  test.each(["[", '[{"a":1}', '[{"a":1}\n,\r\n{"b":2}'])(
    "as array %p is an array whose last element is the error",
    (text) => {
      const elements = JSON.parse(broken(text)) as { error?: object }[];
      expect(elements.at(-1)?.error).toMatchObject({ code: 502, status: "UNAVAILABLE" });
    },
  );

  test("after its end says nothing more", () => {
    expect(broken('[{"a":1}]')).toBe('[{"a":1}]');
  });

  test("as events ends with the error as an event of its own", () => {
    expect(broken('data: {"a":1}\r\n\r\ndata: {"b')).toEndWith(
      'data: {"b\r\n\r\ndata: {"error":{"code":502,"message":"gone","status":"UNAVAILABLE","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"upstream_interrupted","domain":"sluice"}]}}\r\n\r\n',
    );
  });
});

test("an element that is larger than the maximum is not held", () => {
  const framing = new JsonArrayFraming({ maxEventBytes: 64 });
  framing.push(Buffer.from('[{"a":"'));
  expect(() => framing.push(Buffer.alloc(100, "x"))).toThrow(EventTooLarge);
  expect(framing.rest.length).toBe(107);
});
