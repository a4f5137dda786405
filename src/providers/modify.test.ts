import { describe, expect, test } from "bun:test";
import type { Modification } from "../core/decision.ts";
import { type ModifiableSpec, modifiableCatalogue } from "../core/modifiable.ts";
import type { WireFormat } from "../core/wire.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { body, thrownBy } from "./testing.ts";

const formats: Readonly<Record<string, WireFormat>> = { chat: openaiChat, messages: anthropicMessages };

function written(surface: string, text: string, modifications: readonly Modification[]): string {
  const format = formats[surface]!;
  return Buffer.from(format.writeRequest(format.readRequest(body(text)), { modifications })).toString();
}

const change = (op: Modification["op"], path: string, value?: unknown): Modification => ({
  op,
  path,
  ...(value !== undefined && { value }),
});

/** A body's beginning and end, with what no serialiser would write, which must come out as it went in. */
const head = '{ "model" : "a", "x":1.0e0,"messages":[{"role":"user","content":"h\\u00e9 é 😀"}]';
/** The body with these members after the head. */
const with_ = (members = "") => `${head}${members === "" ? "" : `,${members}`} , "y":[ 1e2 ]\n}`;

type Golden = readonly [name: string, change: Modification | readonly Modification[], before: string, after: string];

/** Members before and after; the rest of the body stays as it is. */
const chat: readonly Golden[] = [
  ["set", change("set", "max_tokens", 5), '"max_tokens" : 9', '"max_tokens" : 5'],
  ["cap", change("cap", "max_tokens", 5), '"max_completion_tokens":9', '"max_completion_tokens":5'],
  ["cap under it", change("cap", "max_tokens", 5), '"max_tokens":4.0', '"max_tokens":4.0'],
  ["floor", change("floor", "max_tokens", 5), '"max_tokens":4', '"max_tokens":5'],
  ["remove", change("remove", "max_tokens"), '"max_tokens":4,"max_completion_tokens":3,"z":1', '"z":1'],
  ["set", change("set", "temperature", 1.5), '"temperature":0', '"temperature":1.5'],
  ["cap", change("cap", "temperature", 0.5), '"temperature":0.70', '"temperature":0.5'],
  ["floor", change("floor", "temperature", 0.5), '"temperature":0.2', '"temperature":0.5'],
  ["remove", change("remove", "temperature"), '"temperature":0.2,"z":null', '"z":null'],
  ["set", change("set", "top_p", 0.5), '"top_p":1', '"top_p":0.5'],
  ["cap", change("cap", "top_p", 0.5), '"top_p":1', '"top_p":0.5'],
  ["floor", change("floor", "top_p", 0.5), '"top_p":0.1', '"top_p":0.5'],
  ["remove", change("remove", "top_p"), '"top_p":0.1,"z":1', '"z":1'],
  ["cap", change("cap", "n", 2), '"n":5', '"n":2'],
  ["remove", change("remove", "n"), '"n":5,"z":1', '"z":1'],
  ["set", change("set", "reasoning_effort", "low"), '"reasoning_effort":"high"', '"reasoning_effort":"low"'],
  ["remove", change("remove", "reasoning_effort"), '"reasoning_effort":"high","z":1', '"z":1'],
  ["set", change("set", "service_tier", "default"), '"service_tier":"priority"', '"service_tier":"default"'],
  ["remove", change("remove", "service_tier"), '"service_tier":"priority","z":1', '"z":1'],
  ["set", change("set", "stop", ["END", "ü"]), '"stop":"x"', '"stop":["END","ü"]'],
  [
    "append to a text",
    change("append", "stop", ["END", "\\u00fc"]),
    '"stop": "\\u00fc"',
    '"stop": ["\\u00fc","END","\\\\u00fc"]',
  ],
  ["append to a list", change("append", "stop", ["END", "ü"]), '"stop":[ "\\u00fc" ]', '"stop":[ "\\u00fc","END" ]'],
  ["append what is there", change("append", "stop", "ü"), '"stop":[ "\\u00fc" ]', '"stop":[ "\\u00fc" ]'],
  ["append to nothing", change("append", "stop", "END"), '"stop":null', '"stop":["END"]'],
  ["remove", change("remove", "stop"), '"stop":["x"],"z":1', '"z":1'],
  [
    "remove, then append",
    [change("remove", "stop"), change("append", "stop", "END")],
    '"stop":["x"]',
    '"stop":["END"]',
  ],
  ["set", change("set", "user", "anon"), '"user":"ann@example.com"', '"user":"anon"'],
  ["remove", change("remove", "user"), '"user":"ann","safety_identifier":"s","z":1', '"z":1'],
  [
    "remove by names",
    change("remove", "tools", ["shell*", "exec"]),
    '"tools":[ {"type":"function","function":{"name":"shell_run"}} , {"type":"custom","custom":{"name":"keep","x":1.0}},{"type":"function","function":{"name":"Exec"}} ],"tool_choice":"required"',
    '"tools":[ {"type":"custom","custom":{"name":"keep","x":1.0}} ],"tool_choice":"required"',
  ],
  [
    "remove the last, and what chooses",
    change("remove", "tools", "shell*"),
    '"tools":[{"type":"function","function":{"name":"shell"}}],"tool_choice":"required","parallel_tool_calls":true,"z":1',
    '"z":1',
  ],
  [
    "remove one that is chosen",
    change("remove", "tools", "shell"),
    '"tools":[{"type":"function","function":{"name":"shell"}},{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"shell"}},"z":1',
    '"tools":[{"type":"function","function":{"name":"a"}}],"z":1',
  ],
  [
    "remove from what is allowed",
    change("remove", "tools", "b"),
    '"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"b"}},{"type":"function","function":{"name":"a"}}]}}',
    '"tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"a"}}]}}',
  ],
  [
    "remove all that is allowed",
    change("remove", "tools", "b"),
    '"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"tools":[{"type":"function","function":{"name":"b"}}]}}',
    '"tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":"none"',
  ],
  [
    "remove all, the provider's own among them",
    change("remove", "tools"),
    '"tools":[{"type":"function","function":{"name":"a"}}],"web_search_options":{},"z":1',
    '"z":1',
  ],
  [
    "remove of the older list",
    change("remove", "tools", "shell"),
    '"functions":[{"name":"shell"},{"name":"a"}],"function_call":{"name":"shell"},"z":1',
    '"functions":[{"name":"a"}],"z":1',
  ],
  [
    "remove all",
    change("remove", "tools"),
    '"tools":[{"type":"web_search"}],"functions":[{"name":"a"}],"z":1',
    '"z":1',
  ],
];

