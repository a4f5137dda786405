import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Modification } from "../core/decision.ts";
import { modificationProblem, type Redaction, recordedModification, ScannerRedaction } from "../core/modifiable.ts";
import type { Json, WireFormat } from "../core/wire.ts";
import { patternScanner } from "../sdk/scan.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { maxPatternCharacters, redactArguments, redactJson, redactor } from "./redact.ts";
import { body } from "./testing.ts";

const change = (value: Redaction): Modification => ({ op: "redact", path: "messages", value });
const digits = change({ pattern: "\\d{4,}", replace: "#" });

function written(format: WireFormat, text: string, modifications: readonly Modification[] = [digits]): string {
  return Buffer.from(format.writeRequest(format.readRequest(body(text)), { modifications })).toString();
}

describe("a text is redacted", () => {
  const redact = (...values: Redaction[]) => redactor(values.map(change));
  test.each<[string, Redaction[], string, string]>([
    ["by literals", [["secret", "key"]], "a secret key, Secret", "a [redacted] [redacted], Secret"],
    ["the longest first", [["ab", "abc"]], "abcab", "[redacted][redacted]"],
    ["in one pass", [["red", "secret"]], "secret red", "[redacted] [redacted]"],
    [
      "by literals that mean something in expressions",
      [{ literals: ["a.b", "$&", "\\", "[x]"], replace: "$1" }],
      "a.b axb $& \\ [x]",
      "$1 axb $1 $1 $1",
    ],
    ["by literals outside of ASCII", [["é", "😀", "\n"]], "é😀\n", "[redacted][redacted][redacted]"],
    ["by an expression", [{ pattern: "(?i)[a-z.]+@[a-z.]+", replace: "<mail>" }], "to A.B@example.com!", "to <mail>!"],
    ["by nothing that is empty", [{ pattern: "x*", replace: "-" }], "axxb", "a-b"],
    ["one after the other", [["a"], { literals: ["[redacted]"], replace: "b" }], "a", "b"],
    ["to nothing", [{ literals: ["a"], replace: "" }], "aaa", ""],
  ])("%s", (_, values, before, after) => {
    expect(redact(...values)(before)).toBe(after);
  });

  test("in no more than linear time, whatever it is", () => {
    const started = performance.now();
    redact({ pattern: "(a+)+$" })(`${"a".repeat(50_000)}!`);
    redact(Array.from({ length: 100 }, (_, i) => `${"a".repeat(i + 1)}b`))("a".repeat(100_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test("by an expression only up to a bound for a whole request; what was not looked through is not sent", () => {
    const both = redact({ pattern: "secret" });
    expect(both("a".repeat(maxPatternCharacters - 1))).toHaveLength(maxPatternCharacters - 1);
    expect(() => both("aa")).toThrow("at most 2097152 characters");
    expect(redact(["secret"])("a".repeat(maxPatternCharacters + 1))).toHaveLength(maxPatternCharacters + 1);
  });
});

describe("JSON stays JSON", () => {
  const redact = redactor([digits]);
  test.each([
    ['{ "a" : "x12345" , "b":[ 1.0, 12345, true ]}', '{ "a" : "x#" , "b":[ 1.0, "#", true ]}'],
    ['{"12345":-123456,"c":null}', '{"#":"-#","c":null}'],
    ['"\\u0031234\\n"', '"#\\n"'],
    ["[]", "[]"],
    ['"a\\"12345"', '"a\\"#"'],
  ])("%s becomes %s", (before, after) => {
    expect(redactJson(before, redact)).toBe(after);
    JSON.parse(after);
  });

  test("a text that is no JSON is a text", () => {
    expect(redactArguments('{"a": 12345', redact)).toBe('{"a": #');
  });

  test("whatever it holds, and nothing is left of what was looked for", () => {
    const redaction = redactor([change({ literals: ["x", "7"], replace: "" })]);
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const after = redactJson(text, redaction);
        const flat = JSON.stringify(JSON.parse(after)).replaceAll(/\\u[0-9a-f]{4}/g, "");
        expect(flat).not.toMatch(/[x7]/);
      }),
      { numRuns: 500 },
    );
  });
});

describe("on the surface chat every text of the prompt is redacted, and nothing else changes", () => {
  const golden: readonly (readonly [name: string, before: string, after: string])[] = [
    ["a text", '{"role":"user","content" : "h\\u00e9 12345 é"}', '{"role":"user","content" : "hé # é"}'],
    [
      "a text without anything to redact",
      '{"role":"user","content":"h\\u00e9 1.0"}',
      '{"role":"user","content":"h\\u00e9 1.0"}',
    ],
    ["what escapes hide", '{"role":"user","content":"\\u0031\\u0032345"}', '{"role":"user","content":"#"}'],
    [
      "parts, but no picture and no file",
      '{"role":"user","content":[{"type":"text","text":"12345"} ,{"type":"image_url","image_url":{"url":"https://x/12345"}},{"type":"file","file":{"file_data":"12345","filename":"12345.pdf"}}]}',
      '{"role":"user","content":[{"type":"text","text":"#"} ,{"type":"image_url","image_url":{"url":"https://x/12345"}},{"type":"file","file":{"file_data":"12345","filename":"#.pdf"}}]}',
    ],
    [
      "a file that is a text",
      '{"role":"user","content":[{"type":"file","file":{"file_data":"data:text/plain;base64,b2YgMTIzNDU="}}]}',
      '{"role":"user","content":[{"type":"file","file":{"file_data":"data:text/plain;base64,b2YgIw=="}}]}',
    ],
    [
      "the arguments of tool calls, as JSON, but neither ids nor names",
      '{"role":"assistant","content":null,"tool_calls":[{"id":"call_12345","type":"function","function":{"name":"f12345","arguments":"{ \\"card\\": 41111, \\"n\\":[\\"a 12345\\"] }"}},{"id":"c","type":"custom","custom":{"name":"f12345","input":"12345"}}]}',
      '{"role":"assistant","content":null,"tool_calls":[{"id":"call_12345","type":"function","function":{"name":"f12345","arguments":"{ \\"card\\": \\"#\\", \\"n\\":[\\"a #\\"] }"}},{"id":"c","type":"custom","custom":{"name":"f12345","input":"#"}}]}',
    ],
    [
      "arguments that are no JSON",
      '{"role":"assistant","function_call":{"name":"f","arguments":"{12345"}}',
      '{"role":"assistant","function_call":{"name":"f","arguments":"{#"}}',
    ],
    [
      "results of tools",
      '{"role":"tool","tool_call_id":"12345","content":"12345"}',
      '{"role":"tool","tool_call_id":"12345","content":"#"}',
    ],
    [
      "names of authors",
      '{"role":"user","name":"ann12345","content":"x"}',
      '{"role":"user","name":"ann#","content":"x"}',
    ],
    [
      "reasoning and refusals",
      '{"role":"assistant","reasoning_content":"12345","refusal":"12345","content":""}',
      '{"role":"assistant","reasoning_content":"#","refusal":"#","content":""}',
    ],
    [
      "kinds of content that nobody knows",
      '{"role":"user","content":[{"type":"new","deep":[{"er":"12345"}]}]}',
      '{"role":"user","content":[{"type":"new","deep":[{"er":"#"}]}]}',
    ],
    ["a message that is only a text", '"12345"', '"#"'],
  ];
  for (const [name, before, after] of golden) {
    const bodyOf = (message: string) => `{"model":"m12345", "messages":[ ${message} ],"x":[12345]}`;
    test(name, () => expect(written(openaiChat, bodyOf(before))).toBe(bodyOf(after)));
  }

  test("definitions in their descriptions, predictions whole", () => {
    const bodyOf = (text: string) =>
      `{"model":"m","messages":[],"prediction":{"type":"content","content":"${text}"},"tools":[{"type":"function","function":{"name":"f12345","description":"${text}","parameters":{"properties":{"p12345":{"description":"${text}","enum":["12345"]}}}}}],"functions":[{"name":"g","description":"${text}"}],"response_format":{"json_schema":{"name":"s12345","description":"${text}"}}}`;
    expect(written(openaiChat, bodyOf("12345"))).toBe(bodyOf("#"));
  });

  test("deep inside", () => {
    const bodyOf = (text: string) =>
      `{"model":"m","messages":[{"role":"user","content":[${'{"a":['.repeat(200)}"${text}"${"]}".repeat(200)}]}]}`;
    expect(written(openaiChat, bodyOf("12345"))).toBe(bodyOf("#"));
  });
});

describe("on the surface messages every text of the prompt is redacted, and nothing else changes", () => {
  const golden: readonly (readonly [name: string, before: string, after: string])[] = [
    ["a text", '"h\\u00e9 12345"', '"hé #"'],
    [
      "a block",
      '[{"type":"text","text":"12345","cache_control":{"type":"ephemeral"}}]',
      '[{"type":"text","text":"#","cache_control":{"type":"ephemeral"}}]',
    ],
    [
      "the input of tools, to the last number, but neither ids nor names",
      '[{"type":"tool_use","id":"toolu_12345","name":"f12345","input":{ "card" : 41111, "12345":["12345",1.0] }}]',
      '[{"type":"tool_use","id":"toolu_12345","name":"f12345","input":{ "card" : "#", "#":["#",1.0] }}]',
    ],
    [
      "results of tools",
      '[{"type":"tool_result","tool_use_id":"12345","content":"12345"},{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"12345"}]}]',
      '[{"type":"tool_result","tool_use_id":"12345","content":"#"},{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"#"}]}]',
    ],
    [
      "the text of documents, but no bytes",
      '[{"type":"document","title":"12345","source":{"type":"text","media_type":"text/plain","data":"12345"}},{"type":"document","source":{"type":"base64","data":"12345"}},{"type":"image","source":{"type":"base64","data":"12345"}},{"type":"image","source":{"type":"url","url":"https://x/12345"}},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"12345"}]}}]',
      '[{"type":"document","title":"#","source":{"type":"text","media_type":"text/plain","data":"#"}},{"type":"document","source":{"type":"base64","data":"12345"}},{"type":"image","source":{"type":"base64","data":"12345"}},{"type":"image","source":{"type":"url","url":"https://x/12345"}},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"#"}]}}]',
    ],
    [
      "thoughts, but no seals",
      '[{"type":"thinking","thinking":"12345","signature":"12345"},{"type":"redacted_thinking","data":"12345"}]',
      '[{"type":"thinking","thinking":"#","signature":"12345"},{"type":"redacted_thinking","data":"12345"}]',
    ],
    [
      "sources of search results",
      '[{"type":"search_result","source":"https://x/12345","title":"12345","content":[]}]',
      '[{"type":"search_result","source":"https://x/#","title":"#","content":[]}]',
    ],
  ];
  for (const [name, before, after] of golden) {
    const bodyOf = (content: string) =>
      `{"model":"m12345","messages":[ {"role":"user","content":${content}} ],"max_tokens":12345}`;
    test(name, () => expect(written(anthropicMessages, bodyOf(before))).toBe(bodyOf(after)));
  }

  test("the system prompt, and definitions in their descriptions", () => {
    const bodyOf = (text: string) =>
      `{"model":"m","system":[{"type":"text","text":"${text}"}],"messages":[],"tools":[{"name":"f12345","description":"${text}","input_schema":{"enum":["12345"]}}]}`;
    expect(written(anthropicMessages, bodyOf("12345"))).toBe(bodyOf("#"));
    expect(written(anthropicMessages, '{"model":"m","messages":[],"system":"12345"}')).toBe(
      '{"model":"m","messages":[],"system":"#"}',
    );
  });
});

test("nothing of what is looked for is left in any text that counters and rules see of messages", () => {
  const needle = "N33DLE";
  const text = fc.string().map((filler) => `${filler}${needle}${filler}`);
  const any: fc.Arbitrary<Json> = fc.letrec<{ any: Json }>((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      text,
      fc.integer(),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("text", "content", "source", "url", "type", "input", "name", "new"), tie("any"), {
        maxKeys: 4,
      }),
    ),
  })).any;
  const block = fc.oneof(
    fc.record({ type: fc.constant("text"), text }),
    fc.record({ type: fc.constant("tool_use"), id: text, name: fc.constant("f"), input: fc.dictionary(text, any) }),
    fc.record({ type: fc.constant("tool_result"), content: fc.oneof(text, fc.array(any, { maxLength: 2 })) }),
    fc.record({
      type: fc.constant("document"),
      title: text,
      source: fc.record({ type: fc.constant("text"), data: text }),
    }),
    fc.record({ type: fc.constant("other"), more: any }),
  );
  const message = fc.record({ role: fc.constant("user"), content: fc.oneof(text, fc.array(block, { maxLength: 3 })) });
  const modifications = [change([needle])];
  for (const format of [openaiChat, anthropicMessages]) {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 3 }), (list) => {
        const sent = format.readRequest(body({ model: "m", max_tokens: 1, messages: list }));
        const view = format.readRequest(format.writeRequest(sent, { modifications }));
        const seen = view
          .parts()
          .flatMap(({ texts }) => texts)
          .filter((one) => one.includes(needle));
        expect(seen).toEqual([]);
        expect(view.messageCount).toBe(sent.messageCount);
      }),
    );
  }
});

