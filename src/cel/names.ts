import { type FactName, factCatalogue, factEntries, isFactName } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import { nearest, suggestion } from "../sdk/suggest.ts";
import { CelProblem } from "./checks.ts";
import type { CelData } from "./data.ts";

/** A typed value that the policy file declares under `params`. */
export interface CelParam {
  readonly type: ParamType;
  readonly value: ParamValue;
}

/** The types a param can have. */
export const paramTypes = ["string", "int", "double", "bool", "list<string>"] as const;
/** One of the {@link paramTypes}. */
export type ParamType = (typeof paramTypes)[number];
/** A param's value as YAML gives it; ints are JavaScript numbers. */
export type ParamValue = string | number | boolean | readonly string[];

const noData = "a *.data.yaml file in org/ or in the policy's own folder would name some";
/** Roots that are not facts. */
const declaredRoots = ["params", "vars", "data"];
const factRoots = new Set(factEntries.map(([name]) => name.split(".")[0]!));

/** What a name in an expression stands for. */
export type Meaning =
  | { readonly kind: "fact"; readonly fact: FactName }
  | { readonly kind: "param"; readonly name: string; readonly param: CelParam }
  | { readonly kind: "data"; readonly name: string; readonly data: CelData }
  | { readonly kind: "var"; readonly name: string };

/** The names that expressions of one policy can use in one phase. */
export class Names {
  readonly phase: Phase;
  readonly #params: Readonly<Record<string, CelParam>>;
  readonly #vars: ReadonlySet<string>;
  readonly #data: Readonly<Record<string, CelData>>;
  readonly #short: ReadonlyMap<string, FactName>;

  constructor(
    phase: Phase,
    params: Readonly<Record<string, CelParam>>,
    vars: Iterable<string>,
    data: Readonly<Record<string, CelData>> = {},
  ) {
    this.phase = phase;
    this.#params = params;
    this.#vars = new Set(vars);
    this.#data = data;
    this.#short = shortNames(phase);
  }

  /** Whether a macro's variable of this name would hide another name. */
  isTaken(name: string): boolean {
    return name === "now" || name === "re" || factRoots.has(name) || declaredRoots.includes(name) || anyShort.has(name);
  }

  /**
   * Resolves a name or dotted path.
   *
   * @throws CelProblem C002 for an unknown one, C003 for a fact of another phase
   */
  resolve(path: string, start: number, end: number): Meaning {
    const [root = "", field] = path.split(".");
    if (field === undefined) return this.#resolveShort(path, start, end);
    if (root === "params" && Object.hasOwn(this.#params, field)) {
      return { kind: "param", name: field, param: this.#params[field]! };
    }
    if (root === "vars" && this.#vars.has(field)) return { kind: "var", name: field };
    if (root === "data" && Object.hasOwn(this.#data, field)) {
      return { kind: "data", name: field, data: this.#data[field]! };
    }
    if (isFactName(path)) return this.#inPhase(path, path, start, end);
    throw this.#unknown(path, start, end);
  }

  /**
   * Finds named data by its name alone.
   *
   * @throws CelProblem C002 for an unknown one
   */
  resolveData(name: string, start: number, end: number): CelData {
    if (Object.hasOwn(this.#data, name)) return this.#data[name]!;
    const known = Object.keys(this.#data);
    const hint = known.length === 0 ? `; ${noData}` : suggestion(name, known);
    throw new CelProblem("C002", `there is no data named '${name}'${hint}`, start, end);
  }

  #resolveShort(name: string, start: number, end: number): Meaning {
    const fact = this.#short.get(name);
    if (fact !== undefined) return { kind: "fact", fact };
    if (isFactName(name)) return this.#inPhase(name, name, start, end);
    const elsewhere = anyShort.get(name);
    if (elsewhere !== undefined) return this.#inPhase(elsewhere, name, start, end);
    if (factRoots.has(name) || declaredRoots.includes(name)) {
      const example = this.#known().find((known) => known.startsWith(`${name}.`));
      const hint = example === undefined ? "" : `; read one of its fields, such as ${example}`;
      throw new CelProblem("C002", `'${name}' alone has no value${hint}`, start, end);
    }
    throw this.#unknown(name, start, end);
  }

  #inPhase(fact: FactName, written: string, start: number, end: number): Meaning {
    const { phases, short }: { phases: readonly Phase[]; short?: { phases: readonly Phase[] } } = factCatalogue[fact];
    const readable = written === fact ? phases : (short?.phases ?? phases);
    if (readable.includes(this.phase)) return { kind: "fact", fact };
    const where = readable.length === 1 ? `phase ${readable[0]}` : `phases ${readable.join(" and ")}`;
    throw new CelProblem("C003", `'${written}' can be read in ${where}, not in ${this.phase}`, start, end);
  }

  #unknown(path: string, start: number, end: number): CelProblem {
    const root = path.split(".")[0]!;
    if (root === "data" && Object.keys(this.#data).length === 0) {
      return new CelProblem("C002", `unknown name '${path}'; ${noData}`, start, end);
    }
    const known = this.#known();
    const word = rootless(path, known) ?? nearest(path, known);
    if (word !== undefined)
      return new CelProblem("C002", `unknown name '${path}'; did you mean '${word}'?`, start, end);
    const fields = known.filter((name) => name.startsWith(`${root}.`));
    const hint = fields.length > 0 ? `; known: ${fields.join(", ")}` : "";
    return new CelProblem("C002", `unknown name '${path}'${hint}`, start, end);
  }

  #known(): string[] {
    return [
      ...factEntries.filter(([, spec]) => spec.phases.includes(this.phase)).map(([name]) => name),
      ...this.#short.keys(),
      ...Object.keys(this.#params).map((name) => `params.${name}`),
      ...[...this.#vars].map((name) => `vars.${name}`),
      ...Object.keys(this.#data).map((name) => `data.${name}`),
    ];
  }
}

/** The names that a word was meant to be whose root was left out; what the policy declares is meant before facts. */
function rootless(word: string, known: readonly string[]): string | undefined {
  const meant = known.filter((name) => name.endsWith(`.${word}`));
  const declared = meant.find((name) => declaredRoots.includes(name.split(".")[0]!));
  return declared ?? (meant.length === 0 ? undefined : meant.join("' or '"));
}

function shortNames(phase?: Phase): ReadonlyMap<string, FactName> {
  const names = new Map<string, FactName>();
  for (const [fact, { short }] of factEntries) {
    if (short !== undefined && (phase === undefined || short.phases.includes(phase))) names.set(short.name, fact);
  }
  return names;
}

const anyShort = shortNames();
