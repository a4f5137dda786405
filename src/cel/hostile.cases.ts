import { emptyFacts, type Facts, factEntries } from "../core/facts.ts";
import type { CelNames } from "./cel.ts";
import { factSize } from "./sizes.ts";

/** What must come of a hostile expression: it is not loaded, or it has this value on the largest facts there can be. */
export type Verdict = "refused" | "failed" | boolean;

/** An expression that somebody could write to stop the gateway, to be let through, or to run something else. */
export interface Hostile {
  readonly name: string;
  /** For phase stream, where the longest text is. */
  readonly source: string;
  readonly verdict: Verdict;
  readonly names?: CelNames;
}

/** Facts as large as each of them may be, to be as slow as they can. */
export function largestFacts(): Facts {
  const facts = emptyFacts() as unknown as Record<string, Record<string, unknown>>;
  for (const [name, spec] of factEntries) {
    const [root, field] = name.split(".") as [string, string | undefined];
    if (field === undefined || spec.max === undefined) continue;
    const { size, element } = factSize(spec);
    if (spec.type === "string") facts[root]![field] = "a".repeat(size);
    else if (spec.type === "list<string>")
      facts[root]![field] = Array.from({ length: size }, () => "a".repeat(element));
    else
      facts[root]![field] = Object.fromEntries(
        Array.from({ length: size }, (_, i) => [`key-${i}`, "a".repeat(element)]),
      );
  }
  // Holds what patterns ask for before they begin to look, in an order in which they do not find it.
  facts.event!.text = `fedcb=${"a".repeat(65_520)}!`;
  return facts as unknown as Facts;
}

const tenths = "[0,1,2,3,4,5,6,7,8,9]";
const params = {
  constructor: { type: "string", value: "a" },
  toString: { type: "int", value: 1 },
  evil: { type: "string", value: '"); globalThis.hacked = 1; ("' },
  lines: { type: "string", value: "\u2028globalThis.hacked = 1\u2029" },
} as const;

