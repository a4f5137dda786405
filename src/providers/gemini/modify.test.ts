import { describe, expect, test } from "bun:test";
import type { Modification } from "../../core/decision.ts";
import { geminiCountTokens } from "../gemini-count-tokens/format.ts";
import { geminiEmbeddings } from "../gemini-embeddings/format.ts";
import { change, type GoldenCase, testModifications, unchanged } from "../modify.conformance.ts";
import { body, thrownBy } from "../testing.ts";
import { gemini } from "./format.ts";

const url = (model: string, method = "generateContent") => `http://localhost/v1beta/models/${model}:${method}`;

function written(text: string, modifications: readonly Modification[], model = "gemini-3-pro"): string {
  return Buffer.from(gemini.writeRequest(gemini.readRequest(body(text), url(model)), { modifications })).toString();
}

/** A body's beginning and end, with what no serialiser would write, which must come out as it went in. */
const head = '{ "x":1.0e0,"contents":[{"role":"user","parts":[{"text":"h\\u00e9 é 😀"}]}]';
const with_ = (members = "") => `${head}${members === "" ? "" : `,${members}`} , "y":[ 1e2 ]\n}`;
const config = (members: string) => `"generationConfig":{ "seed" : 1.0${members === "" ? "" : `,${members}`} }`;
const snake = (members: string) => `"generation_config":{${members}}`;

