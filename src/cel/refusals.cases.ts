import { surfaces } from "../core/phases.ts";
import type { CelCheck } from "./checks.ts";

/** An expression that must be refused as a condition of phase request, with what is said and where. */
export interface Refusal {
  readonly source: string;
  readonly code: CelCheck;
  readonly message: string;
  /** The part that is meant. */
  readonly at: string;
}

const deep = `${"(".repeat(40)}request.stream${")".repeat(40)}`;
const wide = `request.model in [${Array.from({ length: 300 }, (_, i) => `"m${i}"`).join(",")}]`;
const many = `${"!".repeat(600)}request.stream`;
const long = `request.model == "${"x".repeat(4_100)}"`;

/** One line for each way in which an expression is refused. */
export const refusals: readonly Refusal[] = [
  { source: "request.model ==", code: "C001", message: "not a CEL expression: unexpected token: the end", at: "" },
  { source: "request.stream @ true", code: "C001", message: "not a CEL expression: unexpected character: @", at: "@" },
  { source: "request.model == 'gpt", code: "C001", message: "not a CEL expression: unterminated string", at: "'gpt" },
  { source: "", code: "C001", message: "not a CEL expression: unexpected token: the end", at: "" },
  ...Object.entries({
    "request.stream and request.has_images": "write && instead of 'and'",
    "request.stream OR request.has_images": "write || instead of 'or'",
    "not request.stream": "write ! instead of 'not'",
    "request.model = 'a'": "write == to compare",
    "request.model === 'a'": "write == instead of '==='",
    "request.model !== 'a'": "write != instead of '!=='",
    "request.model <> 'a'": "write != instead of '<>'",
    "request.model =~ 'a'": "write re.matches(text, pattern) instead of '=~'",
    "request.bytes > 10MB": "a number is digits alone, without a unit",
    "request.bytes > 1_000": "a number is digits alone, without a unit",
    "request.model == gpt-4o": "a text stands in quotes, such as 'gpt-4o'",
    "request.stream ? true": "expected ':', got the end",
  }).map(([source, advice]) => ({ source, code: "C001" as const, message: `not a CEL expression: ${advice}`, at: "" })),
  {
    source: "'gpt' in request.model",
    code: "C004",
    message: "'in' does not take string and string; for a text in a text write text.contains(part)",
    at: "'gpt' in request.model",
  },
  {
    source: "request.tool_names.contains('a')",
    code: "C004",
    message: "list<string>.contains() does not take (string); for an element of a list write value in list",
    at: "request.tool_names.contains('a')",
  },
  {
    source: "len(request.model) > 1",
    code: "C012",
    message: "unknown function 'len'; did you mean 'size'?",
    at: "len(request.model)",
  },
  {
    source: "lower(request.model) == 'a'",
    code: "C012",
    message: "unknown function 'lower'; write value.lowerAscii(…)",
    at: "lower(request.model)",
  },
  {
    source: "request.model.toLowerCase() == 'a'",
    code: "C012",
    message: "unknown function 'toLowerCase'; did you mean 'lowerAscii'?",
    at: "request.model.toLowerCase()",
  },
  {
    source: "request.modl == 'a'",
    code: "C002",
    message: "unknown name 'request.modl'; did you mean 'request.model'?",
    at: "request.modl",
  },
  { source: "vars.asked > 1", code: "C002", message: "unknown name 'vars.asked'", at: "vars.asked" },
  {
    source: "data.models == 'a'",
    code: "C002",
    message: "unknown name 'data.models'; a *.data.yaml file in org/ or in the policy's own folder would name some",
    at: "data.models",
  },
  {
    source: "request == 'a'",
    code: "C002",
    message: "'request' alone has no value; read one of its fields, such as request.id",
    at: "request",
  },
  { source: "zebra > 1", code: "C002", message: "unknown name 'zebra'", at: "zebra" },
  {
    source: "max_tokens > 1",
    code: "C002",
    message: "unknown name 'max_tokens'; did you mean 'request.max_tokens'?",
    at: "max_tokens",
  },
  {
    source: "size(labels) > 1",
    code: "C002",
    message: "unknown name 'labels'; did you mean 'org.labels' or 'app.labels'?",
    at: "labels",
  },
  { source: "request.tool_names.exists(t, u == 'a')", code: "C002", message: "unknown name 'u'", at: "u" },
  {
    source: "usage.total_tokens > 3",
    code: "C003",
    message: "'usage.total_tokens' can be read in phases response and usage, not in request",
    at: "usage.total_tokens",
  },
  {
    source: "total_tokens > 3",
    code: "C003",
    message: "'total_tokens' can be read in phase usage, not in request",
    at: "total_tokens",
  },
  {
    source: "event.text == ''",
    code: "C003",
    message: "'event.text' can be read in phase stream, not in request",
    at: "event.text",
  },
  {
    source: "request.max_tokens == 'a'",
    code: "C004",
    message: "'==' does not take int and string",
    at: "request.max_tokens == 'a'",
  },
  {
    source: "request.temperature == 1",
    code: "C004",
    message: "'==' does not take double and int; write a double with a point, such as 10.0, or use double(value)",
    at: "request.temperature == 1",
  },
  {
    source: "request.model.startsWith(1)",
    code: "C004",
    message: "string.startsWith() does not take (int)",
    at: "request.model.startsWith(1)",
  },
  { source: "size(request.bytes) > 1", code: "C004", message: "size() does not take (int)", at: "size(request.bytes)" },
  {
    source: "re.matches(request.bytes, 'a')",
    code: "C004",
    message: "re.matches() does not take (pattern)",
    at: "re.matches(request.bytes, 'a')",
  },
  { source: "!request.bytes", code: "C004", message: "'!' does not take int", at: "!request.bytes" },
  {
    source: "[].all(e, e > request.bytes)",
    code: "C004",
    message: "operator overload 'int > int: bool' overlaps with 'double > int: bool'.",
    at: "[].all(e, e > request.bytes)",
  },
  {
    source: "request.max_tokens",
    code: "C005",
    message: "a condition must be a bool, this is an int",
    at: "request.max_tokens",
  },
  {
    source: "request.model",
    code: "C005",
    message: "a condition must be a bool, this is a string",
    at: "request.model",
  },
  { source: long, code: "C006", message: "4119 bytes of CEL are too many; the most is 4096", at: long },
  {
    source: deep,
    code: "C006",
    message: "the expression is too large or too deeply nested: exceeded maxDepth (32)",
    at: "",
  },
  {
    source: wide,
    code: "C006",
    message: "the expression is too large or too deeply nested: exceeded maxListElements (256)",
    at: "",
  },
  {
    source: many,
    code: "C006",
    message: "the expression is too large or too deeply nested: exceeded maxAstNodes (500)",
    at: "",
  },
  {
    source: "request.roles.all(a, request.roles.all(b, request.roles.all(c, a == b && b == c)))",
    code: "C007",
    message: "macros may be nested 2 deep; this one is deeper",
    at: "request.roles.all(c, a == b && b == c)",
  },
  {
    source: "request.roles.all(a, request.roles.all(b, a == b))",
    code: "C007",
    message: "could take 33,560,578 steps for one request; the most is 100,000",
    at: "request.roles.all(a, request.roles.all(b, a == b))",
  },
  { source: "true", code: "C008", message: "'true' is the same for every request", at: "true" },
  { source: "true || request.stream", code: "C008", message: "'true' is the same for every request", at: "true" },
  { source: "request.stream && 1 > 2", code: "C008", message: "'1 > 2' is the same for every request", at: "1 > 2" },
  {
    source: "[1, 2].exists(n, n == 3)",
    code: "C008",
    message: "'[1, 2].exists(n, n == 3)' is the same for every request",
    at: "[1, 2].exists(n, n == 3)",
  },
  {
    source: "request.model == request.model",
    code: "C008",
    message: "'request.model == request.model' compares a value with itself",
    at: "request.model == request.model",
  },
  {
    source: "request.model.matches('gpt')",
    code: "C009",
    message: "CEL's own matches() can take forever; write re.matches(text, pattern)",
    at: "request.model.matches('gpt')",
  },
  {
    source: "re.matches(request.model, app.name)",
    code: "C009",
    message: "the second argument of re.matches() must be known at load: a text literal or a param",
    at: "app.name",
  },
  {
    source: "re.matches(request.model, 'a(')",
    code: "C009",
    message: "the pattern is not a valid RE2 expression: missing closing ): `a(`",
    at: "'a('",
  },
  {
    source: "re.matches(request.model, '(?=a)')",
    code: "C009",
    message: "the pattern is not a valid RE2 expression: invalid or unsupported Perl syntax: `(?=`",
    at: "'(?=a)'",
  },
  {
    source: "re.matches(request.model, '(a{1,100}){1,100}')",
    code: "C009",
    message: "the pattern is not a valid RE2 expression: invalid repeat count: `{1,100}`",
    at: "'(a{1,100}){1,100}'",
  },
  {
    source: "re.matches(request.model, '([a-z]{1,40}[0-9]{1,40}){1,20}')",
    code: "C009",
    message: "the pattern compiles to 3221 instructions, the most is 1000",
    at: "'([a-z]{1,40}[0-9]{1,40}){1,20}'",
  },
  {
    source: "inCidr(request.source_ip, '10.0.0.0/33')",
    code: "C009",
    message: "'10.0.0.0/33' is not an address block; expected one such as 10.0.0.0/8 or 2001:db8::/32",
    at: "'10.0.0.0/33'",
  },
  {
    source: "glob(request.model, request.id)",
    code: "C009",
    message: "the second argument of glob() must be known at load: a text literal or a param",
    at: "request.id",
  },
  {
    source: "has(request.model)",
    code: "C010",
    message: "has(request.model) is always true; facts, params and variables always have a value",
    at: "has(request.model)",
  },
  {
    source: "has(request.model.x)",
    code: "C010",
    message: "'request.model.x' has no keys that can be missing; has() is for maps such as request.headers",
    at: "request.model.x",
  },
  {
    source: "has(request.headers)",
    code: "C010",
    message: "has(request.headers) is always true; facts, params and variables always have a value",
    at: "has(request.headers)",
  },
  {
    source: "has(request)",
    code: "C010",
    message: "has() takes one path, such as request.headers.name",
    at: "has(request)",
  },
  {
    source: "request.bytes > 9223372036854775808",
    code: "C011",
    message: "9223372036854775808 is outside the range of 64-bit integers",
    at: "9223372036854775808",
  },
  {
    source: "now > timestamp(request.id)",
    code: "C011",
    message: "timestamp() takes one text literal; time as a fact is now, clock.hour and the like",
    at: "timestamp(request.id)",
  },
  {
    source: "now > timestamp('2026-02-30T00:00:00Z')",
    code: "C011",
    message: "'2026-02-30T00:00:00Z' is not a timestamp such as 2026-01-31T09:00:00Z",
    at: "'2026-02-30T00:00:00Z'",
  },
  {
    source: "now - duration('5 minutes') > now",
    code: "C011",
    message: "'5 minutes' is not a duration such as 1h30m",
    at: "'5 minutes'",
  },
  { source: "{'a': 1, 'a': 2}[request.model] > 1", code: "C011", message: "the key 'a' is there twice", at: "'a'" },
  {
    source: "{1: 2}[request.bytes] > 1",
    code: "C011",
    message: "a key of a map literal must be a text literal",
    at: "1",
  },
  {
    source: "{'__proto__': 2}[request.model] > 1",
    code: "C011",
    message: "'__proto__' cannot be a key",
    at: "'__proto__'",
  },
  {
    source: "request.model == null",
    code: "C011",
    message: "null is never the value of anything here; absent texts are empty",
    at: "null",
  },
  {
    source: "b'abc' == bytes(request.model)",
    code: "C011",
    message: "bytes and unsigned integers are not supported",
    at: "b'abc'",
  },
  {
    source: "request.model.exist(x, x == 'a')",
    code: "C012",
    message: "unknown function 'exist'; did you mean 'exists'?",
    at: "request.model.exist(x, x == 'a')",
  },
  {
    source: "dyn(request.model) == 1",
    code: "C012",
    message:
      "unknown function 'dyn'; known: has, size, int, double, string, bool, timestamp, duration, glob, inSet, inCidr, clamp, least, greatest",
    at: "dyn(request.model)",
  },
  {
    source: "now.getHours('America/New_York') < 18",
    code: "C012",
    message: "getHours() takes no time zone; clock.hour and the like are in the organisation's zone",
    at: "now.getHours('America/New_York')",
  },
  {
    source: "cel.bind(x, request.model, x == 'a')",
    code: "C012",
    message:
      "unknown function 'bind'; known: startsWith, endsWith, contains, lowerAscii, upperAscii, trim, indexOf, lastIndexOf, substring, split, join, size, all, exists, exists_one, map, filter, getFullYear, getMonth, getDate, getDayOfMonth, getDayOfWeek, getHours, getMinutes, getSeconds, getMilliseconds",
    at: "cel.bind(x, request.model, x == 'a')",
  },
  {
    source: "request.tool_names.exists(t)",
    code: "C012",
    message: 'exists() takes a variable and an expression, such as exists(x, x.startsWith("a"))',
    at: "request.tool_names.exists(t)",
  },
  {
    source: "request.tool_names.exists(model, model == 'a')",
    code: "C013",
    message: "'model' already means something here",
    at: "model",
  },
  {
    source: "request.tool_names.exists(request, request == 'a')",
    code: "C013",
    message: "'request' already means something here",
    at: "request",
  },
  {
    source: "request.surface == 'chatt'",
    code: "C014",
    message: "request.surface is never 'chatt'; did you mean 'chat'?",
    at: "'chatt'",
  },
  {
    source: "request.surface in ['chat', 'telepathy']",
    code: "C014",
    message: `request.surface is never 'telepathy'; values: ${surfaces.join(", ")}`,
    at: "'telepathy'",
  },
];