/** One line for each attempt. */
export const hostile: readonly Hostile[] = [
  // Patterns that take exponential or polynomial time elsewhere.
  { name: "nested quantifiers", source: "re.matches(event.text, '(a+)+$')", verdict: false },
  {
    name: "a pattern that backtracking engines give up on",
    source: "re.matches(event.text, '(a+)+b|!')",
    verdict: true,
  },
  { name: "nested quantifiers over alternatives", source: "re.matches(event.text, '(a|a|a?)+b$')", verdict: false },
  {
    name: "polynomial backtracking at both ends",
    source: "re.matches(event.text, '^a+|a+$') || re.matches(event.text, '.*a.*=.*a.*')",
    verdict: false,
  },
  { name: "many wildcards", source: "re.matches(event.text, '.*a.*b.*c.*d.*e.*f')", verdict: false },
  { name: "repetitions that multiply", source: "re.matches(event.text, '(a|aa|aaa){20}[^a!]')", verdict: false },
  { name: "large repetitions", source: "re.matches(event.text, '(a?){100}a{100}b')", verdict: "refused" },
  {
    name: "an automaton that doubles with each character",
    source: "re.matches(event.text, '(a|b)*a(a|b){30}#$')",
    verdict: "refused",
  },
  { name: "the same where texts are short", source: "re.matches(request.model, '(a|b)*a(a|b){30}#$')", verdict: false },
  { name: "many any-characters", source: "re.matches(event.text, 'a.{250}#')", verdict: "refused" },
  {
    name: "the largest pattern that is taken",
    source: "re.matches(event.text, '(a?){240}a{240}[bc]')",
    verdict: "refused",
  },
  {
    name: "repetitions in repetitions",
    source: "re.matches(event.text, '((a{1,30}){1,30}){1,30}')",
    verdict: "refused",
  },
  { name: "a back-reference", source: "re.matches(event.text, '(a+)\\\\1')", verdict: "refused" },
  { name: "the library's own matches", source: "event.text.matches('(a+)+$')", verdict: "refused" },
  { name: "the library's own matches as a function", source: "matches(event.text, '(a+)+$')", verdict: "refused" },
  {
    name: "a pattern put together from facts",
    source: "re.matches(event.text, request.model + '+')",
    verdict: "refused",
  },
  {
    name: "a glob with many stars",
    source: "glob(event.text, '*a*a*a*a*a*a*a*a*b')",
    verdict: false,
  },
  { name: "a glob of question marks", source: `glob(event.text, '*${"?".repeat(16)}b')`, verdict: false },

  {
    name: "a long piece of a glob that fits everywhere but at its end",
    source: `glob(event.text, '*${"a?".repeat(40)}b*')`,
    verdict: "refused",
  },

  // Work that multiplies.
  {
    name: "four nested macros",
    source: "request.roles.all(a, request.roles.all(b, request.roles.all(c, request.roles.all(d, a + b == c + d))))",
    verdict: "refused",
  },
  {
    name: "two nested macros over long lists",
    source: "request.roles.exists(a, request.roles.exists(b, a != b && a + b == 'x'))",
    verdict: "refused",
  },
  {
    name: "a macro over what a macro made",
    source: "request.roles.map(a, request.roles.map(b, a)).exists(l, l.exists(x, x == 'b'))",
    verdict: "refused",
  },
  {
    name: "nested macros behind an operator that could forget their failure",
    source: "request.roles.all(a, request.roles.all(b, a == b)) || request.stream",
    verdict: "refused",
  },
  {
    name: "three levels of literals",
    source: `${tenths}.all(a, ${tenths}.all(b, [0,1,2].all(c, a + b + c > -1)))`,
    verdict: "refused",
  },
  {
    name: "texts that double",
    source: "[event.text].map(a, a + a).map(a, a + a).exists(a, a == 'x')",
    verdict: false,
  },
  {
    name: "texts that double often",
    source: `[event.text]${".map(a, a + a)".repeat(24)}.exists(a, a == 'x')`,
    verdict: "refused",
  },
  {
    name: "joins of everything",
    source: "request.roles.map(r, request.roles.join(r)).exists(t, t.contains('b'))",
    verdict: "refused",
  },
  { name: "one join of everything", source: "request.roles.join(request.model).contains('b')", verdict: false },
  {
    name: "splits into every character",
    source: "event.text.split('').exists(c, event.text.contains(c + '?'))",
    verdict: "refused",
  },
  { name: "a split into every character", source: "event.text.split('').size() == 1", verdict: false },
  {
    name: "a search for every role",
    source: "request.roles.exists(r, event.text.indexOf(r + 'b') > 0)",
    verdict: "refused",
  },
  {
    name: "sizes of a long text for every role",
    source: "request.roles.all(r, size(event.text) > size(r))",
    verdict: "refused",
  },
  {
    name: "a filter of everything",
    source: "request.roles.filter(r, r.startsWith('aaaa')).size() == 2048",
    verdict: true,
  },

  // Expressions that are large or deep themselves.
  { name: "very long chains", source: `request.stream ${"|| request.stream ".repeat(120)}`, verdict: false },
  { name: "very many terms", source: `request.bytes ${"+ request.bytes ".repeat(120)} > 0`, verdict: false },
  { name: "very many negations", source: `${"!".repeat(4_000)}request.stream`, verdict: "refused" },
  { name: "very many minus signs", source: `request.bytes == ${"-".repeat(4_000)}1`, verdict: "refused" },
  { name: "very many brackets", source: `${"[".repeat(2_000)}1${"]".repeat(2_000)} == []`, verdict: "refused" },
  { name: "very deep fields", source: `request${".a".repeat(2_000)} == 1`, verdict: "refused" },
  {
    name: "conditions in conditions",
    source: `${"(request.stream ? ".repeat(40)}true${" : false)".repeat(40)}`,
    verdict: "refused",
  },
  { name: "a literal of a megabyte", source: `request.model == '${"a".repeat(1_000_000)}'`, verdict: "refused" },
  { name: "a number of many digits", source: `request.bytes < ${"9".repeat(3_000)}`, verdict: "refused" },
  { name: "a double of many digits", source: `request.temperature < ${"9".repeat(3_000)}.0`, verdict: "refused" },
  { name: "a list of many texts", source: `request.model in [${"'a',".repeat(900)}'b']`, verdict: "refused" },

  // Numbers at their edges.
  { name: "an int beyond its range", source: "9223372036854775807 + request.bytes + 1 > 0", verdict: "failed" },
  { name: "a division by zero that is absorbed", source: "1 / request.bytes == 1 || !request.stream", verdict: true },
  { name: "a division by zero that is not", source: "1 / request.bytes == 1 || request.stream", verdict: "failed" },
  { name: "the least int, negated", source: "-(-9223372036854775808 + request.bytes) > 0", verdict: "failed" },

  // What could never be, and would switch a rule off without a word.
  { name: "a fact of a later phase", source: "usage.total_tokens > 1000", verdict: "refused" },
  { name: "has() of a misspelt field", source: "has(request.modl)", verdict: "refused" },
  { name: "has() of a field that is always there", source: "has(request.model)", verdict: "refused" },
  { name: "a value that is no bool", source: "request.model", verdict: "refused" },
  { name: "a number as a condition", source: "request.bytes && request.stream", verdict: "refused" },
  { name: "a text that is compared with itself", source: "request.model == request.model", verdict: "refused" },

  // Names that objects have without being given them.
  {
    name: "prototypes as fields",
    source: "request.headers.constructor == 'a' || request.headers.__proto__ == 'b'",
    verdict: "failed",
  },
  { name: "prototypes by index", source: "request.headers['constructor'] == 'a'", verdict: "failed" },
  {
    name: "prototypes by what a client sends",
    source: "'toString' in request.headers || 'valueOf' in app.labels",
    verdict: false,
  },
  { name: "has() of a prototype", source: "has(request.headers.toString)", verdict: false },
  { name: "has() of what cannot be a key", source: "has(request.headers.__proto__)", verdict: "refused" },
  { name: "the prototype as a key", source: "{'__proto__': 1}[request.model] == 1", verdict: "refused" },
  {
    name: "a key that hides one of the prototype",
    source: "{'toString': 1, 'aa': 2}[request.model] == 1",
    verdict: "failed",
  },
  { name: "fields of facts' own objects", source: "request.constructor == 'a'", verdict: "refused" },
  {
    name: "a param called constructor",
    source: "request.model.startsWith(params.constructor)",
    verdict: true,
    names: { params },
  },
  { name: "a param called toString", source: "request.bytes == params.toString", verdict: false, names: { params } },
  { name: "a param that is none", source: "params.valueOf == 1", verdict: "refused", names: { params } },
  {
    name: "variables called as the code's own",
    source: "request.roles.all(f, request.tool_names.exists(s, f == s))",
    verdict: "refused",
  },
  {
    name: "variables called as code's own words",
    source: "['a', 'b'].all(arguments, ['a'].exists(eval, eval < request.model && arguments != request.model))",
    verdict: true,
  },
  {
    name: "a variable called __proto__",
    source: "request.roles.all(__proto__, __proto__.startsWith('a'))",
    verdict: "refused",
  },

  // Texts that want to leave their quotes.
  { name: "quotes", source: `request.model == '"); globalThis.hacked = 1; ("'`, verdict: false },
  { name: "quotes, escaped", source: `request.model == "\\"); globalThis.hacked = 1; (\\""`, verdict: false },
  {
    name: "a backslash before the end",
    source: `request.model == '\\\\' || request.model == '; globalThis.hacked = 1; //'`,
    verdict: false,
  },
  { name: "backticks and placeholders", source: `request.model == '\`\${globalThis.hacked = 1}\`'`, verdict: false },
  {
    name: "line separators",
    source: "request.model == '\u2028globalThis.hacked = 1;\u2029' || request.model == '\\u2028'",
    verdict: false,
  },
  { name: "line ends", source: `request.model == '\\n"; globalThis.hacked = 1; //\\r'`, verdict: false },
  {
    name: "ends of comments",
    source: "request.model == '*/ globalThis.hacked = 1; /*' // */ globalThis.hacked = 1",
    verdict: false,
  },
  {
    name: "keys that end their object",
    source: `{'a"}; globalThis.hacked = 1; ({"b': 1, "']": 2}[request.model] == 1`,
    verdict: "failed",
  },
  {
    name: "an index that ends its call",
    source: `request.headers['"); globalThis.hacked = 1; ("'] == 'a'`,
    verdict: "failed",
  },
  {
    name: "a param's value",
    source: "request.model == params.evil || params.lines == request.model",
    verdict: false,
    names: { params },
  },
  { name: "a name written with escapes", source: "request.\\u006dodel == 'a'", verdict: "refused" },
  { name: "a name of other letters", source: "rеquest.model == 'a'", verdict: "refused" },
  {
    name: "a field in backticks",
    source: "request.headers.`x\"); globalThis.hacked = 1; (\"` == 'a'",
    verdict: "refused",
  },
  { name: "code as code", source: "globalThis.hacked == 1 || (() => 1)()", verdict: "refused" },
  {
    name: "a halved character",
    source: `request.model == '\\ud800' || event.text.contains("\ud800")`,
    verdict: "refused",
  },
];
