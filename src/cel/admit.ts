import { type FactName, factCatalogue } from "../core/facts.ts";
import { nearest } from "../sdk/suggest.ts";
import { becomeName, becomeValue, children, type Node } from "./ast.ts";
import { type CelCheck, CelProblem } from "./checks.ts";
import { type CelData, dataConstant, dataSet } from "./data.ts";
import { AddressBlock, GlobPattern, LinearRegex, regexMethod, replacements } from "./functions.ts";
import { foldDuration, foldTimestamp } from "./literals.ts";
import type { CelParam, Meaning, Names } from "./names.ts";

const macros = ["all", "exists", "exists_one", "map", "filter"];
const functions = "has size int double string bool timestamp duration glob inSet inCidr clamp least greatest".split(
  " ",
);
const methods = [
  ..."startsWith endsWith contains lowerAscii upperAscii trim indexOf lastIndexOf substring split join size".split(" "),
  ...macros,
];
const timeMethods =
  "getFullYear getMonth getDate getDayOfMonth getDayOfWeek getHours getMinutes getSeconds getMilliseconds".split(" ");
/** Every function that policies may call, by the form of its call: `name(value)` or `value.name()`. */
export const vocabulary: Readonly<Record<"functions" | "methods" | "macros" | "times", readonly string[]>> = {
  functions,
  methods: methods.filter((name) => !macros.includes(name)),
  macros,
  times: timeMethods,
};
const maxInt = 2n ** 63n - 1n;
/** Keys that the library drops from map literals without a word. */
const droppedKeys = new Set(["__proto__", "constructor", "prototype"]);

/** Facts that hold one value for each of several things with names. */
const namedFacts: ReadonlySet<string> = new Set(
  Object.keys(factCatalogue).filter((name) => name.startsWith("limits.") || name.startsWith("budget.")),
);

/** What an expression turned out to read and to be. */
export interface Admitted {
  readonly facts: ReadonlySet<FactName>;
  readonly vars: ReadonlySet<string>;
  readonly params: ReadonlySet<string>;
  /** Macro calls, whose expansions keep what they last saw. */
  readonly macros: readonly Node[];
  /** Whether the value can differ from one request to the next. */
  readonly varies: boolean;
}

/**
 * Goes over a freshly parsed tree before the library checks its types: resolves every name, replaces functions whose
 * library version is unsafe or differs from the specification, and refuses what could not be checked later.
 *
 * Rewrites the tree in place: each fact becomes one variable named by its whole path, each param its value.
 *
 * @throws CelProblem for the first thing found
 */