/** Members before and after; the rest of the body stays as it is. */
const cases: readonly GoldenCase[] = [
  ["set", change("set", "max_tokens", 5), config('"maxOutputTokens" : 9'), config('"maxOutputTokens" : 5')],
  ["set anew", change("set", "max_tokens", 5), config(""), config('"maxOutputTokens":5')],
  ["cap", change("cap", "max_tokens", 5), snake('"max_output_tokens":9'), snake('"max_output_tokens":5')],
  ["cap under it", change("cap", "max_tokens", 5), config('"maxOutputTokens":4'), config('"maxOutputTokens":4')],
  ["floor", change("floor", "max_tokens", 5), config('"maxOutputTokens":4'), config('"maxOutputTokens":5')],
  ["remove", change("remove", "max_tokens"), snake('"max_output_tokens":4'), snake("")],
  ["set", change("set", "temperature", 1.5), config('"temperature":0'), config('"temperature":1.5')],
  ["cap", change("cap", "temperature", 0.5), config('"temperature":0.70'), config('"temperature":0.5')],
  ["floor", change("floor", "temperature", 0.5), config('"temperature":0.2'), config('"temperature":0.5')],
  ["remove", change("remove", "temperature"), config('"temperature":0.2'), config("")],
  ["set", change("set", "top_p", 0.5), config('"topP":1'), config('"topP":0.5')],
  ["cap", change("cap", "top_p", 0.5), snake('"top_p":1'), snake('"top_p":0.5')],
  ["floor", change("floor", "top_p", 0.5), config('"topP":0.1'), config('"topP":0.5')],
  ["remove", change("remove", "top_p"), config('"topP":0.1'), config("")],
  ["cap", change("cap", "n", 2), config('"candidateCount":5'), config('"candidateCount":2')],
  ["remove", change("remove", "n"), snake('"candidate_count":5'), snake("")],
  [
    "set a level",
    change("set", "reasoning_effort", "low"),
    config('"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"HIGH"}'),
    config('"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"low"}'),
  ],
  [
    "set a budget where the client sends one",
    change("set", "reasoning_effort", "high"),
    snake('"thinking_config":{"thinking_budget":-1}'),
    snake('"thinking_config":{"thinking_budget":24576}'),
  ],
  [
    "remove",
    change("remove", "reasoning_effort"),
    config('"thinkingConfig":{"thinkingBudget":5,"includeThoughts":true}'),
    config('"thinkingConfig":{"includeThoughts":true}'),
  ],
  ["remove what is not there", change("remove", "reasoning_effort"), config(""), config("")],
  ["set", change("set", "service_tier", "default"), '"serviceTier":"priority"', '"serviceTier":"standard"'],
  [
    "set what it is",
    change("set", "service_tier", "default"),
    '"service_tier":"STANDARD"',
    '"service_tier":"STANDARD"',
  ],
  ["set", change("set", "service_tier", "auto"), '"serviceTier":"flex","z":1', '"z":1'],
  ["remove", change("remove", "service_tier"), '"service_tier":"priority","z":1', '"z":1'],
  ["set", change("set", "stop", ["END"]), config('"stopSequences":["x"]'), config('"stopSequences":["END"]')],
  [
    "append",
    change("append", "stop", ["END", "ü"]),
    snake('"stop_sequences":[ "\\u00fc" ]'),
    snake('"stop_sequences":[ "\\u00fc","END" ]'),
  ],
  ["remove", change("remove", "stop"), config('"stopSequences":["x"]'), config("")],
  ["set, which has no place", change("set", "user", "anon"), '"z":1', '"z":1'],
  ["remove, which has no place", change("remove", "user"), '"z":1', '"z":1'],
  [
    "append to parts",
    [change("append", "system", "One."), change("append", "system", 'Be "brief".')],
    '"systemInstruction":{"role":"user","parts":[ {"text":"h\\u00e9"} ]}',
    '"systemInstruction":{"role":"user","parts":[ {"text":"h\\u00e9"},{"text":"One."},{"text":"Be \\"brief\\"."} ]}',
  ],
  [
    "append to a single part",
    change("append", "system", "One."),
    '"system_instruction":{"parts":{"text":"a"}}',
    '"system_instruction":{"parts":[{"text":"a"},{"text":"One."}]}',
  ],
  [
    "append to a text",
    change("append", "system", "One."),
    '"system_instruction":"a"',
    '"system_instruction":{"parts":[{"text":"a"},{"text":"One."}]}',
  ],
  [
    "remove by names",
    change("remove", "tools", ["shell*", "googleSearch"]),
    '"tools":[ {"functionDeclarations":[{"name":"shell_run"} , {"name":"keep","x":1.0}],"google_search":{}} , {"googleSearch":{}},{"codeExecution":{}} ]',
    '"tools":[ {"functionDeclarations":[{"name":"keep","x":1.0}]},{"codeExecution":{}} ]',
  ],
  [
    "remove the last, and what chooses",
    change("remove", "tools", "shell"),
    '"tools":[{"function_declarations":[{"name":"shell"}]}],"tool_config":{"function_calling_config":{"mode":"ANY"}},"z":1',
    '"z":1',
  ],
  [
    "remove the only one, given without a list",
    change("remove", "tools", "shell"),
    '"tools":{"functionDeclarations":{"name":"shell"}},"z":1',
    '"z":1',
  ],
  [
    "remove one that is chosen",
    change("remove", "tools", "shell"),
    '"tools":[{"functionDeclarations":[{"name":"shell"},{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["shell","a"]}}',
    '"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["a"]}}',
  ],
  [
    "remove all that is chosen",
    change("remove", "tools", "shell"),
    '"tools":[{"functionDeclarations":[{"name":"shell"},{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["shell"]}}',
    '"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}',
  ],
  ["remove all", change("remove", "tools"), '"tools":[{"googleSearch":{}}],"toolConfig":{},"z":1', '"z":1'],
  [
    "redact texts, calls, results and descriptions, and nothing of the format",
    change("redact", "messages", ["ann", "42"]),
    '"systemInstruction":{"parts":[{"text":"for ann"}]},"tools":[{"functionDeclarations":[{"name":"ann","description":"of ann"}]}]',
    '"systemInstruction":{"parts":[{"text":"for [redacted]"}]},"tools":[{"functionDeclarations":[{"name":"ann","description":"of [redacted]"}]}]',
  ],
];

