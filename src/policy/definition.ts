import { Kind, type TObject, Type as t } from "@sinclair/typebox";
import { factCatalogue, factEntries, isFactName } from "../core/facts.ts";
import { type Phase, phases } from "../core/phases.ts";
import { ConfigErrors, parseConfig } from "../sdk/config.ts";
import { describeValue } from "../sdk/describe.ts";
import { type Policy, policyKeys } from "../sdk/policy.ts";
import { suggestion } from "../sdk/suggest.ts";
import type { CodePath, PolicyCode } from "./code.ts";
import { policySchema } from "./schema.ts";

/** A policy that was exported, with the checked values of its params. */
export interface Definition extends Policy {
  readonly values: Readonly<Record<string, unknown>>;
}

/** What is data in a policy; the rest is code and a schema. */
const { owner, mode, onError, priority, scope } = policySchema.properties;
const dataSchema = t.Object({
  description: t.String({ minLength: 1, maxLength: 1_000 }),
  owner,
  mode,
  onError,
  priority,
  scope,
  reads: t.Optional(t.Array(t.String(), { description: "Facts." })),
  with: t.Optional(t.Object({}, { additionalProperties: true })),
});

/** Checks what a policy's file exports. What is wrong is noted in the code; `null` then. */
export function checkDefinition(exported: Readonly<Record<string, unknown>>, code: PolicyCode): Definition | null {
  const policy = exported.default;
  if (typeof policy !== "object" || policy === null) {
    const what = Object.hasOwn(exported, "default")
      ? `the default export is ${describeValue(policy)}`
      : "there is no default export";
    code.report("C057", [], `${what}; write 'export default definePolicy({ … })'`);
    return null;
  }
  for (const key of Object.keys(policy)) {
    if ((policyKeys as readonly string[]).includes(key)) continue;
    code.report("C022", [key], `unknown key '${key}'${suggestion(key, policyKeys, "known keys")}`, "key");
  }
  const given = policy as Readonly<Record<string, unknown>>;
  const handled = checkHandlers(given, code);
  checkData(given, code);
  if (Array.isArray(given.reads)) checkReads(given.reads, handled, code);
  const values = checkParams(given, code);
  return code.problems.length > 0 ? null : { ...(policy as Policy), values };
}

/** The phases that it has handlers for. */
function checkHandlers(given: Readonly<Record<string, unknown>>, code: PolicyCode): Phase[] {
  const handled = phases.filter((phase) => given[phase] !== undefined);
  for (const key of [...handled, ...(given.state === undefined ? [] : ["state"])]) {
    const value = given[key];
    if (typeof value !== "function") {
      code.report("C023", [key], `expected a function, got ${describeValue(value)}`);
    } else if (/^(?:Async|Generator|AsyncGenerator)/.test(value.constructor.name)) {
      const message = `'${key}' must answer at once; it is ${value.constructor.name === "AsyncFunction" ? "async" : "a generator"}, and its answer would never be read`;
      code.report("C058", [key], message, "key");
    }
  }
  if (handled.length === 0) {
    code.report("C023", [], `a policy has at least one handler, so that it does something: ${phases.join(", ")}`);
  }
  return handled;
}

function checkData(given: Readonly<Record<string, unknown>>, code: PolicyCode): void {
  const data: Record<string, unknown> = {};
  for (const key of Object.keys(dataSchema.properties)) {
    if (given[key] === undefined) continue;
    try {
      data[key] = structuredClone(given[key]);
    } catch {
      code.report("C023", [key], `'${key}' is data; it holds a function`);
      return;
    }
  }
  reportConfig("C023", [], code, () => parseConfig(dataSchema, data));
}

function checkReads(reads: readonly unknown[], handled: readonly Phase[], code: PolicyCode): void {
  const known = factEntries.map(([name]) => name);
  for (const [i, name] of reads.entries()) {
    if (typeof name !== "string") continue;
    if (!isFactName(name)) {
      code.report("C002", ["reads", i], `unknown fact '${name}'${suggestion(name, near(name, known), "facts")}`);
      continue;
    }
    const readable: readonly Phase[] = factCatalogue[name].phases;
    if (handled.length === 0 || handled.some((phase) => readable.includes(phase))) continue;
    const message = `'${name}' is known in phase ${readable.join(", ")}; this policy has handlers for ${handled.join(", ")}`;
    code.report("C003", ["reads", i], message);
  }
}

/** All facts are too many to list: those of the same root, when there are any. */
function near(name: string, known: readonly string[]): readonly string[] {
  const same = known.filter((fact) => fact.split(".")[0] === name.split(".")[0]);
  return same.length > 0 ? same : known;
}

function checkParams(given: Readonly<Record<string, unknown>>, code: PolicyCode): Readonly<Record<string, unknown>> {
  const { params } = given;
  if (params === undefined) {
    if (given.with !== undefined) code.report("C033", ["with"], "'with' has no effect without 'params'", "key");
    return {};
  }
  if (typeof params !== "object" || params === null || (params as TObject)[Kind] !== "Object") {
    code.report("C023", ["params"], "expected a schema, such as t.Object({ most: t.Integer() })");
    return {};
  }
  let values: Readonly<Record<string, unknown>> = {};
  const base = given.with === undefined ? ["params"] : ["with"];
  if (given.with === undefined || (typeof given.with === "object" && given.with !== null)) {
    reportConfig("C027", base, code, () => {
      values = parseConfig(params as TObject, given.with);
    });
  }
  return values;
}

function reportConfig(check: "C023" | "C027", base: CodePath, code: PolicyCode, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof ConfigErrors)) {
      // A schema that TypeBox itself cannot work with, or values that are no data.
      code.report(check, base, `the values cannot be checked: ${error instanceof Error ? error.message : error}`);
      return;
    }
    for (const { path, message } of error.errors) {
      const unknownKey = message.startsWith("unknown key");
      const missing = base[0] === "params" ? `'with' is missing: ${message}` : message;
      code.report(unknownKey ? "C022" : check, [...base, ...path], missing, unknownKey ? "key" : "value");
    }
  }
}
