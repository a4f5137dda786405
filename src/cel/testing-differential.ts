import { emptyFacts, type Facts, factEntries } from "../core/facts.ts";
import { phases } from "../core/phases.ts";
import { type CelNames, type CompiledCel, createCel } from "./cel.ts";
import { CelProblem } from "./checks.ts";
import { Chance, ExpressionMaker, type ExpressionType, oddFact, oddTexts } from "./testing-expressions.ts";

/** What a comparison of generated code with the library came to. */
export interface Comparison {
  /** Expressions that ran as generated code. */
  readonly generated: number;
  /** Expressions that only the library takes, so there was nothing to compare. */
  readonly interpreted: number;
  /** Texts that were no acceptable expression. */
  readonly refused: number;
  readonly evaluations: number;
  readonly failures: number;
  readonly differences: readonly string[];
}

const types: readonly ExpressionType[] = [
  "bool",
  "bool",
  "bool",
  "int",
  "double",
  "string",
  "list<string>",
  "list<int>",
];
const params = {
  cap: { type: "int", value: 2_000 },
  names: { type: "list<string>", value: [...oddTexts].map((text) => text.toWellFormed()) },
  share: { type: "double", value: 0.5 },
  word: { type: "string", value: "user" },
  strict: { type: "bool", value: true },
} as const;
const data = {
  sizes: { type: "list<int>", value: [0, 7, 2_000, 2 ** 31] },
  prices: { type: "map<string, int>", value: { user: 3, a: -1 } },
} as const;
const named = [
  ...Object.entries(params).map(([name, { type }]) => [`params.${name}`, type] as const),
  ["data.sizes", "list<int>"],
  ["data.prices", "map<string, int>"],
] as const;

/**
 * Makes random well-typed expressions until so many ran as generated code, and evaluates each, on facts that are
 * random too, as generated code and by the library.
 *
 * @param contexts facts that each expression is evaluated on
 */
export function compareWithLibrary(seed: number, wanted: number, contexts = 3): Comparison {
  const chance = new Chance(seed);
  const compiler = createCel();
  const library = createCel({ interpret: true });
  const count = { generated: 0, interpreted: 0, refused: 0, evaluations: 0, failures: 0 };
  const differences: string[] = [];

  while (count.generated < wanted) compareSome();
  return { ...count, differences };

  /** Some expressions of one policy: with the same variables, which they can read. */
  function compareSome(): void {
    const phase = chance.pick(phases);
    const own = new Map<string, CompiledCel>();
    const reference = new Map<string, CompiledCel>();
    const extra: (readonly [string, ExpressionType])[] = [...named];
    const both = (source: string) => {
      const names: CelNames = { params, data };
      const made = compiler.compile(source, phase, { ...names, vars: new Map(own) });
      return [made, library.compile(source, phase, { ...names, vars: new Map(reference) })] as const;
    };

    for (let i = 0; i < 4; i += 1) {
      const type = chance.pick(types);
      const [made, expected] = attempt(() => both(new ExpressionMaker(chance, { phase, extra }).make(type, 2))) ?? [];
      if (made === undefined || made.type !== type) continue;
      own.set(`v${i}`, made);
      reference.set(`v${i}`, expected!);
      extra.push([`vars.v${i}`, type]);
    }
    const scopes = compiler.scopes(own);
    const referenceScopes = library.scopes(reference);
    for (let i = 0; i < 24; i += 1) {
      const type = chance.pick(types);
      const source = new ExpressionMaker(chance, { phase, extra }).make(type, 1 + chance.below(4));
      const pair = attempt(() => both(source));
      if (pair === undefined) {
        count.refused += 1;
        continue;
      }
      const [made, expected] = pair;
      if (!made.generated) {
        count.interpreted += 1;
        continue;
      }
      count.generated += 1;
      for (let c = 0; c < contexts; c += 1) {
        const facts = oddFacts();
        const got = outcome(() => made.value(facts, scopes(facts)));
        const wanted = outcome(() => expected.value(facts, referenceScopes(facts)));
        count.evaluations += 1;
        if (got === failed) count.failures += 1;
        if (got === wanted) continue;
        const variables = [...own].map(([name, { source }]) => `${name} = ${source}`).join("; ");
        differences.push(`${source}\n  with ${variables}\n  on ${show(facts)}\n  is ${got}, by the library ${wanted}`);
      }
    }
  }

  function oddFacts(): Facts {
    const facts = emptyFacts() as unknown as Record<string, Record<string, unknown> | unknown>;
    for (const [name, spec] of factEntries) {
      const [root, field] = name.split(".") as [string, string | undefined];
      const value = oddFact(chance, name, spec);
      if (field === undefined) facts[root] = value;
      else (facts[root] as Record<string, unknown>)[field] = value;
    }
    return facts as unknown as Facts;
  }
}

const failed = "a failure";

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof CelProblem) return undefined;
    throw error;
  }
}

function outcome(run: () => unknown): string {
  try {
    return show(run());
  } catch {
    return failed;
  }
}

/** A value as a text that tells values apart: ints from doubles, zero from minus zero. */
function show(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === "bigint") return `${part} int`;
    if (typeof part === "number") return Object.is(part, -0) ? "-0" : String(part);
    return part;
  });
}