const messages: readonly Golden[] = [
  ["set", change("set", "max_tokens", 5), '"max_tokens" : 9', '"max_tokens" : 5'],
  ["cap", change("cap", "max_tokens", 5), '"max_tokens":9', '"max_tokens":5'],
  ["floor", change("floor", "max_tokens", 5), '"max_tokens":4', '"max_tokens":5'],
  ["remove", change("remove", "max_tokens"), '"max_tokens":4,"z":1', '"z":1'],
  ["set, never above the greatest", change("set", "temperature", 1.5), '"temperature":0', '"temperature":1'],
  ["cap", change("cap", "temperature", 0.5), '"temperature":0.70', '"temperature":0.5'],
  ["floor", change("floor", "temperature", 0.5), '"temperature":0.2', '"temperature":0.5'],
  ["remove", change("remove", "temperature"), '"temperature":0.2,"z":1', '"z":1'],
  ["set", change("set", "top_p", 0.5), '"top_p":1', '"top_p":0.5'],
  ["cap", change("cap", "top_p", 0.5), '"top_p":1', '"top_p":0.5'],
  ["floor", change("floor", "top_p", 0.5), '"top_p":0.1', '"top_p":0.5'],
  ["remove", change("remove", "top_p"), '"top_p":0.1,"z":1', '"z":1'],
  ["cap", change("cap", "n", 2), '"z":5', '"z":5'],
  ["remove", change("remove", "n"), '"z":5', '"z":5'],
  [
    "set beside other members",
    change("set", "reasoning_effort", "low"),
    '"output_config":{ "format":{"type":"json_schema"}, "effort" : "max" }',
    '"output_config":{ "format":{"type":"json_schema"}, "effort" : "low" }',
  ],
  [
    "set where there is no object",
    change("set", "reasoning_effort", "low"),
    '"output_config":null',
    '"output_config":{"effort":"low"}',
  ],
  ["remove", change("remove", "reasoning_effort"), '"output_config":{"effort":"max","e":1}', '"output_config":{"e":1}'],
  ["set", change("set", "service_tier", "default"), '"service_tier":"auto"', '"service_tier":"standard_only"'],
  ["set", change("set", "service_tier", "auto"), '"service_tier":"standard_only"', '"service_tier":"auto"'],
  ["remove", change("remove", "service_tier"), '"service_tier":"auto","z":1', '"z":1'],
  ["set", change("set", "stop", "END"), '"stop_sequences":["x"]', '"stop_sequences":["END"]'],
  [
    "append",
    change("append", "stop", ["END", "ü"]),
    '"stop_sequences":[ "\\u00fc" ]',
    '"stop_sequences":[ "\\u00fc","END" ]',
  ],
  ["append to an empty list", change("append", "stop", "END"), '"stop_sequences":[ ]', '"stop_sequences":["END" ]'],
  ["remove", change("remove", "stop"), '"stop_sequences":["x"],"z":1', '"z":1'],
  [
    "append to a text",
    change("append", "system", 'Be "brief".'),
    '"system": "h\\u00e9"',
    '"system": [{"type":"text","text":"h\\u00e9"},{"type":"text","text":"Be \\"brief\\"."}]',
  ],
  [
    "append to blocks",
    [change("append", "system", "One."), change("append", "system", "Two.")],
    '"system":[ {"type":"text","text":"a","cache_control":{"type":"ephemeral"}} ]',
    '"system":[ {"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"One."},{"type":"text","text":"Two."} ]',
  ],
  [
    "append to an empty text",
    change("append", "system", "One."),
    '"system":""',
    '"system":[{"type":"text","text":"One."}]',
  ],
  [
    "set beside other members",
    change("set", "user", "anon"),
    '"metadata":{ "z":1.0, "user_id":"ann" }',
    '"metadata":{ "z":1.0, "user_id":"anon" }',
  ],
  ["remove", change("remove", "user"), '"metadata":{"user_id":"ann"}', '"metadata":{}'],
  [
    "remove by names",
    change("remove", "tools", ["shell*", "web_search*"]),
    '"tools":[{"name":"shell"}, {"name":"keep"} ,{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"tool","name":"shell"},"z":1',
    '"tools":[{"name":"keep"}],"z":1',
  ],
  [
    "remove the last, and what chooses",
    change("remove", "tools", "shell"),
    '"tools":[{"name":"shell"}],"tool_choice":{"type":"any"},"mcp_servers":[{"name":"m"}]',
    '"mcp_servers":[{"name":"m"}]',
  ],
  ["remove all", change("remove", "tools"), '"tools":[{"name":"a"}],"mcp_servers":[{"name":"m"}],"z":1', '"z":1'],
];

