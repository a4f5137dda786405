import type { CelParam, ParamType, ParamValue } from "../cel/names.ts";
import { describeValue } from "../sdk/describe.ts";
import type { Notes } from "./context.ts";
import { checkName } from "./declared.ts";
import type { ParamContent, PolicyFileContent } from "./schema.ts";

const tests: Readonly<Record<ParamType, { readonly test: (value: unknown) => boolean; readonly words: string }>> = {
  string: { test: (value) => typeof value === "string", words: "a string" },
  int: { test: (value) => Number.isSafeInteger(value), words: "an integer" },
  double: { test: (value) => Number.isFinite(value), words: "a number" },
  bool: { test: (value) => typeof value === "boolean", words: "true or false" },
  "list<string>": {
    test: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
    words: "a list of strings",
  },
};

/** Checks params; what is wrong is noted. */
export function compileParams(content: PolicyFileContent, notes: Notes): Record<string, CelParam> {
  const params: Record<string, CelParam> = {};
  for (const [name, spec] of Object.entries(content.params ?? {})) {
    if (!checkName(notes, "params", name)) continue;
    params[name] = { type: spec.type, value: spec.default as ParamValue };
    const problem = paramProblem(spec);
    if (problem !== null) notes.report("C032", ["params", name, problem.key], problem.message);
    // A wrong default must not make every expression that reads it wrong as well.
    if (problem?.key === "default") params[name] = { type: spec.type, value: zeroes[spec.type] };
  }
  return params;
}

const zeroes: Readonly<Record<ParamType, ParamValue>> = {
  string: "",
  int: 0,
  double: 0,
  bool: false,
  "list<string>": [],
};

/** What is wrong with a value for a param, as it follows "expected" and the like; `null` when it may have it. */
export function valueProblem({ type, min, max }: ParamContent, value: unknown): string | null {
  const { test, words } = tests[type];
  if (!test(value)) return `expected ${words}, got ${describeValue(value)}`;
  if (min !== undefined && (value as number) < min) return `${value} is below the min ${min}`;
  if (max !== undefined && (value as number) > max) return `${value} is above the max ${max}`;
  return null;
}

function paramProblem(spec: ParamContent): { key: "default" | "min" | "max"; message: string } | null {
  const { type, min, max, default: value } = spec;
  const { test, words } = tests[type];
  if (!test(value)) return { key: "default", message: `expected ${words}, got ${describeValue(value)}` };
  const numeric = type === "int" || type === "double";
  for (const key of ["min", "max"] as const) {
    if (spec[key] === undefined) continue;
    if (!numeric) return { key, message: `'${key}' is for numbers, this param is ${words}` };
    if (!test(spec[key])) return { key, message: `expected ${words}, got ${describeValue(spec[key])}` };
  }
  if (min !== undefined && max !== undefined && min > max) {
    return { key: "min", message: `${min} is above the max ${max}` };
  }
  const problem = valueProblem(spec, value);
  return problem === null ? null : { key: "default", message: problem };
}