export function admit(root: Node, names: Names): Admitted {
  const facts = new Set<FactName>();
  const vars = new Set<string>();
  const params = new Set<string>();
  const found: Node[] = [];

  const varies = visit(root, new Map());
  return { facts, vars, params, macros: found, varies };

  /** @returns whether the node's value depends on the request or on a param */
  function visit(node: Node, bound: ReadonlyMap<string, boolean>): boolean {
    switch (node.op) {
      case "value":
        checkLiteral(node);
        return false;
      case "id": {
        const known = bound.get(node.args as string);
        return known ?? take(node, names.resolve(node.args as string, node.start, node.end));
      }
      case ".":
        return visitField(node, bound);
      case "call":
        return visitCall(node, bound);
      case "rcall":
        return visitMethod(node, bound);
      case "map":
        checkKeys(node);
        return visitAll(children(node), bound);
      case "&&":
      case "||":
      case "!_":
        for (const part of children(node)) condition(part, bound);
        return true;
      case "?:": {
        const [test, yes, no] = node.args as [Node, Node, Node];
        condition(test, bound);
        visitAll([yes, no], bound);
        return true;
      }
      case "-_": {
        const inner = node.args as Node;
        // The smallest int has no positive counterpart, so its literal is only in range together with its sign.
        if (inner.op === "value" && inner.args === maxInt + 1n) return false;
        return visit(inner, bound);
      }
      default:
        return visitComparison(node, bound);
    }
  }

  function visitAll(nodes: readonly Node[], bound: ReadonlyMap<string, boolean>): boolean {
    let depends = false;
    for (const node of nodes) depends = visit(node, bound) || depends;
    return depends;
  }

  function condition(node: Node, bound: ReadonlyMap<string, boolean>): void {
    if (!visit(node, bound)) fail("C008", node, `${quote(node)} is the same for every request`);
  }

  function take(node: Node, meaning: Meaning): boolean {
    switch (meaning.kind) {
      case "fact":
        facts.add(meaning.fact);
        becomeName(node, meaning.fact);
        return true;
      case "var":
        vars.add(meaning.name);
        becomeName(node, `vars.${meaning.name}`);
        return true;
      case "param":
        params.add(meaning.name);
        becomeParam(node, meaning.param);
        return true;
      case "data":
        becomeData(node, meaning.data);
        return true;
    }
  }

  function visitField(node: Node, bound: ReadonlyMap<string, boolean>): boolean {
    keyLast(node, bound);
    const [left, field] = node.args as [Node, string];
    if (left.op === "id" && !bound.has(left.args as string)) {
      const root = left.args as string;
      // A short name, such as model.x, is a value of its own; everything else is a path.
      if (!isValue(root)) return take(node, names.resolve(`${root}.${field}`, node.start, node.end));
    }
    return visit(left, bound);
  }

  /**
   * What stands of a limit may be asked for as `limits.<name>.used`, as people think of it; the fact is a map of all
   * limits by name, `limits.used.<name>`.
   */
  function keyLast(node: Node, bound: ReadonlyMap<string, boolean>): void {
    const [inner, last] = node.args as [Node, string];
    if (inner.op !== ".") return;
    const [root, key] = inner.args as [Node, string];
    if (root.op !== "id" || bound.has(root.args as string)) return;
    const isFact = (field: string) => namedFacts.has(`${root.args}.${field}`);
    if (isFact(key) || !isFact(last)) return;
    inner.args = [root, last];
    node.args = [inner, key];
  }

  function isValue(name: string): boolean {
    try {
      return names.resolve(name, 0, 0).kind === "fact";
    } catch {
      return false;
    }
  }

  function visitCall(node: Node, bound: ReadonlyMap<string, boolean>): boolean {
    const call = node.args as [string, Node[]];
    const [name, args] = call;
    if (!functions.includes(name)) fail("C012", node, unknownFunction(name));
    if (name === "has") return visitHas(node, args, bound);
    if (name === "timestamp" || name === "duration") {
      const [literal, ...rest] = args;
      if (rest.length > 0 || literal?.op !== "value" || typeof literal.args !== "string") {
        fail("C011", node, `${name}() takes one text literal; time as a fact is now, clock.hour and the like`);
      }
      const text = (literal as Node).args as string;
      const value = name === "timestamp" ? foldTimestamp(text) : foldDuration(text);
      if (value === null) fail("C011", literal!, `'${text}' is not a ${name} such as ${samples[name]}`);
      becomeValue(node, value);
      return false;
    }
    const replacement = replacements[name];
    if (replacement !== undefined) call[0] = replacement;
    if (name === "glob" || name === "inCidr") {
      const depends = visitAll(args.slice(0, 1), bound);
      if (args[1] !== undefined) becomePattern(args[1], name === "glob" ? GlobPattern : AddressBlock, name);
      return visitAll(args.slice(2), bound) || depends;
    }
    if (name === "inSet") {
      const [set, ...rest] = args;
      if (set?.op !== "value" || typeof set.args !== "string" || rest.length !== 1) {
        fail("C012", node, "inSet() takes the name of data as a text literal, then a value");
      }
      becomeValue(set!, dataSet(names.resolveData(set!.args as string, set!.start, set!.end)));
      return visitAll(rest, bound);
    }
    return visitAll(args, bound);
  }

  function visitHas(node: Node, args: readonly Node[], bound: ReadonlyMap<string, boolean>): boolean {
    const [arg] = args;
    if (args.length !== 1 || arg?.op !== ".") fail("C010", node, "has() takes one path, such as request.headers.name");
    keyLast(arg!, bound);
    const [map, field] = arg!.args as [Node, string];
    if (map.op === "id" && !bound.has(map.args as string)) {
      const path = `${map.args}.${field}`;
      names.resolve(path, arg!.start, arg!.end);
      fail("C010", node, `has(${path}) is always true; facts, params and variables always have a value`);
    }
    const depends = visit(map, bound);
    const type = map.op === "id" ? (factCatalogue as Record<string, { type: string }>)[map.args as string]?.type : "";
    if (type === undefined || !type.startsWith("map")) {
      fail(
        "C010",
        arg!,
        `'${textOf(arg!)}' has no keys that can be missing; has() is for maps such as request.headers`,
      );
    }
    if (droppedKeys.has(field)) fail("C010", arg!, `'${field}' cannot be a key`);
    return depends;
  }

  function visitMethod(node: Node, bound: ReadonlyMap<string, boolean>): boolean {
    const call = node.args as [string, Node, Node[]];
    const [name, receiver, args] = call;
    if (name === "matches") {
      if (receiver.op !== "id" || receiver.args !== "re" || args.length !== 2) {
        fail("C009", node, "CEL's own matches() can take forever; write re.matches(text, pattern)");
      }
      const [text, pattern] = args as [Node, Node];
      const depends = visit(text, bound);
      becomePattern(pattern, LinearRegex, "re.matches");
      node.args = [regexMethod, text, [pattern]];
      return depends;
    }
    if (timeMethods.includes(name)) {
      if (args.length > 0) {
        fail("C012", node, `${name}() takes no time zone; clock.hour and the like are in the organisation's zone`);
      }
      call[0] = replacements[name] ?? name;
      return visit(receiver, bound);
    }
    if (!methods.includes(name)) fail("C012", node, unknownMethod(name, receiver));
    if (macros.includes(name)) return visitMacro(node, name, receiver, args, bound);
    call[0] = replacements[name] ?? name;
    return visitAll([receiver, ...args], bound);
  }

  function visitMacro(
    node: Node,
    name: string,
    receiver: Node,
    args: readonly Node[],
    bound: ReadonlyMap<string, boolean>,
  ): boolean {
    const [variable, ...body] = args;
    if (variable?.op !== "id" || node.meta.alternate === undefined) {
      fail("C012", node, `${name}() takes a variable and an expression, such as ${name}(x, x.startsWith("a"))`);
    }
    const word = variable!.args as string;
    if (names.isTaken(word) || bound.has(word)) fail("C013", variable!, `'${word}' already means something here`);
    const depends = visit(receiver, bound);
    const inner = new Map(bound).set(word, depends);
    found.push(node);
    return visitAll(body, inner) || depends;
  }

  /** Compiles a pattern at load: a literal, or a param, whose value is known then. */
  function becomePattern(node: Node, pattern: new (source: string) => object, name: string): void {
    let source = node.op === "value" ? node.args : undefined;
    if (node.op === ".") {
      const meaning = names.resolve(textOf(node).replaceAll(" ", ""), node.start, node.end);
      if (meaning.kind === "param") {
        params.add(meaning.name);
        source = meaning.param.value;
      }
    }
    if (typeof source !== "string") {
      fail("C009", node, `the second argument of ${name}() must be known at load: a text literal or a param`);
    }
    try {
      becomeValue(node, new pattern(source as string));
    } catch (error) {
      fail("C009", node, (error as Error).message);
    }
  }

  function visitComparison(node: Node, bound: ReadonlyMap<string, boolean>): boolean {
    const depends = visitAll(children(node), bound);
    const [left, right] = children(node);
    if (left === undefined || right === undefined) return depends;
    if (["==", "!=", "<", "<=", ">", ">="].includes(node.op) && textOf(left) === textOf(right)) {
      fail("C008", node, `${quote(node)} compares a value with itself`);
    }
    if (node.op === "==" || node.op === "!=") {
      checkValues(left, [right]);
      checkValues(right, [left]);
    }
    if (node.op === "in") checkValues(left, right.op === "list" ? children(right) : [right]);
    return depends;
  }
}

