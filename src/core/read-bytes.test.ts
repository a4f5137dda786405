import { expect, test } from "bun:test";
import { readBytes, readResponse } from "./read-bytes.ts";

/** A body that comes in these pieces and tells whether it is still wanted. */
function source(...pieces: string[]) {
  let cancelled = false;
  const rest = pieces.map((piece) => Buffer.from(piece));
  return {
    read: async () => (rest.length === 0 ? { done: true } : { done: false, value: rest.shift()! }),
    async cancel() {
      cancelled = true;
      throw new Error("it is broken already");
    },
    get cancelled() {
      return cancelled;
    },
  };
}

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString());

test.each([
  [[], ""],
  [["one"], "one"],
  [["one ", "", "two"], "one two"],
])("a body that is not too long is read to its end: %j", async (pieces, whole) => {
  const body = source(...pieces);
  expect(text(await readBytes(body, whole.length))).toBe(whole);
  expect(body.cancelled).toBe(false);
});

test("a longer one is not read further, and not wanted any more", async () => {
  const body = source("one ", "two", "never read");
  expect(await readBytes(body, 6)).toBeNull();
  expect(body.cancelled).toBe(true);
  expect(text((await body.read()).value ?? null)).toBe("never read");
});

test("of an answer the length is believed that it tells, unless it is compressed or comes in chunks", async () => {
  const answer = (headers: Record<string, string>) => new Response("one two", { headers });
  expect(text(await readResponse(answer({ "content-length": "7" }), 7))).toBe("one two");
  expect(await readResponse(answer({ "content-length": "7" }), 6)).toBeNull();
  expect(text(await readResponse(answer({ "content-length": "70", "content-encoding": "gzip" }), 7))).toBe("one two");
  expect(await readResponse(answer({ "content-length": "3", "content-encoding": "gzip" }), 6)).toBeNull();
  expect(await readResponse(answer({ "content-length": "3", "transfer-encoding": "chunked" }), 6)).toBeNull();
  expect(text(await readResponse(answer({}), 7))).toBe("one two");
  expect(text(await readResponse(new Response(null, { status: 204 }), 0))).toBe("");
});
