import { cohereEmbeddings } from "../cohere-embeddings/format.ts";
import { change, type GoldenCase, testModifications, unchanged } from "../modify.conformance.ts";
import { cohere } from "./format.ts";

/** A body's beginning and end, with what no serialiser would write, which must come out as it went in. */
const head = '{ "model" : "a", "x":1.0e0,"messages":[{"role":"user","content":"h\\u00e9 é 😀"}]';
const with_ = (members = "") => `${head}${members === "" ? "" : `,${members}`} , "y":[ 1e2 ]\n}`;
const alone = (messages: string) => `{"model":"a","messages":${messages},"x":1.0}`;

/** Members before and after; the rest of the body stays as it is. */
const members: readonly GoldenCase[] = [
  ["set", change("set", "max_tokens", 5), '"max_tokens" : 9', '"max_tokens" : 5'],
  ["cap", change("cap", "max_tokens", 5), '"max_tokens":9', '"max_tokens":5'],
  ["cap what is as it should be", change("cap", "max_tokens", 5), '"max_tokens":5.0', '"max_tokens":5.0'],
  ["floor", change("floor", "max_tokens", 5), '"max_tokens":4', '"max_tokens":5'],
  ["remove", change("remove", "max_tokens"), '"max_tokens":4,"z":1', '"z":1'],
  ["set", change("set", "temperature", 0.5), '"temperature":0', '"temperature":0.5'],
  ["cap", change("cap", "temperature", 0.5), '"temperature":0.70', '"temperature":0.5'],
  ["floor", change("floor", "temperature", 0.5), '"temperature":0.2', '"temperature":0.5'],
  ["remove", change("remove", "temperature"), '"temperature":0.2,"z":1', '"z":1'],
  ["set, within the range", change("set", "top_p", 1), '"p":0.5', '"p":0.99'],
  ["cap", change("cap", "top_p", 0.5), '"p":0.9', '"p":0.5'],
  ["floor", change("floor", "top_p", 0.5), '"p":0.1', '"p":0.5'],
  ["remove", change("remove", "top_p"), '"p":0.1,"z":1', '"z":1'],
  ["set", change("set", "stop", "END"), '"stop_sequences":["x"]', '"stop_sequences":["END"]'],
  ["append", change("append", "stop", ["END", "x"]), '"stop_sequences":[ "x" ]', '"stop_sequences":[ "x","END" ]'],
  ["remove", change("remove", "stop"), '"stop_sequences":["x"],"z":1', '"z":1'],
  [
    "set",
    change("set", "reasoning_effort", "low"),
    '"thinking":{"type":"disabled"}',
    '"thinking":{"type":"enabled","token_budget":1024}',
  ],
  ["remove", change("remove", "reasoning_effort"), '"thinking":{"type":"enabled"},"z":1', '"z":1'],
  [
    "remove by names",
    change("remove", "tools", "shell*"),
    '"tools":[ {"type":"function","function":{"name":"shell_run"}} , {"type":"function","function":{"name":"keep","x":1.0}} ],"tool_choice":"REQUIRED"',
    '"tools":[ {"type":"function","function":{"name":"keep","x":1.0}} ],"tool_choice":"REQUIRED"',
  ],
  [
    "remove the last, and what chooses",
    change("remove", "tools"),
    '"tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":"REQUIRED","strict_tools":true,"z":1',
    '"z":1',
  ],
  [
    "redact documents and descriptions",
    change("redact", "messages", ["ann", "42"]),
    '"documents":["of ann",{"id":"ann","data":{"title":"ann","n":42}}],"tools":[{"type":"function","function":{"name":"ann","description":"of ann"}}]',
    '"documents":["of [redacted]",{"id":"ann","data":{"title":"[redacted]","n":"[redacted]"}}],"tools":[{"type":"function","function":{"name":"ann","description":"of [redacted]"}}]',
  ],
];

testModifications({
  format: cohere,
  cases: [
    ...members.map(
      ([name, changes, before, after = before]): GoldenCase => [name, changes, with_(before), with_(after)],
    ),
    ...unchanged(with_('"priority":1'), "n", "service_tier", "user"),
    ["route", change("route", "model", "b"), with_(), with_().replace('"a"', '"b"')],
    ["route to itself", change("route", "model", "a"), with_()],
    [
      "append before a conversation",
      change("append", "system", "Be brief."),
      alone('[ {"role":"user","content":"é"}]'),
      alone('[ {"role":"system","content":"Be brief."},{"role":"user","content":"é"}]'),
    ],
    [
      "append after those that lead, in their order",
      [change("append", "system", "One."), change("append", "system", "Two.")],
      alone('[{"role":"system","content":"s"} , {"role":"user","content":"u"}]'),
      alone(
        '[{"role":"system","content":"s"} , {"role":"system","content":"One."},{"role":"system","content":"Two."},{"role":"user","content":"u"}]',
      ),
    ],
    [
      "redact texts, calls, results and plans, and nothing of the format",
      change("redact", "messages", ["ann", "42"]),
      alone(
        '[{"role":"assistant","tool_plan":"ask ann","tool_calls":[{"id":"ann","type":"function","function":{"name":"ann","arguments":"{\\"n\\":42}"}}]},{"role":"tool","tool_call_id":"ann","content":[{"type":"document","document":{"data":"{\\"of\\":\\"ann\\"}"}}]},{"role":"user","content":[{"type":"text","text":"ann"},{"type":"image_url","image_url":{"url":"https://ann.example"}}]}]',
      ),
      alone(
        '[{"role":"assistant","tool_plan":"ask [redacted]","tool_calls":[{"id":"ann","type":"function","function":{"name":"ann","arguments":"{\\"n\\":\\"[redacted]\\"}"}}]},{"role":"tool","tool_call_id":"ann","content":[{"type":"document","document":{"data":"{\\"of\\":\\"[redacted]\\"}"}}]},{"role":"user","content":[{"type":"text","text":"[redacted]"},{"type":"image_url","image_url":{"url":"https://ann.example"}}]}]',
      ),
    ],
  ],
});

const embed = '{ "model":"a", "texts":["of ann" , "x"],"inputs":[{"content":[{"type":"text","text":"ann"}]}] }';
const unwritten = ["max_tokens", "n", "reasoning_effort", "service_tier", "stop", "temperature", "top_p"] as const;

testModifications({
  format: cohereEmbeddings,
  cases: [
    ...unchanged(embed, ...unwritten, "system", "tools", "user"),
    ["route", change("route", "model", "b"), embed, embed.replace('"a"', '"b"')],
    [
      "redact every input",
      change("redact", "messages", ["ann"]),
      embed,
      '{ "model":"a", "texts":["of [redacted]" , "x"],"inputs":[{"content":[{"type":"text","text":"[redacted]"}]}] }',
    ],
  ],
});
