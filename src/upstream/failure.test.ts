import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { retryAdvice } from "./failure.ts";

const now = Date.parse("2026-01-31T12:00:00Z");
const advice = (status: number, headers: Record<string, string> = {}, body: unknown = {}) =>
  retryAdvice(status, new Headers(headers), new TextEncoder().encode(JSON.stringify(body)), now);

describe("what may be tried again", () => {
  test.each([429, 500, 502, 503, 504, 529])("%i may", (status) => {
    expect(advice(status)).toEqual({ here: true, waitMs: undefined });
  });

  test.each([400, 401, 402, 403, 404, 408, 409, 413, 422, 501, 505])("%i is the caller's own", (status) => {
    expect(advice(status)).toBeNull();
  });

  test("x-should-retry goes before the status", () => {
    expect(advice(409, { "x-should-retry": "true" })).toEqual({ here: true, waitMs: undefined });
    expect(advice(500, { "x-should-retry": "false" })).toEqual({ here: false, waitMs: undefined });
    expect(advice(429, { "x-should-retry": "false" })).toEqual({ here: false, waitMs: undefined });
    expect(advice(400, { "x-should-retry": "false" })).toBeNull();
  });

  test.each([
    ["OpenAI's quota", { error: { type: "insufficient_quota", code: "insufficient_quota" } }],
    ["OpenAI's spend limit", { error: { type: "insufficient_quota", code: "project_spend_limit_exceeded" } }],
    ["OpenAI's credits", { error: { code: "credit_balance_exhausted" } }],
    ["Anthropic's spend limit", { error: { details: { error_code: "enforced_spend_limit_reached" } } }],
    ["Gemini's credits", { error: { message: "Your prepayment credits are depleted." } }],
    ["a request larger than the limit", { error: { message: "Request too large for gpt-4o: Limit 30000" } }],
  ])("money and size do not come back by waiting: %s", (_what, body) => {
    expect(advice(429, { "retry-after": "1" }, body)).toMatchObject({ here: false });
  });

  test.each([
    ["OpenAI's pace", { error: { type: "requests", code: "rate_limit_exceeded", message: "Rate limit reached" } }],
    ["Gemini's word for pace, which speaks of quota", { error: { message: "You exceeded your current quota" } }],
    ["what is no JSON", "<html>quota</html>"],
  ])("pace does: %s", (_what, body) => {
    expect(advice(429, {}, body)).toMatchObject({ here: true });
  });
});

describe("how long the provider wants to be left alone", () => {
  test.each([
    ["nothing said", {}, {}, undefined],
    ["seconds", { "retry-after": "2" }, {}, 2000],
    ["fractions of seconds", { "retry-after": "0.25" }, {}, 250],
    ["milliseconds go first", { "retry-after-ms": "150", "retry-after": "9" }, {}, 150],
    ["a date", { "retry-after": "Sat, 31 Jan 2026 12:00:03 GMT" }, {}, 3000],
    ["a date that is past", { "retry-after": "Sat, 31 Jan 2026 11:00:00 GMT" }, {}, 0],
    ["a negative number is nothing", { "retry-after": "-5" }, {}, undefined],
    ["nonsense is nothing", { "retry-after": "soon" }, {}, undefined],
    ["nothing is nothing", { "retry-after": "" }, {}, undefined],
    ["Gemini's RetryInfo", {}, { error: { details: [{ retryDelay: "34.4s" }] } }, 34_400],
    ["Azure's words", {}, { error: { message: "Please retry after 33 seconds." } }, 33_000],
    ["OpenAI's words", {}, { error: { message: "Please try again in 1.2s. Visit" } }, 1200],
    ["headers go before words", { "retry-after": "1" }, { error: { message: "retry after 33 seconds" } }, 1000],
  ] as const)("%s", (_what, headers, body, waitMs) => {
    expect(advice(429, { ...headers }, body)?.waitMs).toBe(waitMs);
  });

  test("words count for 429 alone", () => {
    expect(advice(503, {}, { error: { message: "retry after 33 seconds" } })?.waitMs).toBeUndefined();
    expect(advice(503, { "retry-after": "1" })?.waitMs).toBe(1000);
  });
});

test("whatever a provider sends, there is an advice, and a wait that is a number of milliseconds", () => {
  const header = fc.oneof(
    fc.string(),
    fc.nat().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  );
  const headerValue = header.map((text) => text.replace(/[^\x20-\x7e]/g, " "));
  fc.assert(
    fc.property(
      fc.integer({ min: 400, max: 599 }),
      headerValue,
      headerValue,
      fc.uint8Array(),
      (status, one, other, body) => {
        const found = retryAdvice(status, new Headers({ "retry-after": one, "retry-after-ms": other }), body, now);
        const ms = found?.waitMs;
        return ms === undefined || (Number.isFinite(ms) && ms >= 0);
      },
    ),
  );
});

const fixtures = join(import.meta.dir, "../../../shared/fixtures");
if (!existsSync(fixtures) && process.env.CI !== undefined) throw new Error("the recorded answers are not there");

describe.skipIf(!existsSync(fixtures))("recorded answers (skipped where the recordings are not there)", () => {
  test.each([
    ["openai/chat/error-429-insufficient-quota", false],
    ["openai/chat/error-429-organization-spend-limit-exceeded", false],
    ["openai/chat/error-429-organization-usage-limit-exceeded", false],
    ["openai/chat/error-429-request-too-large", false],
    ["openai/chat/error-429-slow-down", true],
    ["anthropic/messages/error-429-rate-limit", true],
    ["anthropic/messages/error-429-spend-limit-no-retry-after", false],
    ["google/generateContent/error-429-no-details", true],
    ["google/generateContent/error-429-retry-info", true],
    ["azure/chat/error-429-token-rate", true],
  ])("%s: again %p", (name, here) => {
    const body = readFileSync(join(fixtures, `${name}.response.json`));
    expect(retryAdvice(429, new Headers(), body, now)?.here).toBe(here);
  });
});
