import { describe, expect, test } from "bun:test";
import { SluiceError } from "../errors.ts";
import { presentedKey, towardsClient, towardsProvider } from "./headers.ts";

describe("the gateway key is taken from wherever an SDK puts its key", () => {
  test.each([
    ["authorization", "Bearer slc_a_b"],
    ["authorization", "bearer  slc_a_b "],
    ["x-api-key", "slc_a_b"],
    ["api-key", "slc_a_b"],
    ["x-goog-api-key", "slc_a_b"],
  ])("%s: %s", (name, value) => {
    expect(presentedKey({ [name]: value })).toBe("slc_a_b");
  });

  test("without one the error lists where it is looked for", () => {
    for (const headers of [{}, { authorization: "Basic abc" }, { "x-api-key": "" }] as Record<string, string>[]) {
      expect(() => presentedKey(headers)).toThrow(SluiceError);
    }
  });
});

test("a provider gets no credential, cookie, address or hop-by-hop header of the client, and nothing of Sluice's", () => {
  const sent = new Headers({
    authorization: "Bearer slc_a_b",
    "x-api-key": "slc_a_b",
    "api-key": "slc_a_b",
    "x-goog-api-key": "slc_a_b",
    cookie: "a=b",
    host: "gateway",
    connection: "keep-alive, x-private",
    "x-private": "1",
    "proxy-authorization": "Basic x",
    "transfer-encoding": "chunked",
    "content-encoding": "gzip",
    "accept-encoding": "br",
    "x-forwarded-for": "10.0.0.1",
    "sluice-user": "ann",
    "openai-organization": "org-of-the-client",
    "content-type": "application/json; charset=utf-8",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "a,b",
    "x-stainless-lang": "js",
    "user-agent": "openai",
    "idempotency-key": "k",
  });
  expect(towardsProvider(sent, sent.toJSON()).toJSON()).toEqual({
    "accept-encoding": "identity",
    "anthropic-beta": "a,b",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
    "idempotency-key": "k",
    "user-agent": "openai",
    "x-stainless-lang": "js",
  });
});

test("on Gemini's paths alone the key may stand in the query, behind every header", () => {
  const at = (path: string, headers = {}) => presentedKey(headers, `http://localhost:1${path}`);
  expect(at("/v1beta/models/gemini-2.5-pro:generateContent?alt=sse&key=slc_a%5Fb")).toBe("slc_a_b");
  expect(at("/v1beta/models/m:countTokens?key=slc_query", { "x-goog-api-key": "slc_header" })).toBe("slc_header");
  for (const path of ["/v1/chat/completions?key=slc_a_b", "/v1beta/models/m:countTokens?key=", "/v1beta/models/m"]) {
    expect(() => at(path)).toThrow(SluiceError);
  }
  expect(() => at("/v1/chat/completions?x=/v1beta/?key=slc_a_b")).toThrow(SluiceError);
});

test("a client gets the provider's rate limits and request ids, but no cookie, account or hop-by-hop header", () => {
  const passed = towardsClient(
    new Headers({
      "content-type": "application/json",
      "content-length": "12",
      "content-encoding": "gzip",
      "set-cookie": "a=b",
      "openai-organization": "org-of-the-operator",
      "anthropic-organization-id": "org-of-the-operator",
      "x-request-id": "req_1",
      "x-ratelimit-remaining-requests": "99",
      "retry-after": "3",
      connection: "close",
    }),
  );
  expect(passed.toJSON()).toEqual({
    "content-type": "application/json",
    "x-request-id": "req_1",
    "x-ratelimit-remaining-requests": "99",
    "retry-after": "3",
  });
});
