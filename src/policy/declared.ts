import type { Cel, CelNames, CompiledCel } from "../cel/cel.ts";
import { CelProblem } from "../cel/checks.ts";
import type { CelParam, ParamType, ParamValue } from "../cel/names.ts";
import type { Phase } from "../core/phases.ts";
import { describeValue } from "../sdk/describe.ts";
import type { PolicyDocument } from "./document.ts";
import { namePattern, type ParamContent, type PolicyFileContent } from "./schema.ts";

/** Variables of one policy; each may read those before it. */
const maxVariables = 32;
const isName = new RegExp(namePattern);

const tests: Readonly<Record<ParamType, { readonly test: (value: unknown) => boolean; readonly words: string }>> = {
  string: { test: (value) => typeof value === "string", words: "a string" },
  int: { test: (value) => Number.isSafeInteger(value), words: "an integer" },
  double: { test: (value) => typeof value === "number", words: "a number" },
  bool: { test: (value) => typeof value === "boolean", words: "true or false" },
  "list<string>": {
    test: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
    words: "a list of strings",
  },
};

/** Checks params; what is wrong is noted in the document. */
export function compileParams(content: PolicyFileContent, document: PolicyDocument): Record<string, CelParam> {
  const params: Record<string, CelParam> = {};
  for (const [name, spec] of Object.entries(content.params ?? {})) {
    if (!checkName(document, "params", name)) continue;
    params[name] = { type: spec.type, value: spec.default as ParamValue };
    const problem = paramProblem(spec);
    if (problem !== null) document.report("C032", ["params", name, problem.key], problem.message);
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
  if (min !== undefined && max !== undefined && min > max)
    return { key: "min", message: `${min} is above the max ${max}` };
  if (min !== undefined && (value as number) < min)
    return { key: "default", message: `${value} is below the min ${min}` };
  if (max !== undefined && (value as number) > max)
    return { key: "default", message: `${value} is above the max ${max}` };
  return null;
}

/** Compiles variables in their order; what is wrong is noted in the document. */
export function compileVariables(
  content: PolicyFileContent,
  phase: Phase,
  params: CelNames["params"],
  cel: Cel,
  document: PolicyDocument,
): ReadonlyMap<string, CompiledCel> {
  const variables = new Map<string, CompiledCel>();
  const declared = Object.entries(content.variables ?? {});
  if (declared.length > maxVariables) {
    const message = `${declared.length} variables are too many; the most is ${maxVariables}`;
    document.report("C006", ["variables"], message, "key");
    return variables;
  }
  for (const [name, source] of declared) {
    if (!checkName(document, "variables", name)) continue;
    try {
      variables.set(name, cel.compile(source, phase, { ...(params && { params }), vars: variables }));
    } catch (error) {
      if (!(error instanceof CelProblem)) throw error;
      document.reportCel(["variables", name], error);
      document.broken.add(`vars.${name}`);
    }
  }
  return variables;
}

function checkName(document: PolicyDocument, section: string, name: string): boolean {
  if (isName.test(name)) return true;
  const message = `'${name}' is no name; use letters, digits and underscores, such as ${toName(name)}`;
  document.report("C023", [section, name], message, "key");
  return false;
}

function toName(text: string): string {
  return text.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^(?=\d)/, "_") || "name";
}
