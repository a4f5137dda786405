import { expect, test } from "bun:test";
import { anthropicCountTokens } from "./anthropic-count-tokens/format.ts";
import { azureChat, azureCompletions, azureEmbeddings } from "./azure/format.ts";
import { change, type GoldenCase, testModifications, unchanged } from "./modify.conformance.ts";
import { openaiCompletions } from "./openai-completions/format.ts";
import { openaiEmbeddings } from "./openai-embeddings/format.ts";
import { openaiResponses } from "./openai-responses/format.ts";
import { body, thrownBy } from "./testing.ts";

type Body = (members: string, added?: string) => string;

/** Bodies with what no serialiser would write, which must come out as it went in. */
const around =
  (head: string): Body =>
  (members, added = "") =>
    `${head},${members} , "y":[ 1e2 ]${added}\n}`;

const user = (b: Body): readonly GoldenCase[] => [
  ["set", change("set", "user", "anon"), b('"user":"ann@example.com"'), b('"user":"anon"')],
  ["remove", change("remove", "user"), b('"user":"ann","safety_identifier":"s","z":1'), b('"z":1')],
];
const sampling = (b: Body): readonly GoldenCase[] => [
  ["set", change("set", "temperature", 1.5), b('"temperature":0'), b('"temperature":1.5')],
  ["cap", change("cap", "temperature", 0.5), b('"temperature":0.70'), b('"temperature":0.5')],
  ["floor", change("floor", "temperature", 0.5), b('"temperature":0.2'), b('"temperature":0.5')],
  ["remove", change("remove", "temperature"), b('"temperature":0.2,"z":1'), b('"z":1')],
  ["set", change("set", "top_p", 0.5), b('"top_p":1'), b('"top_p":0.5')],
  ["cap", change("cap", "top_p", 0.5), b('"top_p":1'), b('"top_p":0.5')],
  ["floor", change("floor", "top_p", 0.5), b('"top_p":0.1'), b('"top_p":0.5')],
  ["remove", change("remove", "top_p"), b('"top_p":0.1,"z":1'), b('"z":1')],
];
const maximum = (b: Body, name: string): readonly GoldenCase[] => [
  ["set", change("set", "max_tokens", 5), b(`"${name}" : 9`), b(`"${name}" : 5`)],
  ["set where there is none", change("set", "max_tokens", 5), b('"z":1'), b('"z":1', `,"${name}":5`)],
  ["cap", change("cap", "max_tokens", 5), b(`"${name}":9`), b(`"${name}":5`)],
  ["cap where there is none", change("cap", "max_tokens", 5), b('"z":1'), b('"z":1', `,"${name}":5`)],
  ["cap under it", change("cap", "max_tokens", 5), b(`"${name}":4.0`)],
  ["floor", change("floor", "max_tokens", 5), b(`"${name}":4`), b(`"${name}":5`)],
  ["remove", change("remove", "max_tokens"), b(`"${name}":4,"z":1`), b('"z":1')],
];
const route = (b: Body): GoldenCase => [
  "route",
  change("route", "model", "b-mini"),
  b('"z":"a"'),
  b('"z":"a"').replace('"a"', '"b-mini"'),
];

