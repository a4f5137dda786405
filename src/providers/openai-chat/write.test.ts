import { describe, expect, test } from "bun:test";
import type { BodyEdit } from "../../core/wire.ts";
import { body } from "../testing.ts";
import { openaiChat } from "./format.ts";
import { withholdChatUsage } from "./withhold.ts";

const written = (text: string, edit: BodyEdit) =>
  Buffer.from(openaiChat.writeRequest(openaiChat.readRequest(body(text)), edit)).toString();
const head = '{ "model" : "a", "messages":[{"role":"user","content":"\\u00fc"}]';

describe("only what is edited differs in the bytes for the provider", () => {
  test("nothing to edit gives back the very bytes of the client", () => {
    const view = openaiChat.readRequest(body(`${head}}`));
    const edit = { model: "a", askForUsage: true, modifications: [{ op: "remove", path: "max_tokens" }] } as const;
    expect(openaiChat.writeRequest(view, edit)).toBe(view.raw);
  });

  const cases: readonly [name: string, before: string, edit: BodyEdit, after: string][] = [
    ["the model is renamed", `${head}}`, { model: 'b"' }, `${head.replace('"a"', '"b\\""')}}`],
    [
      "usage is asked for",
      `${head},"stream":true}`,
      { askForUsage: true },
      `${head},"stream":true,"stream_options":{"include_usage":true}}`,
    ],
    [
      "the client's other stream options are kept as written",
      `${head},"stream_options": { "x" : 1.0, "include_usage":false } ,"stream":true}`,
      { askForUsage: true },
      `${head},"stream_options": { "x" : 1.0, "include_usage":true } ,"stream":true}`,
    ],
    [
      "null stream options are replaced",
      `${head},"stream_options":null,"stream":true}`,
      { askForUsage: true },
      `${head},"stream_options":{"include_usage":true},"stream":true}`,
    ],
    [
      "a client that asks for usage itself is left alone",
      `${head},"stream":true,"stream_options":{"include_usage":true}}`,
      { askForUsage: true },
      `${head},"stream":true,"stream_options":{"include_usage":true}}`,
    ],
    [
      "usage is never asked for without a stream",
      `${head},"stream":false}`,
      { askForUsage: true },
      `${head},"stream":false}`,
    ],
    ["cap lowers", `${head},"max_tokens":9}`, modify("cap", "max_tokens", 4), `${head},"max_tokens":4}`],
    [
      "cap leaves what is under it",
      `${head},"max_tokens":3}`,
      modify("cap", "max_tokens", 4),
      `${head},"max_tokens":3}`,
    ],
    [
      "cap sets what is absent, under the newer name",
      `${head}}`,
      modify("cap", "max_tokens", 4),
      `${head},"max_completion_tokens":4}`,
    ],
    [
      "cap reaches both names",
      `${head},"max_tokens":9,"max_completion_tokens":8}`,
      modify("cap", "max_tokens", 4),
      `${head},"max_tokens":4,"max_completion_tokens":4}`,
    ],
    [
      "floor raises",
      `${head},"max_completion_tokens":3}`,
      modify("floor", "max_tokens", 4),
      `${head},"max_completion_tokens":4}`,
    ],
    ["floor leaves what is absent to the model", `${head}}`, modify("floor", "temperature", 0.5), `${head}}`],
    [
      "set replaces a null",
      `${head},"temperature":null}`,
      modify("set", "temperature", 0.2),
      `${head},"temperature":0.2}`,
    ],
    [
      "remove takes away",
      `${head},"temperature":1,"max_tokens":2}`,
      modify("remove", "temperature"),
      `${head},"max_tokens":2}`,
    ],
  ];
  for (const [name, before, edit, after] of cases) test(name, () => expect(written(before, edit)).toBe(after));

  test("several modifications of one path apply in order, and one that is not possible is never skipped", () => {
    const modifications = [
      { op: "floor", path: "max_tokens", value: 10 },
      { op: "cap", path: "max_tokens", value: 6 },
    ] as const;
    expect(written(`${head},"max_tokens":2}`, { modifications })).toBe(`${head},"max_tokens":6}`);
    expect(() => written(`${head}}`, modify("set", "top_k", 1))).toThrow("'top_k' cannot be modified");
    expect(() => written(`${head}}`, modify("append", "max_tokens", 1))).toThrow("'append'");
  });
});

describe("what tells usage is withheld from a client that did not ask", () => {
  const cases: readonly [name: string, data: string, shown: string | null][] = [
    ["the chunk that only tells usage", '{"id":"1","choices":[],"usage":{"total_tokens":1}}', null],
    ["the same, with white space", '{ "choices" : [ ] , "usage" : {"total_tokens":1} }', null],
    [
      "a null at the end",
      '{"choices":[{"delta":{"content":"a"}}],"usage":null}',
      '{"choices":[{"delta":{"content":"a"}}]}',
    ],
    ["a null before padding", '{"choices":[],"usage":null,"obfuscation":"x}{"}', '{"choices":[],"obfuscation":"x}{"}'],
    ["a null at the beginning", '{ "usage": null , "choices":[]}', '{ "choices":[]}'],
    ["a null alone", '{"usage":null}', "{}"],
    ["a null that is nested stays", '{"x":{"usage":null},"choices":[]}', '{"x":{"usage":null},"choices":[]}'],
    [
      "a null inside a text stays",
      '{"choices":[{"delta":{"content":",\\"usage\\":null"}}]}',
      '{"choices":[{"delta":{"content":",\\"usage\\":null"}}]}',
    ],
    ["nested and not", '{"x":[{"usage":null}],"usage":null}', '{"x":[{"usage":null}]}'],
    [
      "Azure's first chunk, with no choices and no usage",
      '{"choices":[],"prompt_filter_results":[]}',
      '{"choices":[],"prompt_filter_results":[]}',
    ],
    [
      "usage on a chunk that has choices",
      '{"choices":[{"delta":{}}],"usage":{"total_tokens":1}}',
      '{"choices":[{"delta":{}}],"usage":{"total_tokens":1}}',
    ],
    [
      "an error that looks like usage",
      '{"error":{"code":1},"choices":[],"usage":{"total_tokens":1}}',
      '{"error":{"code":1},"choices":[],"usage":{"total_tokens":1}}',
    ],
    ["the end", "[DONE]", "[DONE]"],
    ["no JSON", '{"usage":nu', '{"usage":nu'],
  ];
  for (const [name, data, shown] of cases) test(name, () => expect(withholdChatUsage(data)).toBe(shown));
});

test("refusals have OpenAI's error shape", () => {
  const refusal = { status: 403, code: "token_cap", message: "too many", sluice: { policy: "org/cap" } };
  expect(JSON.parse(openaiChat.writeRefusal({ ...refusal, type: "policy_denied" }))).toEqual({
    error: {
      message: "too many",
      type: "policy_denied",
      code: "token_cap",
      param: null,
      sluice: { policy: "org/cap" },
    },
  });
  const typeOf = (status: number) => JSON.parse(openaiChat.writeRefusal({ ...refusal, status })).error.type as string;
  expect([400, 401, 402, 403, 404, 413, 429, 500, 502].map(typeOf)).toEqual([
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "invalid_request_error",
    "invalid_request_error",
    "rate_limit_error",
    "api_error",
    "api_error",
  ]);
});

function modify(op: "cap" | "floor" | "set" | "remove" | "append", path: string, value?: number): BodyEdit {
  return { modifications: [{ op, path, ...(value !== undefined && { value }) }] };
}