const samples = { timestamp: "2026-01-31T09:00:00Z", duration: "1h30m" } as const;

function checkLiteral(node: Node): void {
  const value = node.args;
  if (typeof value === "bigint" && value > maxInt)
    fail("C011", node, `${value} is outside the range of 64-bit integers`);
  if (value === null) fail("C011", node, "null is never the value of anything here; absent texts are empty");
  // A tree may already hold folded values: of the literals only bytes and unsigned integers are objects.
  if (typeof value === "object") fail("C011", node, "bytes and unsigned integers are not supported");
}

function checkKeys(node: Node): void {
  const seen = new Set<string>();
  for (const [key] of node.args as [Node, Node][]) {
    const name = key.args;
    if (key.op !== "value" || typeof name !== "string")
      fail("C011", key, "a key of a map literal must be a text literal");
    if (seen.has(name as string)) fail("C011", key, `the key '${name}' is there twice`);
    if (droppedKeys.has(name as string)) fail("C011", key, `'${name}' cannot be a key`);
    seen.add(name as string);
  }
}

/** Facts with a closed list of values are compared with one of them. */
function checkValues(fact: Node, literals: readonly Node[]): void {
  if (fact.op !== "id") return;
  const spec: { values?: readonly string[] } | undefined = (factCatalogue as Record<string, object>)[
    fact.args as string
  ];
  const values = spec?.values;
  if (values === undefined) return;
  for (const literal of literals) {
    if (literal.op !== "value") continue;
    // A param that is a list is one value.
    const texts = [literal.args].flat().filter((text) => typeof text === "string");
    const wrong = texts.find((text) => !values.includes(text));
    if (wrong === undefined) continue;
    const word = nearest(wrong, values);
    const hint = word === undefined ? `values: ${values.join(", ")}` : `did you mean '${word}'?`;
    fail("C014", literal, `${fact.args} is never '${wrong}'; ${hint}`);
  }
}

