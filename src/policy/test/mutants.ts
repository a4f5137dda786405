import type { CompiledCel } from "../../cel/cel.ts";
import { PolicyDocument } from "../document.ts";
import type { PolicyFile } from "../tree.ts";
import { applyEdit, changeText } from "./edit.ts";
import { createLocator, type Position, pathsOf } from "./locate.ts";
import { expressionEdits } from "./mutants-cel.ts";
import { codeChanges } from "./mutants-code.ts";

/** A policy file with one small change that its tests should notice. */
export interface Mutant extends Position {
  /** What was changed, such as `'>' → '>='`. */
  readonly change: string;
  /** The changed file: its path in the policies folder, and its text. */
  readonly path: string;
  readonly text: string;
}

type Path = readonly (string | number)[];

/** Every mutant of a policy file, or of code that a policy imports. */
export function mutantsOf(file: PolicyFile, expressions: readonly CompiledCel[]): readonly Mutant[] {
  const { path } = file;
  const changed = path.endsWith(".cel")
    ? mutantsOfCel(file, expressions)
    : /\.(yaml|yml|json)$/.test(path)
      ? mutantsOfYaml(file, expressions)
      : mutantsOfCode(file);
  return changed.map((mutant) => ({ ...mutant, path }));
}

type Changed = Omit<Mutant, "path">;

function mutantsOfCode(file: PolicyFile): readonly Changed[] {
  const locator = createLocator(file);
  return codeChanges(file.text).map(({ change, ...edit }) => ({
    ...locator.expression(file.text, edit.start)!,
    change,
    text: applyEdit(file.text, edit),
  }));
}

function mutantsOfYaml(file: PolicyFile, expressions: readonly CompiledCel[]): readonly Changed[] {
  const content = new PolicyDocument(file.label, file.text).value as Readonly<Record<string, unknown>>;
  const locator = createLocator(file);
  // JSON is YAML, so the changed content need not be written as the file was.
  const withValue = (path: Path, value: unknown) => JSON.stringify(replaceAt(content, path, value));

  const inExpressions = expressions.flatMap((expression) =>
    pathsOf(content, expression.source).flatMap((path) =>
      expressionEdits(expression).map((edit) => ({
        ...locator.expression(expression.source, edit.start, path)!,
        change: changeText(expression.source, edit),
        text: withValue(path, applyEdit(expression.source, edit)),
      })),
    ),
  );
  const inValues = valueChanges(content).map(({ path, at = path, value, change }) => ({
    ...locator.path(at),
    change,
    text: withValue(path, value),
  }));
  return [...inExpressions, ...inValues];
}

/** Of the same expression there may be several: each is the same one here. */
function mutantsOfCel(file: PolicyFile, expressions: readonly CompiledCel[]): readonly Changed[] {
  const locator = createLocator(file);
  const mutants = expressions.flatMap((expression) => {
    const from = file.text.indexOf(expression.source);
    if (from < 0) return [];
    return expressionEdits(expression).map((edit) => ({
      ...locator.expression(expression.source, edit.start)!,
      change: changeText(expression.source, edit),
      text: applyEdit(file.text, { ...edit, start: from + edit.start, end: from + edit.end }),
    }));
  });
  const effect = /^\/\/! (deny|warn): *(\S+)(?: +\d+)?/m.exec(file.text);
  if (effect === null) return mutants;
  const other = effect[1] === "deny" ? "warn" : "deny";
  const edit = { start: effect.index, end: effect.index + effect[0].length, replacement: `//! ${other}: ${effect[2]}` };
  const text = applyEdit(file.text, edit);
  return [...mutants, { ...locator.expression(file.text, effect.index)!, change: `${effect[1]} → ${other}`, text }];
}

interface ValueChange {
  readonly path: Path;
  /** Where it shows, when that is not where it is made. */
  readonly at?: Path;
  /** `undefined` takes it away. */
  readonly value: unknown;
  readonly change: string;
}

interface RuleShape {
  readonly then?: unknown;
  readonly status?: unknown;
  readonly modify?: readonly { readonly value?: unknown }[];
}

/** Changes of everything but expressions that decides something: effects, rules, gates, params, config. */
function valueChanges(content: Readonly<Record<string, unknown>>): ValueChange[] {
  const rules = (content.rules ?? []) as readonly RuleShape[];
  const gates = (content.match ?? []) as readonly unknown[];
  const params = Object.entries((content.params ?? {}) as Record<string, { readonly default?: unknown }>);
  return [
    ...rules.flatMap((rule, i) => [
      ...effectChanges(["rules", i], rule),
      ...(rule.modify ?? []).flatMap(({ value }, j) => changesOf(["rules", i, "modify", j, "value"], value)),
    ]),
    ...(rules.length > 1 ? dropEach(["rules"], rules, "the rule") : []),
    ...(gates.length === 1
      ? [{ path: ["match"], value: undefined, change: "the gate dropped" }]
      : dropEach(["match"], gates, "the gate")),
    ...params.flatMap(([name, param]) => changesOf(["params", name, "default"], param.default)),
    ...changesOf(["with"], content.with),
  ];
}

/** A status goes with a refusal alone. */
function effectChanges(path: Path, rule: RuleShape): ValueChange[] {
  const { then: effect, status: _, ...others } = rule;
  if (effect !== "deny" && effect !== "warn") return [];
  const other = effect === "deny" ? "warn" : "deny";
  // biome-ignore lint/suspicious/noThenProperty: the key is the file format's
  return [{ path, at: [...path, "then"], value: { ...others, then: other }, change: `${effect} → ${other}` }];
}

function dropEach(path: Path, list: readonly unknown[], what: string): ValueChange[] {
  return list.map((item, i) => ({
    path,
    at: [...path, i],
    value: list.filter((_, j) => j !== i),
    change: `${what} ${describe(item, i)} dropped`.trim(),
  }));
}

function describe(item: unknown, index: number): string {
  const id = (item as { readonly id?: unknown } | null)?.id;
  if (typeof id === "string") return `'${id}'`;
  return typeof item === "object" ? String(index + 1) : `'${item}'`;
}

/** Changes of data: numbers by one, switches turned, elements dropped. Texts are names, whose changes mean little. */
function changesOf(path: Path, value: unknown): ValueChange[] {
  const becomes = (...others: readonly (number | boolean)[]) =>
    others.map((other) => ({ path, value: other, change: `${value} → ${other}` }));
  if (typeof value === "boolean") return becomes(!value);
  if (typeof value === "number" && Number.isInteger(value)) return becomes(value - 1, value + 1);
  if (typeof value === "number") return becomes(rounded(value * 0.9), rounded(value * 1.1));
  if (Array.isArray(value)) {
    const inside = value.flatMap((item, i) => changesOf([...path, i], item));
    return [...dropEach(path, value, ""), ...inside];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => changesOf([...path, key], inner));
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function replaceAt(content: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(content)) return content.map((item, i) => (i === key ? replaceAt(item, rest, value) : item));
  const before = content as Readonly<Record<string, unknown>>;
  return { ...before, [key]: replaceAt(before[key], rest, value) };
}
