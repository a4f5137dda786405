import { Environment } from "@marcbachmann/cel-js";
import { Duration, UnsignedInt } from "@marcbachmann/cel-js/evaluator";
import { becomeValue, children, type Node, treeOf } from "./ast.ts";
import { identifier } from "./code.ts";
import { LinearRegex, regexMethod, registerFunctions, replacements } from "./functions.ts";
import { generate } from "./generate.ts";
import { maxInt } from "./ints.ts";
import { foldDuration, foldTimestamp } from "./literals.ts";
import { makeStrict } from "./strict.ts";
import { spanText } from "./time.ts";
import { DURATION, inside, outside, TIMESTAMP } from "./types.ts";

/** One value as the specification's vectors write it. */
export type VectorValue = Readonly<Record<string, unknown>>;

/** A test of the specification. */
export interface Vector {
  readonly expr: string;
  readonly name?: string;
  readonly value?: VectorValue;
  readonly evalError?: unknown;
  readonly typeEnv?: readonly { readonly name: string; readonly ident?: { readonly type: VectorType } }[];
  readonly bindings?: Readonly<Record<string, { readonly value: VectorValue }>>;
}

interface VectorType {
  readonly primitive?: string;
  readonly messageType?: string;
  readonly null?: null;
  readonly listType?: { readonly elemType: VectorType };
  readonly mapType?: { readonly keyType: VectorType; readonly valueType: VectorType };
}

/** What came of a vector; `silent` is a wrong answer that nobody would notice, `loud` one that says so. */
export type VectorOutcome = "passed" | "rejected" | "loud" | "silent";

/** Files of the suite that are about the language itself, without extensions and without protobuf messages. */
export const coreFiles =
  "basic comparisons conversions fields fp_math integer_math lists logic macros parse plumbing string timestamps".split(
    " ",
  );

/** Whether a vector needs protobuf messages, which no policy can see. */
export function needsMessages(vector: Vector): boolean {
  const { container: _, ...rest } = vector as Vector & { container?: string };
  const messages = /TestAllTypes|NestedTestAll|GlobalEnum|StandaloneEnum|NullValue|proto[23]/;
  return messages.test(JSON.stringify(rest)) || /google\.protobuf\.(?!Timestamp|Duration)/.test(JSON.stringify(rest));
}

const base = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true });
registerFunctions(base);
const add = (signature: string, handler: (...args: never[]) => unknown) =>
  base.registerFunction(signature, handler, { async: false });
add("strictInt(uint): int", ({ value }: UnsignedInt) => inInt(value));
add(`strictInt(${TIMESTAMP}): int`, (moment: Date) => BigInt(Math.floor(moment.getTime() / 1_000)));
add("strictDouble(uint): double", ({ value }: UnsignedInt) => Number(value));
add(`string(${TIMESTAMP}): string`, timeText);
add(`string(${DURATION}): string`, spanText);
add(`timestamp(${TIMESTAMP}): ${TIMESTAMP}`, (moment: Date) => moment);
add(`duration(${DURATION}): ${DURATION}`, (span: Duration) => span);
for (const form of ["quickSize(bytes)", "bytes.quickSize()"])
  add(`${form}: int`, (bytes: Uint8Array) => BigInt(bytes.length));
for (const [op, holds] of [
  ["<", (order: number) => order < 0],
  ["<=", (order: number) => order <= 0],
  [">", (order: number) => order > 0],
  [">=", (order: number) => order >= 0],
] as const) {
  base.registerOperator(`bytes ${op} bytes`, (a: Uint8Array, b: Uint8Array) => holds(Buffer.compare(a, b)));
}

/** Tries a vector: interpreted by the library with our overloads, or as generated code where there is some. */
export function tryVector(vector: Vector, generated: boolean): VectorOutcome | "not generated" {
  const wanted = vector.value === undefined ? null : valueText(toValue(vector.value));
  let program: ReturnType<Environment["parse"]>;
  try {
    const env = base.clone();
    for (const { name, ident } of vector.typeEnv ?? []) env.registerVariable(name, typeText(ident!.type));
    for (const name of Object.keys(vector.bindings ?? {})) {
      if (!env.hasVariable(name)) env.registerVariable(name, "dyn");
    }
    program = env.parse(vector.expr);
    prepare(treeOf(program));
    const checked = program.check();
    if (!checked.valid) throw checked.error;
    makeStrict(treeOf(program));
  } catch {
    return wanted === null ? "passed" : "rejected";
  }

  const values = Object.entries(vector.bindings ?? {}).map(([name, { value }]) => [name, toValue(value)] as const);
  const run = generated ? asGenerated(treeOf(program), values) : () => program(Object.fromEntries(values));
  if (run === null) return "not generated";
  let got: string;
  try {
    got = valueText(run());
  } catch {
    return wanted === null ? "passed" : "loud";
  }
  return got === wanted ? "passed" : "silent";
}