testModifications({
  format: gemini,
  url: url("gemini-3-pro"),
  cases: [
    ...cases.map(([name, changes, before, after = before]): GoldenCase => [name, changes, with_(before), with_(after)]),
    ["route, which the path says", change("route", "model", "b"), with_()],
  ],
});

const unwritten = [
  "max_tokens",
  "n",
  "reasoning_effort",
  "service_tier",
  "stop",
  "temperature",
  "top_p",
  "user",
] as const;

testModifications({
  format: geminiCountTokens,
  url: url("m", "countTokens"),
  cases: [
    ...unchanged('{ "contents":[{"parts":[{"text":"hi"}]}] }', ...unwritten, "model"),
    [
      "redact contents",
      change("redact", "messages", ["ann"]),
      '{ "contents":[{"parts":[{"text":"ann"}]}] }',
      '{ "contents":[{"parts":[{"text":"[redacted]"}]}] }',
    ],
    [
      "append in a whole request",
      change("append", "system", "One."),
      '{ "generateContentRequest":{"model":"models/m", "contents":[]} }',
      '{ "generateContentRequest":{"model":"models/m", "contents":[],"systemInstruction":{"parts":[{"text":"One."}]}} }',
    ],
    [
      "remove in a whole request",
      change("remove", "tools", "shell"),
      '{"generate_content_request":{"model":"models/m","contents":[],"tools":[{"functionDeclarations":[{"name":"shell"}]}]}}',
      '{"generate_content_request":{"model":"models/m","contents":[]}}',
    ],
  ],
});

testModifications({
  format: geminiEmbeddings,
  url: url("m", "batchEmbedContents"),
  cases: [
    ...unchanged(
      '{ "requests":[{"model":"models/m","content":{"parts":[]}}] }',
      ...unwritten,
      "model",
      "system",
      "tools",
    ),
    [
      "redact each content, and no name",
      change("redact", "messages", ["ann"]),
      '{ "requests" : [ {"model":"models/m","content":{"parts":[{"text":"ann"}]},"title":"ann"} , {"content":{"parts":{"text":"to ann"}}} ] }',
      '{ "requests" : [ {"model":"models/m","content":{"parts":[{"text":"[redacted]"}]},"title":"[redacted]"} , {"content":{"parts":{"text":"to [redacted]"}}} ] }',
    ],
  ],
});

test("one content to embed is changed as those of a batch", () => {
  const raw = body('{"model":"models/m","content":{"parts":[{"text":"ann"}]},"taskType":"X"}');
  const view = geminiEmbeddings.readRequest(raw, url("m", "embedContent"));
  const bytes = geminiEmbeddings.writeRequest(view, {
    model: "gemini-embedding-001",
    modifications: [change("redact", "messages", ["ann"])],
  });
  expect(Buffer.from(bytes).toString()).toBe(
    '{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"[redacted]"}]},"taskType":"X"}',
  );
});

test("where a body repeats the path's model, it is the target's that goes out", () => {
  const cases = [
    [geminiEmbeddings, "batchEmbedContents", '{"requests":[{"model":"models/m","content":{}},{"content":{}}]}'],
    [geminiCountTokens, "countTokens", '{"generateContentRequest":{"model":"models/m","contents":[]}}'],
  ] as const;
  for (const [format, method, text] of cases) {
    const view = format.readRequest(body(text), url("m", method));
    expect(Buffer.from(format.writeRequest(view, { model: "other" })).toString()).toBe(text.replace("/m", "/other"));
    expect(format.writeRequest(view, {})).toBe(view.raw);
  }
});