function becomeParam(node: Node, { type, value }: CelParam): void {
  if (type === "int") becomeValue(node, BigInt(value as number));
  else if (type === "list<string>") becomeValue(node, value, type);
  else becomeValue(node, value);
}

function becomeData(node: Node, data: CelData): void {
  becomeValue(node, dataConstant(data), data.type);
}

/** What functions are called in other languages. */
const namesElsewhere: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{ len: "size", length: "size", count: "size" },
    ...{ lower: "lowerAscii", toLower: "lowerAscii", toLowerCase: "lowerAscii", lowercase: "lowerAscii" },
    ...{ upper: "upperAscii", toUpper: "upperAscii", toUpperCase: "upperAscii", uppercase: "upperAscii" },
    ...{ includes: "contains", startswith: "startsWith", endswith: "endsWith", strip: "trim" },
    ...{ any: "exists", some: "exists", every: "all", min: "least", max: "greatest" },
  }),
);

function unknownFunction(name: string): string {
  if (name === "matches") return "write re.matches(text, pattern)";
  if (methods.includes(name)) return `${name}() is a method; write value.${name}(…)`;
  const word = namesElsewhere.get(name) ?? nearest(name, functions);
  if (word !== undefined && methods.includes(word) && !functions.includes(word)) {
    return `unknown function '${name}'; write value.${word}(…)`;
  }
  return `unknown function '${name}'; ${word === undefined ? `known: ${functions.join(", ")}` : `did you mean '${word}'?`}`;
}

function unknownMethod(name: string, receiver: Node): string {
  if (receiver.op === "id" && receiver.args === "re") return "re has one function, re.matches(text, pattern)";
  if (functions.includes(name)) return `${name}() is a function; write ${name}(value)`;
  const known = [...methods, ...timeMethods];
  const word = namesElsewhere.get(name) ?? nearest(name, known);
  return `unknown function '${name}'; ${word === undefined ? `known: ${known.join(", ")}` : `did you mean '${word}'?`}`;
}

function textOf(node: Node): string {
  return node.input.slice(node.start, node.end).replace(/\s+/g, " ");
}

function quote(node: Node): string {
  const text = textOf(node);
  return `'${text.length > 60 ? `${text.slice(0, 59)}…` : text}'`;
}

function fail(code: CelCheck, { start, end }: Node, message: string): never {
  throw new CelProblem(code, message, start, end);
}
