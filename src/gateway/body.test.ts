import { describe, expect, test } from "bun:test";
import { deflateSync, gzipSync } from "node:zlib";
import type { SluiceError } from "../errors.ts";
import { readBody } from "./body.ts";

const text = '{"model":"echo"}';
const request = (body: Bun.BodyInit, headers: Record<string, string> = {}) =>
  new Request("http://gateway/", { method: "POST", body, headers });
const read = (sent: Request) => readBody(sent, sent.headers.toJSON(), 100);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "read",
    (error: SluiceError) => error.code,
  );

describe("a body is read whole", () => {
  test.each([
    ["plain", text, {}],
    ["gzip", gzipSync(text), { "content-encoding": "gzip" }],
    ["deflate", deflateSync(text), { "content-encoding": "deflate" }],
    ["identity", text, { "content-encoding": "identity" }],
  ])("%s", async (_name, body, headers) => {
    const bytes = await read(request(body, headers as Record<string, string>));
    expect(Buffer.from(bytes).toString()).toBe(text);
  });
});

describe("a body that cannot be read is refused by name", () => {
  const endless = () =>
    new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(64)) });
  test.each([
    ["declared too long", request("x", { "content-length": "101" }), "body_too_large"],
    ["not declared, and never ending", request(endless()), "body_too_large"],
    ["a bomb", request(gzipSync(new Uint8Array(100_000)), { "content-encoding": "gzip" }), "body_too_large"],
    ["not gzip", request("plain", { "content-encoding": "gzip" }), "invalid_request"],
    ["cut gzip", request(gzipSync(text).subarray(0, 12), { "content-encoding": "gzip" }), "invalid_request"],
    ["an unknown encoding", request("x", { "content-encoding": "br" }), "unsupported_encoding"],
  ])("%s", async (_name, sent, code) => {
    expect(await codeOf(read(sent))).toBe(code);
  });
});