test.each([
  [change("cap", "max_tokens", 5), '"generationConfig":{"maxOutputTokens":5}'],
  [change("cap", "temperature", 0.5), '"generationConfig":{"temperature":0.5}'],
  [change("append", "stop", "END"), '"generationConfig":{"stopSequences":["END"]}'],
  [change("set", "reasoning_effort", "low"), '"generationConfig":{"thinkingConfig":{"thinkingLevel":"low"}}'],
  [change("append", "system", "é"), '"systemInstruction":{"parts":[{"text":"é"}]}'],
  [change("floor", "max_tokens", 5), ""],
  [change("cap", "n", 2), ""],
  [change("remove", "tools"), ""],
  [change("set", "user", "anon"), ""],
])("%j adds what is not there", (modification, members) => {
  const after = members === "" ? with_() : with_().replace("\n}", `,${members}\n}`);
  expect(written(with_(), [modification])).toBe(after);
});

test("models of the families before levels get a budget to think with", () => {
  const effort = [change("set", "reasoning_effort", "low")];
  expect(written("{}", effort, "gemini-2.5-flash")).toBe(
    '{"generationConfig":{"thinkingConfig":{"thinkingBudget":1024}}}',
  );
});

test("several settings of one object change together", () => {
  const modifications = [change("cap", "max_tokens", 5), change("set", "temperature", 0), change("cap", "n", 1)];
  expect(written('{"generation_config":{"candidate_count":3}}', modifications)).toBe(
    '{"generation_config":{"candidate_count":1,"maxOutputTokens":5,"temperature":0}}',
  );
  expect(written("{}", modifications)).toBe('{"generationConfig":{"maxOutputTokens":5,"temperature":0}}');
});

describe("redact", () => {
  const redacted = (parts: string) =>
    written(`{"contents":[{"role":"user","parts":${parts}}]}`, [change("redact", "messages", ["secret", "42"])]);
  test.each([
    [
      '[{"functionCall":{"id":"42","name":"secret","args":{"a":"secret","n":[42]}}}]',
      '[{"functionCall":{"id":"42","name":"secret","args":{"a":"[redacted]","n":["[redacted]"]}}}]',
    ],
    [
      '[{"function_response":{"name":"secret","response":{"data":"secret"}}}]',
      '[{"function_response":{"name":"secret","response":{"data":"[redacted]"}}}]',
    ],
    [
      '[{"inlineData":{"mimeType":"secret/x","data":"c2VjcmV042"}},{"text":"a secret","thoughtSignature":"secret42"}]',
      '[{"inlineData":{"mimeType":"secret/x","data":"c2VjcmV042"}},{"text":"a [redacted]","thoughtSignature":"secret42"}]',
    ],
    ['{"text":"secret"}', '{"text":"[redacted]"}'],
    [
      '[{"executableCode":{"language":"PYTHON","code":"secret"}},{"somethingNew":{"words":["secret"]}}]',
      '[{"executableCode":{"language":"PYTHON","code":"[redacted]"}},{"somethingNew":{"words":["[redacted]"]}}]',
    ],
  ])("%s", (before, after) => {
    expect(redacted(before)).toBe(`{"contents":[{"role":"user","parts":${after}}]}`);
  });
});

test("a text that is sent as a file is redacted as text", () => {
  const body = (text: string) => {
    const data = Buffer.from(text).toString("base64");
    return `{"contents":[{"parts":[{"inline_data":{"data":"${data}","mime_type":"text/csv"}}]}]}`;
  };
  const redaction = [change("redact", "messages", ["ann"])];
  expect(written(body("name\nann"), redaction)).toBe(body("name\n[redacted]"));
  expect(written(body("name\nbob"), redaction)).toBe(body("name\nbob"));
});

test("a route changes nothing in the body, and what is routed is read as the other model's", () => {
  const raw = body('{"contents":[]}');
  const view = gemini.readRequest(raw, url("a"));
  expect(gemini.writeRequest(view, { modifications: [change("route", "model", "b")] })).toBe(raw);
  expect(gemini.readRequest(raw, url("a"), "b").model).toBe("b");
});

test("a value that is no stop text is the client's mistake", () => {
  expect(
    thrownBy(() => written('{"generationConfig":{"stopSequences":5}}', [change("append", "stop", "END")])),
  ).toEqual(["invalid_request", "'stopSequences' must be a string or a list; received 5."]);
});
