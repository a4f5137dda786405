import { Value } from "@sinclair/typebox/value";
import { type FactName, type FactSpec, factCatalogue, factEntries, isFactName } from "../../core/facts.ts";
import { describeSchema, describeValue } from "../../sdk/describe.ts";
import { suggestion } from "../../sdk/suggest.ts";
import type { Path, PolicyDocument } from "../document.ts";
import { factSchema } from "../fact-schema.ts";

/** Most combinations of one matrix. */
const maxCombinations = 10_000;

/** A fact, or one key of a fact that is a map: what `app.labels.tier` means. */
export interface FactPath {
  readonly fact: FactName;
  readonly key?: string;
}

/** One combination of a matrix: in the order of its paths. */
export type Combination = readonly { readonly path: FactPath; readonly value: unknown }[];

/**
 * Every combination of a case's matrix; one empty combination without a matrix. Unknown paths and values of another
 * type are noted in the document.
 */
export function combinationsOf(
  matrix: Readonly<Record<string, readonly unknown[]>>,
  document: PolicyDocument,
  at: Path,
): readonly Combination[] {
  const axes: { path: FactPath; values: readonly unknown[] }[] = [];
  for (const [name, values] of Object.entries(matrix)) {
    const path = factPath(name);
    if (path === null) {
      const known = factEntries.map(([fact]) => fact);
      document.report("C091", [...at, name], `'${name}' is not a fact${suggestion(name, known)}`, "key");
      continue;
    }
    const schema = schemaOf(path);
    for (const [i, value] of values.entries()) {
      if (Value.Check(schema, value)) continue;
      const message = `expected ${describeSchema(schema)}, got ${describeValue(value)}`;
      document.report("C023", [...at, name, i], message);
    }
    axes.push({ path, values });
  }
  const count = axes.reduce((product, { values }) => product * values.length, 1);
  if (count > maxCombinations) {
    document.report("C091", at, `${count} combinations are too many; the most is ${maxCombinations}`, "key");
    return [];
  }
  let combinations: Combination[] = [[]];
  for (const { path, values } of axes) {
    combinations = combinations.flatMap((before) => values.map((value) => [...before, { path, value }]));
  }
  return combinations;
}

/** A combination as it stands behind a case's name. */
export function combinationText(combination: Combination): string {
  if (combination.length === 0) return "";
  const parts = combination.map(({ path, value }) => {
    const name = path.key === undefined ? path.fact : `${path.fact}.${path.key}`;
    return `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`;
  });
  return ` (${parts.join(", ")})`;
}

function factPath(name: string): FactPath | null {
  if (isFactName(name)) return { fact: name };
  const [root, field, ...key] = name.split(".");
  const fact = `${root}.${field}`;
  return isFactName(fact) && key.length > 0 && isMap(fact) ? { fact, key: key.join(".") } : null;
}

function isMap(fact: FactName): boolean {
  return factCatalogue[fact].type.startsWith("map");
}

function schemaOf({ fact, key }: FactPath) {
  const spec: FactSpec = factCatalogue[fact];
  return factSchema(key === undefined ? spec : { type: "string", doc: spec.doc });
}
