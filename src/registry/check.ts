import { Kind, type TObject, Type as t } from "@sinclair/typebox";
import { type FactName, factEntries } from "../core/facts.ts";
import { phases } from "../core/phases.ts";
import { ConfigErrors } from "../sdk/config.ts";
import { type CompileCel, instantiate, type PluginLookup, unknownFacts } from "../sdk/instantiate.ts";
import { definePlugin, type Plugin, type ProvidedFact, type ReasonSpec } from "../sdk/plugin.ts";
import { suggestion } from "../sdk/suggest.ts";

/** Names that mean something else where a policy says `uses`. */
export const reservedNames: readonly string[] = ["rules", "library", "cel", "typescript"];

const fields = [
  "name",
  "summary",
  "onError",
  "phases",
  "config",
  "reads",
  "provides",
  "reasons",
  "examples",
  "create",
] as const satisfies readonly (keyof Plugin)[];
const optional: readonly string[] = ["provides", "examples"];
const onErrors = ["deny", "warn", "allow"];
const reasonFields = ["message", "status", "code"];

/** Expressions in examples are checked where CEL is: by the plugin's own test and by the policies that use them. */
const acceptAnyCel: CompileCel = () => ({ reads: [], test: () => true });
/** The same for the plugins that an example puts to work. */
const anyPlugin: PluginLookup = {
  get: (name) =>
    definePlugin({
      name,
      summary: "Stands for any plugin.",
      onError: "deny",
      phases: ["request"],
      config: t.Object({}, { additionalProperties: true }),
      reads: [],
      reasons: {},
      create: () => ({ request: () => null }),
    }) as unknown as Plugin,
  names: () => [],
};

/**
 * What is wrong with a plugin as it was exported; empty when nothing is. Every sentence names what was received and
 * what is known.
 */
export function checkPlugin(exported: unknown, folder: string): string[] {
  if (typeof exported !== "object" || exported === null) {
    return ["the default export is not a plugin; write `export default definePlugin({ … })`"];
  }
  const plugin = exported as Partial<Record<(typeof fields)[number], unknown>>;
  const missing = fields.filter((name) => plugin[name] === undefined && !optional.includes(name));
  const problems = [
    ...missing.map((name) => `'${name}' is missing`),
    ...Object.keys(exported)
      .filter((name) => !(fields as readonly string[]).includes(name))
      .map((name) => `unknown field '${name}'${suggestion(name, fields)}`),
    ...(Object.isFrozen(exported) ? [] : ["it was not made by definePlugin"]),
  ];
  if (missing.length === fields.length - optional.length) return problems;
  const has = (name: (typeof fields)[number]) => !missing.includes(name);
  if (has("name")) problems.push(...checkName(plugin.name, folder));
  if (has("summary") && (typeof plugin.summary !== "string" || plugin.summary.trim() === "")) {
    problems.push("'summary' must be one sentence");
  }
  if (has("onError") && !onErrors.includes(String(plugin.onError))) {
    problems.push(`'onError' is '${plugin.onError}'; known: ${onErrors.join(", ")}`);
  }
  if (has("phases")) problems.push(...checkList("phases", plugin.phases, phases, true));
  if (has("reads")) problems.push(...checkReads(plugin.reads, has("phases") ? plugin.phases : phases));
  problems.push(...checkProvides(plugin.provides));
  if (has("config")) problems.push(...checkSchema(plugin.config));
  if (has("reasons")) problems.push(...checkReasons(plugin.reasons));
  if (has("create") && typeof plugin.create !== "function") problems.push("'create' must be a function");
  // Examples and hooks can only be tried on a plugin that is otherwise sound.
  return problems.length > 0 ? problems : checkExamples(exported as Plugin);
}

/** What is wrong with a name for a plugin in this folder; empty when nothing is. */
export function checkName(name: unknown, folder: string): string[] {
  if (typeof name !== "string" || !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) {
    return [`'name' is '${name}'; expected snake_case, such as '${toSnakeCase(String(name))}'`];
  }
  if (reservedNames.includes(name)) return [`the name '${name}' is reserved; reserved: ${reservedNames.join(", ")}`];
  return name === folder ? [] : [`'name' is '${name}' and the folder is '${folder}'; they must be the same`];
}

/** The nearest snake_case word. */
export function toSnakeCase(name: string): string {
  const snake = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^[_0-9]+|_+$/g, "");
  return snake === "" ? "my_plugin" : snake;
}