const go = around('{ "model" : "a", "x":1.0e0,"z0":"h\\u00e9"');
const completions: readonly GoldenCase[] = [
  ...maximum(go, "max_tokens"),
  ["cap what asks for no end", change("cap", "max_tokens", 5), go('"max_tokens":-1'), go('"max_tokens":5')],
  ...sampling(go),
  ...user(go),
  route(go),
  ["cap", change("cap", "n", 2), go('"n":5'), go('"n":2')],
  [
    "cap, with those that are written and not shown",
    change("cap", "n", 2),
    go('"n":2,"best_of":9'),
    go('"n":2,"best_of":2'),
  ],
  ["remove", change("remove", "n"), go('"n":5,"best_of":5,"z":1'), go('"z":1')],
  ["set", change("set", "stop", ["END"]), go('"stop":"x"'), go('"stop":["END"]')],
  ["append", change("append", "stop", "END"), go('"stop":[ "\\u00fc" ]'), go('"stop":[ "\\u00fc","END" ]')],
  ["remove", change("remove", "stop"), go('"stop":["x"],"z":1'), go('"z":1')],
  [
    "redact a text",
    change("redact", "messages", ["ann"]),
    go('"prompt": "of ann\\u0021"'),
    go('"prompt": "of [redacted]!"'),
  ],
  [
    "redact several texts and what follows them",
    change("redact", "messages", ["ann"]),
    go('"prompt":[ "ann" , "b\\u00f6b"],"suffix":"ann","z":"ann"'),
    go('"prompt":[ "[redacted]" , "b\\u00f6b"],"suffix":"[redacted]","z":"ann"'),
  ],
  [
    "append before a text",
    [change("append", "system", "One."), change("append", "system", "Two.")],
    go('"prompt":"go on"'),
    go('"prompt":"One.\\n\\nTwo.\\n\\ngo on"'),
  ],
  [
    "append before each text",
    change("append", "system", "One."),
    go('"prompt":["a","b"]'),
    go('"prompt":["One.\\n\\na","One.\\n\\nb"]'),
  ],
  ["append to no text", change("append", "system", "One."), go('"prompt":null'), go('"prompt":"One."')],
  ...unchanged(go('"z":1,"tools":[]'), "reasoning_effort", "service_tier", "tools"),
];
testModifications({ format: openaiCompletions, cases: completions });
testModifications({
  format: azureCompletions,
  url: "/azure/openai/deployments/a/completions",
  cases: completions,
});

const embed = around('{ "model" : "a", "x":1.0e0');
const embeddings: readonly GoldenCase[] = [
  ...user(embed),
  route(embed),
  [
    "redact a text",
    change("redact", "messages", ["ann"]),
    embed('"input" :"ann \\u00e9"'),
    embed('"input" :"[redacted] é"'),
  ],
  [
    "redact several",
    change("redact", "messages", ["ann"]),
    embed('"input":["a","ann" ]'),
    embed('"input":["a","[redacted]" ]'),
  ],
  ["redact nothing", change("redact", "messages", ["ann"]), embed('"input":["\\u00e9"]')],
  ...unchanged(
    embed('"input":"x y"'),
    ...([
      "max_tokens",
      "n",
      "reasoning_effort",
      "service_tier",
      "stop",
      "system",
      "temperature",
      "tools",
      "top_p",
    ] as const),
  ),
];
testModifications({ format: openaiEmbeddings, cases: embeddings });
testModifications({
  format: azureEmbeddings,
  url: "/azure/openai/deployments/a/embeddings",
  cases: embeddings,
});

test("tokens that a policy would have to look through are refused", () => {
  const refused = (text: string, ...modification: Parameters<typeof change>) =>
    thrownBy(() =>
      openaiEmbeddings.writeRequest(openaiEmbeddings.readRequest(body(text)), {
        modifications: [change(...modification)],
      }),
    );
  const problem = "holds tokens, and a policy has to look at the text or add to it. Send the text itself.";
  for (const input of ["[1,2]", "[[1,2],[3]]", '["a",[1]]']) {
    const text = `{"model":"a","input":${input}}`;
    expect(refused(text, "redact", "messages", ["ann"])).toEqual(["invalid_request", `'input' ${problem}`]);
    expect(refused(text, "remove", "user")).toEqual(["", "nothing was thrown"]);
  }
});