describe("what a scanner finds is redacted", () => {
  const scanner = patternScanner([
    { type: "ssn", pattern: "\\b\\d{3}-?\\d{2}-?\\d{4}\\b" },
    { type: "pin", pattern: 'pin"?: "?\\d{4}\\b', check: (text) => [text.length - 4, text.length] },
  ]);
  const found = change(new ScannerRedaction(scanner, ["ssn", "pin"]));

  test("in texts", () => {
    expect(redactor([found])("123-45-6789, pin: 1234")).toBe("[ssn], pin: [pin]");
    expect(redactor([found, change(["pin"])])("123456789 pin: 1234")).toBe("[ssn] [redacted]: [[redacted]]");
  });

  test("in the arguments of calls, values together with their keys, and JSON stays JSON", () => {
    const redact = redactor([found]);
    expect(redactArguments('{"pin": 1234, "a": ["\\u0031\\u00323-45-6789", 123456789]}', redact)).toBe(
      '{"pin": "[pin]", "a": ["[ssn]", "[ssn]"]}',
    );
    expect(redactArguments("123456789", redact)).toBe('"[ssn]"');
    expect(redactArguments("{ 123456789", redact)).toBe("{ [ssn]");
    expect(redactArguments('{"pin": "1234"}', redactor([found, change(["pin"])]))).toBe(
      '{"[redacted]": "[[redacted]]"}',
    );
  });

  test.each([
    ["chat", openaiChat, '{"model":"m","messages":[{"role":"user","content":"SSN 123-45-6789 é"}]}'],
    [
      "messages",
      anthropicMessages,
      '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"SSN 123-45-6789 é"}]}',
    ],
  ])("in a request of the %s surface, and nothing else changes", (_, format, text) => {
    expect(written(format, text, [found])).toBe(text.replace("123-45-6789", "[ssn]"));
  });

  test("more than can be looked through is not sent", () => {
    expect(() => redactor([found])("x".repeat(maxPatternCharacters + 1))).toThrow("looks through at most");
  });

  test("records hold what was found by type, and nothing else", () => {
    expect(recordedModification(found)).toEqual({ op: "redact", path: "messages", value: { types: ["ssn", "pin"] } });
    expect(JSON.stringify(found)).toBe('{"op":"redact","path":"messages","value":{"types":["ssn","pin"]}}');
    expect(modificationProblem(found)).toBeNull();
  });
});
