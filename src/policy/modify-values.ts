import type { Modification } from "../core/decision.ts";
import { modificationProblem } from "../core/modifiable.ts";
import type { ParamValue } from "../core/overlay.ts";
import { patternProblem } from "../sdk/pattern.ts";
import { suggestion } from "../sdk/suggest.ts";
import type { Notes } from "./context.ts";
import type { Path } from "./document.ts";
import type { ParamContent, PolicyFileContent, RuleContent } from "./schema.ts";

const placeholder = /\{params\.([A-Za-z_]\w*)\}/g;

type Params = Readonly<Record<string, ParamContent>>;
type Values = Readonly<Record<string, ParamValue>>;
type Change = NonNullable<RuleContent["modify"]>[number];

/**
 * Puts params into the values of modifications: a text that is `{params.x}` and nothing else becomes the param's
 * value, in other texts it is filled in. Of a param that is not declared the placeholder stays.
 */
export function fillModifications(content: PolicyFileContent): PolicyFileContent {
  const { rules, params = {} } = content;
  if (!rules?.some(({ modify }) => modify?.some(({ value }) => placeholdersIn(value).length > 0))) return content;
  const values = valuesOf(params);
  const filled = rules.map((rule) => {
    if (rule.modify === undefined) return rule;
    return { ...rule, modify: rule.modify.map((change) => ({ ...change, value: put(change.value, values) })) };
  });
  return { ...content, rules: filled };
}

/** Notes what is wrong with params in modifications; what is wrong with the values is told with the rules. */
export function checkModificationParams({ rules = [], params = {} }: PolicyFileContent, notes: Notes): void {
  for (const [i, { modify = [] }] of rules.entries()) {
    for (const [j, change] of modify.entries()) check(change, params, ["rules", i, "modify", j, "value"], notes);
  }
}

function check(change: Change, params: Params, path: Path, notes: Notes): void {
  const used = [...new Set(placeholdersIn(change.value))];
  const unknown = used.filter((name) => !Object.hasOwn(params, name));
  for (const name of unknown) {
    const message = `unknown placeholder '{params.${name}}'${suggestion(name, Object.keys(params), "params")}`;
    notes.report("C025", path, message);
  }
  const whole = problemOf({ ...change, value: put(change.value, valuesOf(params)) }) === null;
  if (unknown.length === 0 && whole) checkTunable(change, used, params, path, notes);
}

function valuesOf(params: Params): Values {
  return Object.fromEntries(Object.entries(params).map(([name, spec]) => [name, spec.default as ParamValue]));
}

/** Whatever a tunable param is tuned to, the modification must stay one that can be made. */
function checkTunable(change: Change, used: readonly string[], params: Params, path: Path, notes: Notes): void {
  for (const name of used) {
    const { tunable, type, min, max } = params[name]!;
    if (tunable !== true) continue;
    if (type !== "int" && type !== "double") {
      notes.report("C034", path, `'params.${name}' is a tunable ${type}; what stands in a modification is a number`);
    } else if (min === undefined || max === undefined) {
      notes.report("C034", path, `'params.${name}' is tunable; to stand in a modification it needs 'min' and 'max'`);
    } else {
      const some = type === "int" ? [min, max] : [min, max, min + (max - min) / 3];
      const wrong = some.map((value) =>
        problemOf({ ...change, value: put(change.value, { ...valuesOf(params), [name]: value }) }),
      );
      const problem = wrong.find((message) => message !== null);
      if (problem) notes.report("C034", path, `'params.${name}' can be tuned to what cannot be: ${problem}`);
    }
  }
}

function problemOf(change: Change): string | null {
  return modificationProblem(change as Modification, patternProblem);
}

function put(value: unknown, values: Values): unknown {
  if (typeof value === "string") {
    const [, whole] = /^\{params\.([A-Za-z_]\w*)\}$/.exec(value) ?? [];
    if (whole !== undefined && Object.hasOwn(values, whole)) return values[whole];
    return value.replace(placeholder, (text, name: string) =>
      Object.hasOwn(values, name) ? String(values[name]) : text,
    );
  }
  if (Array.isArray(value)) return value.map((part) => put(part, values));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, put(part, values)]));
}

/** The names of the params that a value has placeholders for, wherever in it. */
function placeholdersIn(value: unknown): string[] {
  if (typeof value === "string") return [...value.matchAll(placeholder)].map(([, name]) => name!);
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(placeholdersIn) : [];
}