const respond = around('{ "model" : "a", "x":1.0e0');
testModifications({
  format: openaiResponses,
  cases: [
    ...maximum(respond, "max_output_tokens"),
    ...sampling(respond),
    ...user(respond),
    route(respond),
    ...unchanged(respond('"input":"hi"'), "n", "stop"),
    [
      "set beside other members",
      change("set", "reasoning_effort", "low"),
      respond('"reasoning":{ "summary":"auto", "effort" : "high" }'),
      respond('"reasoning":{ "summary":"auto", "effort" : "low" }'),
    ],
    [
      "set where there is none",
      change("set", "reasoning_effort", "low"),
      respond('"z":1'),
      respond('"z":1', ',"reasoning":{"effort":"low"}'),
    ],
    [
      "remove",
      change("remove", "reasoning_effort"),
      respond('"reasoning":{"effort":"high","e":1}'),
      respond('"reasoning":{"e":1}'),
    ],
    [
      "set",
      change("set", "service_tier", "default"),
      respond('"service_tier":"priority"'),
      respond('"service_tier":"default"'),
    ],
    ["remove", change("remove", "service_tier"), respond('"service_tier":"auto","z":1'), respond('"z":1')],
    [
      "redact a text",
      change("redact", "messages", ["ann"]),
      respond('"input": "of ann\\u0021"'),
      respond('"input": "of [redacted]!"'),
    ],
    [
      "redact instructions, items of every kind, and what a stored prompt is filled with",
      change("redact", "messages", ["ann"]),
      respond(
        '"instructions":"for ann","input":[{"role":"user","content":[{"type":"input_text","text":"ann"},{"type":"input_image","image_url":"data:ann"}]},{"type":"function_call","call_id":"ann","name":"ann","arguments":"{\\"to\\":\\"ann\\"}"},{"type":"function_call_output","call_id":"ann","output":"ann"},{"type":"reasoning","id":"ann","summary":[{"type":"summary_text","text":"ann"}],"encrypted_content":"ann"}],"prompt":{"id":"ann","variables":{"who":"ann"}}',
      ),
      respond(
        '"instructions":"for [redacted]","input":[{"role":"user","content":[{"type":"input_text","text":"[redacted]"},{"type":"input_image","image_url":"data:ann"}]},{"type":"function_call","call_id":"ann","name":"ann","arguments":"{\\"to\\":\\"[redacted]\\"}"},{"type":"function_call_output","call_id":"ann","output":"[redacted]"},{"type":"reasoning","id":"ann","summary":[{"type":"summary_text","text":"[redacted]"}],"encrypted_content":"ann"}],"prompt":{"id":"ann","variables":{"who":"[redacted]"}}',
      ),
    ],
    [
      "redact descriptions of tools and of the answer's form",
      change("redact", "messages", ["ann"]),
      respond(
        '"tools":[{"type":"function","name":"ann","description":"asks ann"}],"text":{"format":{"name":"ann","description":"of ann"}}',
      ),
      respond(
        '"tools":[{"type":"function","name":"ann","description":"asks [redacted]"}],"text":{"format":{"name":"ann","description":"of [redacted]"}}',
      ),
    ],
    [
      "append to instructions, whose text stays",
      [change("append", "system", 'Be "brief".'), change("append", "system", "Two.")],
      respond('"instructions": "h\\u00e9"'),
      respond('"instructions": "h\\u00e9\\n\\nBe \\"brief\\".\\n\\nTwo."'),
    ],
    [
      "append to empty ones",
      change("append", "system", "One."),
      respond('"instructions":""'),
      respond('"instructions":"One."'),
    ],
    [
      "append to none",
      change("append", "system", "One."),
      respond('"z":1'),
      respond('"z":1', ',"instructions":"One."'),
    ],
    [
      "remove by names",
      change("remove", "tools", ["shell*", "exec"]),
      respond(
        '"tools":[ {"type":"function","name":"shell_run"} , {"type":"custom","name":"keep","x":1.0},{"type":"function","name":"exec"} ],"tool_choice":"required"',
      ),
      respond('"tools":[ {"type":"custom","name":"keep","x":1.0} ],"tool_choice":"required"'),
    ],
    [
      "remove the provider's own by type, servers by label, namespaces by what is in them",
      change("remove", "tools", ["web_search*", "files", "inner"]),
      respond(
        '"tools":[{"type":"web_search_preview"},{"type":"mcp","server_label":"files","server_url":"x"},{"type":"namespace","name":"n","tools":[{"type":"function","name":"inner"}]},{"type":"function","name":"a"}],"tool_choice":{"type":"web_search_preview"}',
      ),
      respond('"tools":[{"type":"function","name":"a"}]'),
    ],
    [
      "remove the last, and what chooses",
      change("remove", "tools"),
      respond(
        '"tools":[{"type":"function","name":"a"}],"tool_choice":"auto","parallel_tool_calls":true,"max_tool_calls":3,"z":1',
      ),
      respond('"z":1'),
    ],
    [
      "remove from what is allowed",
      change("remove", "tools", "b"),
      respond(
        '"tools":[{"type":"function","name":"a"},{"type":"function","name":"b"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"b"},{"type":"function","name":"a"}]}',
      ),
      respond(
        '"tools":[{"type":"function","name":"a"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"a"}]}',
      ),
    ],
    [
      "remove all that is allowed",
      change("remove", "tools", "b"),
      respond(
        '"tools":[{"type":"function","name":"a"},{"type":"function","name":"b"}],"tool_choice":{"type":"allowed_tools","tools":[{"type":"function","name":"b"}]}',
      ),
      respond('"tools":[{"type":"function","name":"a"}],"tool_choice":"none"'),
    ],
  ],
});