function checkList(field: string, list: unknown, known: readonly string[], required: boolean): string[] {
  if (!Array.isArray(list)) return [`'${field}' must be a list`];
  if (required && list.length === 0) return [`'${field}' is empty; known: ${known.join(", ")}`];
  const unknown = list.filter((item) => !known.includes(item));
  const twice = list.filter((item, i) => list.indexOf(item) !== i);
  return [
    ...unknown.map((item) => `'${field}' has '${item}'${suggestion(String(item), known)}`),
    ...twice.map((item) => `'${field}' has '${item}' twice`),
  ];
}

function checkReads(reads: unknown, inPhases: unknown): string[] {
  const catalogue = new Map(factEntries);
  if (!Array.isArray(reads)) return ["'reads' must be a list of facts"];
  const problems = unknownFacts(reads, [...catalogue.keys()]).map((problem) => `'reads': ${problem}`);
  problems.push(...reads.filter((name, i) => reads.indexOf(name) !== i).map((name) => `'reads' has '${name}' twice`));
  for (const name of reads as FactName[]) {
    const spec = catalogue.get(name);
    if (spec === undefined || !Array.isArray(inPhases)) continue;
    const known = inPhases.filter((phase) => (phases as readonly unknown[]).includes(phase));
    if (known.length > 0 && !known.some((phase) => spec.phases.includes(phase))) {
      problems.push(`'reads' has '${name}', which exists only in the phases ${spec.phases.join(", ")}`);
    }
  }
  return problems;
}

function checkProvides(provides: unknown): string[] {
  if (provides === undefined) return [];
  if (typeof provides !== "object" || provides === null) return ["'provides' must be an object by names of facts"];
  const known = factEntries.filter(([, { detected }]) => detected).map(([name]) => name);
  return Object.entries(provides as Record<string, ProvidedFact | undefined>).flatMap(([name, fact]) => {
    if (!known.includes(name as FactName)) return [`'provides' has '${name}'${suggestion(name, known, "facts")}`];
    const values: unknown = fact?.values ?? [];
    const isTexts = Array.isArray(values) && values.every((value) => typeof value === "string");
    return isTexts ? [] : [`'provides' has values of '${name}' that are no list of texts`];
  });
}

function checkSchema(config: unknown): string[] {
  const schema = config as Partial<TObject> | null;
  const isObject = typeof schema === "object" && schema?.[Kind] === "Object" && schema.type === "object";
  return isObject ? [] : ["'config' must be an object schema: `t.Object({ … })`"];
}

function checkReasons(reasons: unknown): string[] {
  if (typeof reasons !== "object" || reasons === null) return ["'reasons' must be an object"];
  const problems: string[] = [];
  for (const [id, reason] of Object.entries(reasons as Record<string, Partial<ReasonSpec>>)) {
    if (!/^[a-z][a-zA-Z0-9]*$/.test(id)) problems.push(`the reason '${id}' must be in camelCase`);
    if (typeof reason?.message !== "string" || reason.message === "") {
      problems.push(`the reason '${id}' has no message`);
      continue;
    }
    for (const field of Object.keys(reason).filter((name) => !reasonFields.includes(name))) {
      problems.push(`the reason '${id}' has an unknown field '${field}'${suggestion(field, reasonFields)}`);
    }
    const { code, status, message } = reason;
    if (/[{}]/.test(message.replace(/\{\w+\}/g, ""))) {
      problems.push(`the reason '${id}' has a message with a stray brace: '${message}'; placeholders look like {name}`);
    }
    if (code !== undefined && !/^[a-z][a-z0-9_]*$/.test(code)) {
      problems.push(`the reason '${id}' has the code '${code}'; expected snake_case`);
    }
    if (status !== undefined && !(Number.isInteger(status) && status >= 400 && status <= 599)) {
      problems.push(`the reason '${id}' has the status ${status}; expected 400 to 599`);
    }
  }
  return problems;
}

function checkExamples(plugin: Plugin): string[] {
  const problems: string[] = [];
  for (const [i, example] of (plugin.examples ?? []).entries()) {
    try {
      instantiate(plugin, example, acceptAnyCel, anyPlugin).dispose?.();
    } catch (error) {
      if (!(error instanceof ConfigErrors)) throw error;
      for (const { path, message } of error.errors) {
        problems.push(`example ${i + 1}${path.length > 0 ? ` at ${path.join(".")}` : ""}: ${message}`);
      }
    }
  }
  return problems;
}