/** Members that are added at the end, where the body has none. */
const added: readonly (readonly [surface: string, change: Modification, members: string])[] = [
  ["chat", change("set", "max_tokens", 5), '"max_completion_tokens":5'],
  ["chat", change("cap", "max_tokens", 5), '"max_completion_tokens":5'],
  ["chat", change("floor", "max_tokens", 5), ""],
  ["chat", change("cap", "temperature", 0.5), '"temperature":0.5'],
  ["chat", change("cap", "n", 2), ""],
  ["chat", change("set", "stop", "END"), '"stop":["END"]'],
  ["chat", change("set", "user", "anon"), '"user":"anon"'],
  ["chat", change("set", "reasoning_effort", "low"), '"reasoning_effort":"low"'],
  ["chat", change("remove", "tools"), ""],
  ["messages", change("cap", "max_tokens", 5), '"max_tokens":5'],
  ["messages", change("cap", "temperature", 1.5), '"temperature":1'],
  ["messages", change("append", "stop", "END"), '"stop_sequences":["END"]'],
  ["messages", change("append", "system", "é"), '"system":[{"type":"text","text":"é"}]'],
  ["messages", change("set", "user", "anon"), '"metadata":{"user_id":"anon"}'],
  ["messages", change("remove", "user"), ""],
  ["messages", change("set", "reasoning_effort", "low"), '"output_config":{"effort":"low"}'],
  ["messages", change("remove", "tools", "a"), ""],
];