const count = around('{ "model" : "a", "messages":[{"role":"user","content":"h\\u00e9 \u00e9"}]');
testModifications({
  format: anthropicCountTokens,
  cases: [
    route(count),
    ...unchanged(count('"z":1'), "max_tokens", "n", "service_tier", "stop", "temperature", "top_p", "user"),
    [
      "set",
      change("set", "reasoning_effort", "low"),
      count('"output_config":{"effort":"max"}'),
      count('"output_config":{"effort":"low"}'),
    ],
    [
      "remove",
      change("remove", "reasoning_effort"),
      count('"output_config":{"effort":"max"}'),
      count('"output_config":{}'),
    ],
    ["redact", change("redact", "messages", ["ann"]), count('"system":"of ann"'), count('"system":"of [redacted]"')],
    [
      "append",
      change("append", "system", "One."),
      count('"z":1'),
      count('"z":1', ',"system":[{"type":"text","text":"One."}]'),
    ],
    [
      "remove",
      change("remove", "tools", "shell"),
      count('"tools":[{"name":"shell"},{"name":"a"}]'),
      count('"tools":[{"name":"a"}]'),
    ],
  ],
});

test("Azure's bodies are made to name the deployment, where they name another model or none", () => {
  const url = "http://host/azure/openai/deployments/my%2Fgpt/chat/completions?api-version=1";
  const written = (text: string, model?: string) => {
    const view = azureChat.readRequest(body(text), url);
    expect(view.model).toBe("my/gpt");
    return Buffer.from(azureChat.writeRequest(view, model === undefined ? {} : { model })).toString();
  };
  expect(written('{"messages":[] , "model":"gpt-4"}')).toBe('{"messages":[] , "model":"my/gpt"}');
  expect(written('{"messages":[]}')).toBe('{"messages":[],"model":"my/gpt"}');
  expect(written('{"messages":[],"model":"my/gpt"}')).toBe('{"messages":[],"model":"my/gpt"}');
  expect(written('{"messages":[],"model":"my/gpt"}', "dep-2")).toBe('{"messages":[],"model":"dep-2"}');
  for (const path of ["/azure/openai/deployments//chat/completions", "/deployments/%zz/x", "/other"]) {
    expect(thrownBy(() => azureChat.readRequest(body('{"messages":[]}'), path))[0]).toBe("invalid_request");
  }
});
