import { describeValue } from "../../src/sdk/describe.ts";
import {
  type ConfigProblem,
  compilePattern,
  type FactName,
  type FactSpec,
  type Facts,
  factEntries,
} from "../../src/sdk/index.ts";
import { nearest, suggestion } from "../../src/sdk/suggest.ts";
import type { Comparison, Condition, Leaf, Scalar } from "./condition.ts";

/** A condition ready to be asked. */
export interface CompiledCondition {
  readonly reads: readonly FactName[];
  test(facts: Facts): boolean;
  /** The same condition in CEL. */
  readonly cel: string;
}

type Path = ConfigProblem["path"];
type Report = (problem: ConfigProblem) => void;
type Phase = FactSpec["phases"][number];

/** What a comparison is about: a fact, or one key of a fact that is a map. */
interface Subject {
  readonly fact: FactName;
  readonly type: FactSpec["type"];
  readonly values: readonly string[] | undefined;
  /** As CEL writes it. */
  readonly cel: string;
  /** What must be true for it to have a value, as CEL writes it; empty when it always has one. */
  readonly exists: string;
  /** Its value; `undefined` for a key that is not there. */
  read(facts: Facts): unknown;
}

const ordered: readonly Comparison[] = ["gt", "gte", "lt", "lte"];
const among: readonly Comparison[] = ["eq", "ne", "in", "not_in"];
/** What each type can be compared by. */
const operators: Readonly<Record<FactSpec["type"], readonly Comparison[]>> = {
  string: [...among, "contains", "not_contains", "matches"],
  int: [...among, ...ordered],
  double: [...among, ...ordered],
  bool: ["eq", "ne"],
  timestamp: ordered,
  "list<string>": ["contains", "not_contains"],
  "map<string, string>": ["contains", "not_contains"],
  "map<string, double>": ["contains", "not_contains"],
};
/** Each of these is true exactly where its opposite is not. */
const opposites: Readonly<Partial<Record<Comparison, Comparison>>> = {
  ne: "eq",
  not_in: "in",
  not_contains: "contains",
};
const signs: Readonly<Partial<Record<Comparison, string>>> = { eq: "==", gt: ">", gte: ">=", lt: "<", lte: "<=" };

const catalogue = new Map(factEntries);
const never: CompiledCondition = { reads: [], test: () => false, cel: "false" };

/**
 * Compiles a condition for a phase, together with its translation to CEL. Both are true for the same facts.
 *
 * @param report is told of everything that does not fit; the result is meaningless then
 */
export function compileCondition(condition: Condition, path: Path, phase: Phase, report: Report): CompiledCondition {
  if ("not" in condition) {
    const { reads, test, cel } = compileCondition(condition.not, [...path, "not"], phase, report);
    return { reads, test: (facts) => !test(facts), cel: `!(${cel})` };
  }
  if ("fact" in condition) return compileLeaf(condition, path, phase, report);
  const join = "and" in condition ? "and" : "or";
  const list = "and" in condition ? condition.and : condition.or;
  const parts = list.map((part, i) => compileCondition(part, [...path, join, i], phase, report));
  return {
    reads: [...new Set(parts.flatMap((part) => part.reads))],
    test:
      join === "and"
        ? (facts) => parts.every((part) => part.test(facts))
        : (facts) => parts.some((part) => part.test(facts)),
    cel: parts.map((part) => `(${part.cel})`).join(join === "and" ? " && " : " || "),
  };
}

function compileLeaf(leaf: Leaf, path: Path, phase: Phase, report: Report): CompiledCondition {
  const subject = subjectOf(leaf.fact, phase, (message) => report({ path: [...path, "fact"], message }));
  if (subject === undefined) return never;
  const known = operators[subject.type];
  if (!known.includes(leaf.op)) {
    const message = `'${leaf.op}' does not go with ${leaf.fact}, ${articled(subject.type)}; what does: ${known.join(", ")}`;
    report({ path: [...path, "op"], message });
    return never;
  }
  const positive = opposites[leaf.op] ?? leaf.op;
  let compare: Compare;
  try {
    compare = comparison(positive, subject, leaf.value);
  } catch (error) {
    report({ path: [...path, "value"], message: (error as Error).message });
    return never;
  }
  const { read, fact, exists } = subject;
  const cel = exists === "" ? compare.cel : `${exists} && ${compare.cel}`;
  const test = (facts: Facts): boolean => {
    const value = read(facts);
    return value !== undefined && compare.test(value);
  };
  return positive === leaf.op
    ? { reads: [fact], test, cel }
    : { reads: [fact], test: (facts) => !test(facts), cel: `!(${cel})` };
}

