import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SluiceError } from "../errors.ts";
import { createLogger } from "./logger.ts";
import { censored, createRedactor, redactFields, secretsIn } from "./redact.ts";

/** What a logger writes of one line. */
function written(secrets: readonly string[], fields: object, message = "m"): string {
  const lines: string[] = [];
  const logger = createLogger({ level: "debug", secrets, destination: { write: (line) => void lines.push(line) } });
  logger.warn(fields, message);
  return lines.join("");
}

const gatewayKey = `slc_abcdefghij123456_${"A".repeat(43)}`;

describe("a line of the log", () => {
  test("is one JSON object with its time, level, message and fields", () => {
    const line = written([], { policy: "org/a", count: 3 }, "a policy failed");
    expect(JSON.parse(line)).toEqual({
      level: 40,
      time: expect.any(String),
      policy: "org/a",
      count: 3,
      msg: "a policy failed",
    });
    expect(line.endsWith("}\n")).toBe(true);
  });

  test.each([
    ["a field", { apiKey: "abc" }],
    ["a field in capitals with dashes", { headers: { "X-API-Key": "abc" } }],
    ["a field deep inside", { a: { b: [{ c: { password: "abc" } }] } }],
    ["a list", { cookie: ["abc"] }],
    ["texts of people", { prompt: "abc", messages: [{ content: "abc" }] }],
    ["the arguments of a database's command", { err: Object.assign(new Error("x"), { command: { args: ["abc"] } }) }],
    ["a field of a cause", { err: new Error("x", { cause: Object.assign(new Error("y"), { token: "abc" }) }) }],
    ["bytes", { chunk: Buffer.from("abc") }],
  ])("has nothing of %s that holds secrets or texts", (_, fields) => {
    expect(written([], fields)).not.toContain("abc");
  });

  test("keeps figures whose names look like secrets", () => {
    expect(JSON.parse(written([], { tokens: 5, token: 7, key: "abcdefghij123456" }))).toMatchObject({
      tokens: 5,
      token: 7,
      key: "abcdefghij123456",
    });
  });

  test("tells an error with its code, message, stack and causes", () => {
    const cause = new Error("refused");
    const { err } = JSON.parse(
      written([], { err: new SluiceError("upstream_unreachable", { provider: "p" }, { cause }) }),
    );
    expect(err).toMatchObject({ type: "SluiceError", code: "upstream_unreachable", message: expect.any(String) });
    expect(err.stack).toContain("logger.test.ts");
    expect(JSON.stringify(err)).toContain("refused");
  });

  const shapes: readonly (readonly [string, string])[] = [
    ["Bearer abcdef123456", "Bearer [secret]"],
    ["authorization: basic dXNlcjpwYXNz", "authorization: basic [secret]"],
    [gatewayKey, "slc_abcdefghij123456_[secret]"],
    [gatewayKey.replace("slc", "sla"), "sla_abcdefghij123456_[secret]"],
    ["sk-ant-api03-AAAAAAAAAAAA", "[secret]"],
    ["gsk_AAAAAAAAAAAAAAAA", "[secret]"],
    [`AIza${"S".repeat(35)}`, "[secret]"],
    ["AKIAIOSFODNN7EXAMPLE", "[secret]"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "[secret]"],
    ["connect postgres://me:pass@db:5432/x", "connect postgres://[secret]@db:5432/x"],
    ["GET http://h/p?key=abc&x=1", "GET http://h/p?key=[secret]&x=1"],
  ];
  test.each(shapes)("%j becomes %j, in the message, in a field and in an error", (text, clean) => {
    const { msg, note, err } = JSON.parse(written([], { note: text, err: new Error(text) }, text));
    expect([msg, note, err.message]).toEqual([clean, clean, clean]);
    expect(err.stack).not.toContain(text);
  });

  test.each([
    "a policy could not be evaluated",
    "sluice-basic",
    "task-oriented",
    "org/sk-limits",
    "a@b",
    "12 tokens=5",
  ])("%j stays as it is", (text) => {
    expect(JSON.parse(written([], { note: text }, text))).toMatchObject({ note: text, msg: text });
  });

  test("has no secret of the configuration, however it is written", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, maxLength: 40, unit: "binary" }), fc.string(), (secret, around) => {
        fc.pre(secret.isWellFormed());
        const line = written([secret], { a: `${around}${secret}`, err: new Error(`x ${secret}`) }, secret);
        const { a, err, msg } = JSON.parse(line);
        for (const text of [a, err.message, err.stack, msg]) {
          expect(text).toContain(censored);
          expect(text).not.toContain(secret);
        }
      }),
    );
  });

  test("has no secret that was made after the logger", () => {
    const lines: string[] = [];
    const logger = createLogger({ level: "info", destination: { write: (line) => void lines.push(line) } });
    logger.conceal("made-later-1");
    logger.info({ a: "made-later-1" }, "made-later-1");
    expect(lines.join("")).not.toContain("made-later-1");
  });
});

describe("redaction", () => {
  test("finds the password of an address and the values of headers by themselves", () => {
    expect(secretsIn("redis://:p%40ssword@h:1/0")).toEqual([
      "redis://:p%40ssword@h:1/0",
      "redis://:p@ssword@h:1/0",
      "p%40ssword",
      "p@ssword",
    ]);
    expect(secretsIn("x-key=abc%20def,y=z")).toEqual(expect.arrayContaining(["abc def", "z"]));
  });

  test("ends, however deep or circular the fields are", () => {
    const fields: Record<string, unknown> = {};
    fields.self = fields;
    expect(JSON.stringify(redactFields(fields, (text) => text))).toContain("[deep]");
  });

  test("takes no long time for long texts", () => {
    const redact = createRedactor(() => ["known-secret"]);
    const from = performance.now();
    for (const part of ["a", "://", "?key", "eyJa.", "sk-", "Bearer ", " "]) redact(part.repeat(200_000 / part.length));
    expect(performance.now() - from).toBeLessThan(2_000);
  });
});