for (const [surface, cases] of [["chat", chat] as const, ["messages", messages] as const]) {
  describe(`on the surface ${surface} nothing but what is named changes`, () => {
    for (const [name, changes, before, after] of cases) {
      const list = Array.isArray(changes) ? (changes as readonly Modification[]) : [changes as Modification];
      test(`${list[0]!.path}: ${name}`, () => {
        expect(written(surface, with_(before), list)).toBe(with_(after));
        JSON.parse(with_(after));
      });
    }
  });
}

test.each(added)("%s %j adds %s", (surface, modification, members) => {
  const after = members === "" ? with_() : with_().replace("\n}", `,${members}\n}`);
  expect(written(surface, with_(), [modification])).toBe(after);
  if (members === "") {
    const view = formats[surface]!.readRequest(body(with_()));
    expect(formats[surface]!.writeRequest(view, { modifications: [modification] })).toBe(view.raw);
  }
});

describe("model: route", () => {
  for (const surface of ["chat", "messages"]) {
    test(surface, () => {
      const after = with_('"z":"a"').replace('"a"', '"b-mini"');
      expect(written(surface, with_('"z":"a"'), [change("route", "model", "b-mini")])).toBe(after);
      expect(written(surface, with_(), [change("route", "model", "a")])).toBe(with_());
    });
  }
});

describe("system: append, on the surface chat", () => {
  const withMessages = (messages: string) => `{"model":"a","messages":${messages} ,"x":1.0}`;
  test.each([
    [
      "before a conversation",
      '[ {"role":"user","content":"é"}]',
      '[ {"role":"system","content":"Be brief."},{"role":"user","content":"é"}]',
    ],
    [
      "after those that lead",
      '[{"role":"system","content":"s"} , {"role":"user","content":"u"},{"role":"system","content":"late"}]',
      '[{"role":"system","content":"s"},{"role":"system","content":"Be brief."} , {"role":"user","content":"u"},{"role":"system","content":"late"}]',
    ],
    [
      "in the role they have",
      '[{"content":"s","role":"developer"}]',
      '[{"content":"s","role":"developer"},{"role":"developer","content":"Be brief."}]',
    ],
    ["to no messages", "[ ]", '[{"role":"system","content":"Be brief."} ]'],
  ])("%s", (_, before, after) => {
    expect(written("chat", withMessages(before), [change("append", "system", "Be brief.")])).toBe(withMessages(after));
  });

  test("several stand in their order", () => {
    const two = [change("append", "system", "One."), change("append", "system", "Two.")];
    expect(written("chat", withMessages('[{"role":"user","content":"u"}]'), two)).toBe(
      withMessages(
        '[{"role":"system","content":"One."},{"role":"system","content":"Two."},{"role":"user","content":"u"}]',
      ),
    );
  });
});

test("every operation on every part has a golden case on every surface", () => {
  const changesOf = (cases: readonly Golden[]) =>
    cases.flatMap(([, changes]) =>
      Array.isArray(changes) ? (changes as readonly Modification[]) : [changes as Modification],
    );
  // These three have tables of their own, above and beside the redaction.
  const elsewhere = ["route model", "redact messages", "append system"];
  for (const cases of [chat, messages]) {
    const covered = new Set(changesOf(cases).map(({ op, path }) => `${op} ${path}`));
    const missing = Object.entries<ModifiableSpec>(modifiableCatalogue)
      .flatMap(([path, { ops }]) => ops.map((op) => `${op} ${path}`))
      .filter((one) => !covered.has(one) && !elsewhere.includes(one));
    expect(missing).toEqual([]);
  }
});

test("several parts change at once, each in its place", () => {
  const modifications = [
    change("append", "system", "Be brief."),
    change("redact", "messages", ["é"]),
    change("cap", "max_tokens", 5),
    change("route", "model", "b"),
  ];
  expect(written("chat", with_('"max_tokens":9'), modifications)).toBe(
    with_('"max_tokens":5')
      .replace('"a"', '"b"')
      .replace("h\\u00e9 é 😀", "h[redacted] [redacted] 😀")
      .replace('[{"role":"user"', '[{"role":"system","content":"Be brief."},{"role":"user"'),
  );
});

test("a value that is no stop text is the client's mistake", () => {
  expect(thrownBy(() => written("chat", with_('"stop":5'), [change("append", "stop", "END")]))).toEqual([
    "invalid_request",
    "'stop' must be a string or a list; received 5.",
  ]);
});