function subjectOf(path: string, phase: Phase, report: (message: string) => void): Subject | undefined {
  const [root = "", field, ...rest] = path.split(".");
  const fact = (field === undefined ? root : `${root}.${field}`) as FactName;
  const key = rest.join(".");
  const spec = catalogue.get(fact);
  if (spec === undefined || (rest.length > 0 && !spec.type.startsWith("map"))) {
    const near = nearest(path, [...catalogue.keys()]);
    report(
      `'${path}' is not a fact${near === undefined ? "; the reference of facts lists them" : suggestion(path, [near])}`,
    );
    return undefined;
  }
  if (!spec.phases.includes(phase)) {
    report(`'${path}' can be read in ${spec.phases.join(" and ")}, not in phase ${phase}`);
    return undefined;
  }
  const value = (facts: Facts): unknown => {
    const at = (facts as unknown as Record<string, Record<string, unknown>>)[root];
    return field === undefined ? at : at?.[field];
  };
  if (rest.length === 0) return { fact, type: spec.type, values: spec.values, cel: fact, exists: "", read: value };
  return {
    fact,
    type: spec.type === "map<string, double>" ? "double" : "string",
    values: undefined,
    cel: `${fact}[${JSON.stringify(key)}]`,
    exists: `${JSON.stringify(key)} in ${fact}`,
    read(facts) {
      const map = value(facts) as Readonly<Record<string, unknown>>;
      return Object.hasOwn(map, key) ? map[key] : undefined;
    },
  };
}

interface Compare {
  readonly cel: string;
  test(value: unknown): boolean;
}

/** @throws Error with a sentence when the operand is not what the fact can be compared with */
function comparison(op: Comparison, subject: Subject, operand: Leaf["value"]): Compare {
  const { cel, type } = subject;
  if (op === "in") {
    if (!Array.isArray(operand)) throw new Error(`expected a list of values, got ${describeValue(operand)}`);
    const wanted = new Set(operand.map((one: Scalar) => typed(one, subject)));
    return {
      cel: `${cel} in [${operand.map((one: Scalar) => literal(one, type)).join(", ")}]`,
      test: (v) => wanted.has(v as Scalar),
    };
  }
  if (op === "contains") {
    const part = text(operand);
    const quoted = JSON.stringify(part);
    if (type === "string") return { cel: `${cel}.contains(${quoted})`, test: (v) => (v as string).includes(part) };
    if (type === "list<string>")
      return { cel: `${quoted} in ${cel}`, test: (v) => (v as readonly string[]).includes(part) };
    return { cel: `${quoted} in ${cel}`, test: (v) => Object.hasOwn(v as object, part) };
  }
  if (op === "matches") {
    const pattern = compilePattern(text(operand));
    return { cel: `re.matches(${cel}, ${JSON.stringify(pattern.source)})`, test: (v) => pattern.test(v as string) };
  }
  const right = typed(operand, subject);
  const written = `${cel} ${signs[op]} ${literal(operand as Scalar, type)}`;
  if (op === "eq") return { cel: written, test: (v) => v === right };
  // Dates compare as their milliseconds.
  if (op === "gt") return { cel: written, test: (v) => Number(v) > Number(right) };
  if (op === "gte") return { cel: written, test: (v) => Number(v) >= Number(right) };
  if (op === "lt") return { cel: written, test: (v) => Number(v) < Number(right) };
  return { cel: written, test: (v) => Number(v) <= Number(right) };
}

/** The operand as a value of the subject's type; a timestamp as milliseconds. */
function typed(operand: Leaf["value"], { type, values, fact }: Subject): Scalar {
  if (type === "string") {
    const value = text(operand);
    if (values === undefined || values.includes(value)) return value;
    throw new Error(`${fact} is never '${value}'${suggestion(value, values, "values")}`);
  }
  if (type === "int" && Number.isSafeInteger(operand)) return operand as number;
  if (type === "double" && typeof operand === "number") return operand;
  if (type === "bool" && typeof operand === "boolean") return operand;
  if (type === "timestamp" && typeof operand === "string" && isTimestamp(operand)) return Date.parse(operand);
  throw new Error(`expected ${expected[type]}, got ${describeValue(operand)}`);
}

const expected: Readonly<Partial<Record<FactSpec["type"], string>>> = {
  int: "an integer",
  double: "a number",
  bool: "true or false",
  timestamp: "a time such as 2026-01-31T09:00:00Z",
};

function text(operand: Leaf["value"]): string {
  if (typeof operand === "string") return operand;
  throw new Error(`expected a text, got ${describeValue(operand)}`);
}

function isTimestamp(value: string): boolean {
  const parts = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/.exec(value);
  if (parts === null || Number.isNaN(Date.parse(value))) return false;
  // JavaScript moves February 30th into March.
  return new Date(`${parts[1]}T00:00:00Z`).toISOString().startsWith(parts[1]!);
}

function literal(value: Scalar, type: FactSpec["type"]): string {
  if (type === "timestamp") return `timestamp(${JSON.stringify(value)})`;
  if (typeof value === "string") return JSON.stringify(value);
  const number = String(value);
  return type === "double" && /^-?\d+$/.test(number) ? `${number}.0` : number;
}

function articled(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