function asGenerated(tree: Node, values: readonly (readonly [string, unknown])[]): (() => unknown) | null {
  const types = new Map<string, string>();
  const read = generate(tree, (name, writer) => {
    if (!values.some(([known]) => known === name)) return null;
    return { text: writer.call("known", `f.${identifier(name)}`), fails: true };
  });
  if (read === null) return null;
  collectTypes(tree, types);
  const facts = Object.fromEntries(values.map(([name, value]) => [name, inside(types.get(name) ?? "")(value)]));
  const convert = outside(tree.checkedType?.name ?? "");
  return () => convert(read(facts, undefined));
}

function collectTypes(node: Node, types: Map<string, string>): void {
  if (node.op === "id") types.set(node.args as string, node.checkedType?.name ?? "");
  for (const part of children(node)) collectTypes(part, types);
}

/** What loading a policy does to a tree, as far as it is about the language and not about names. */
function prepare(node: Node): void {
  if (node.op === "value" && typeof node.args === "bigint" && node.args > maxInt) throw new RangeError("int literal");
  // Their text is read as bytes of another encoding.
  const text = node.input.slice(node.start, node.end);
  if (node.args instanceof Uint8Array && Buffer.byteLength(text) > text.length) throw new RangeError("bytes literal");
  if (node.op === "-_" && (node.args as Node).args === maxInt + 1n) return;
  if (node.op === "map") prepareKeys(node.args as [Node, Node][]);
  for (const part of children(node)) prepare(part);
  if (node.op !== "call" && node.op !== "rcall") return;

  const call = node.args as [string, ...unknown[]];
  const args = children(node);
  if (call[0] === "matches" && args[1]?.op === "value") {
    becomeValue(args[1], new LinearRegex(args[1].args as string));
    if (node.op === "call") return;
    call[0] = regexMethod;
    return;
  }
  const literal = args[0]?.op === "value" && typeof args[0].args === "string" ? args[0].args : null;
  if ((call[0] === "duration" || call[0] === "timestamp") && literal !== null) {
    const value = call[0] === "duration" ? foldDuration(literal) : foldTimestamp(literal);
    if (value === null) throw new RangeError(call[0]);
    becomeValue(node, value);
    return;
  }
  call[0] = replacements[call[0]] ?? call[0];
}

function prepareKeys(entries: readonly (readonly [Node, Node])[]): void {
  const seen = new Set<unknown>();
  for (const [key] of entries) {
    if (key.op !== "value") continue;
    const value = key.args instanceof UnsignedInt ? key.args.value : key.args;
    if (value === null || typeof value === "number" || seen.has(value)) throw new RangeError("map key");
    seen.add(value);
  }
}

function inInt(value: bigint): bigint {
  if (value > maxInt) throw new RangeError("int");
  return value;
}

function timeText(moment: Date): string {
  return moment.toISOString().replace(/\.?0*Z$/, "Z");
}

const primitives: Readonly<Record<string, string>> = {
  INT64: "int",
  UINT64: "uint",
  DOUBLE: "double",
  STRING: "string",
  BYTES: "bytes",
  BOOL: "bool",
};

function typeText({ primitive, messageType, listType, mapType }: VectorType): string {
  if (primitive !== undefined) return primitives[primitive] ?? "dyn";
  if (listType !== undefined) return `list<${typeText(listType.elemType)}>`;
  if (mapType !== undefined) return `map<${typeText(mapType.keyType)}, ${typeText(mapType.valueType)}>`;
  return messageType ?? "null";
}

/** A value of the vectors as the library takes it. */
function toValue(written: VectorValue): unknown {
  const [kind, value] = Object.entries(written)[0] as [string, never];
  switch (kind) {
    case "int64Value":
      return BigInt(value);
    case "uint64Value":
      return new UnsignedInt(BigInt(value));
    case "doubleValue":
      return Number(value);
    case "nullValue":
      return null;
    case "bytesValue":
      return new Uint8Array(Buffer.from(value, "base64"));
    case "listValue":
      return ((value as { values?: VectorValue[] }).values ?? []).map(toValue);
    case "mapValue": {
      const { entries = [] } = value as { entries?: { key: VectorValue; value: VectorValue }[] };
      return Object.fromEntries(entries.map((entry) => [String(toValue(entry.key)), toValue(entry.value)]));
    }
    case "objectValue": {
      const { "@type": type, value: text } = value as { "@type": string; value: string };
      return type.endsWith("Timestamp") ? new Date(text) : foldDuration(text);
    }
    case "typeValue":
      return { type: value };
    default:
      return value;
  }
}

/** A value as a text that tells types apart. The library's maps have text keys only, whatever they were written as. */
function valueText(value: unknown): string {
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "number") return `${value} double`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (value instanceof UnsignedInt) return `${value.value}u`;
  if (value instanceof Date) return timeText(value);
  if (value instanceof Duration) return spanText(value);
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  const named = (value as { type?: unknown; name?: unknown }).type ?? (value as { name?: unknown }).name;
  const isType = Object.prototype.toString.call(value).startsWith("[object Type<");
  if (isType || ("type" in value && typeof named === "string")) return `type ${String(named)}`;
  const entries = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${valueText(part)}`);
  return `{${entries.sort().join(", ")}}`;
}
