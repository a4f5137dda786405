import { Duration } from "@marcbachmann/cel-js/evaluator";
import type { FactName, Facts } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import { type Admitted, admit } from "./admit.ts";
import { type Node, type Overlay, overlayOf, treeOf } from "./ast.ts";
import { CelScope, type ScopeFactory, scopeFactory } from "./bindings.ts";
import { CelProblem } from "./checks.ts";
import { type Bound, boundOf, maxSteps } from "./cost.ts";
import type { CelData } from "./data.ts";
import { createEnvironments } from "./environment.ts";
import { generate } from "./generate.ts";
import { type CelParam, Names } from "./names.ts";
import { readName } from "./readers.ts";
import { rises } from "./rises.ts";
import { makeStrict } from "./strict.ts";
import { spanText } from "./time.ts";
import { translate } from "./translate.ts";
import { inside, outside } from "./types.ts";

/** Largest source of one expression, in bytes. */
export const maxSourceBytes = 4_096;

/** A value that an expression can have; ints are BigInts. */
export type CelValue = string | bigint | number | boolean | Date | object;

/** Names of the policy that an expression belongs to. */
export interface CelNames {
  readonly params?: Readonly<Record<string, CelParam>>;
  /** The policy's variables declared so far. */
  readonly vars?: ReadonlyMap<string, CompiledCel>;
  /** Named lists and tables of the policies folder. */
  readonly data?: Readonly<Record<string, CelData>>;
}

/** An expression that was checked and can be evaluated. Synchronous and pure. */
export interface CompiledCel {
  readonly source: string;
  /** The CEL type of its value. */
  readonly type: string;
  /** Every fact it needs, those of its variables included. */
  readonly reads: readonly FactName[];
  /** The variables it reads itself. */
  readonly vars: readonly string[];
  readonly params: readonly string[];
  /** The most it can cost for one request, and the most its value can hold. */
  readonly bound: Bound;
  /** What it was compiled for and with, and its checked tree: for whoever looks at its parts. */
  readonly phase: Phase;
  readonly names: CelNames;
  readonly tree: Node;
  /** Whether it runs as generated code; what that does not take, the library evaluates. */
  readonly generated: boolean;
  /** Whether raising this fact can never turn it from true to false, or make its value smaller. */
  risesWith(fact: FactName): boolean;
  /**
   * Whether a condition is true. Give the policy's scope when the expression may read its variables.
   *
   * @throws when it cannot be evaluated, or a variable it reads cannot
   */
  test(facts: Facts, scope?: CelScope): boolean;
  /** The value; throws as {@link CompiledCel.test} does. */
  value(facts: Facts, scope?: CelScope): CelValue;
  /** The value as compiled expressions hold it, for scopes: ints are numbers where that is exact. */
  compute(facts: Facts, scope?: CelScope): unknown;
}

/** Compiles expressions. The one place that knows the CEL library. */
export interface Cel {
  /**
   * Compiles an expression of any type.
   *
   * @throws CelProblem with the first thing that is wrong
   */
  compile(source: string, phase: Phase, names?: CelNames): CompiledCel;
  /** Compiles an expression that must be a bool and depend on the request. Throws as {@link Cel.compile} does. */
  condition(source: string, phase: Phase, names?: CelNames): CompiledCel;
  /** Makes the scopes in which expressions of a policy with these variables are evaluated. */
  scopes(variables: ReadonlyMap<string, CompiledCel>): ScopeFactory;
}

const noVars: ReadonlyMap<string, CompiledCel> = new Map();
const opaque = new Set(["dyn", "null", "type", "LinearRegex", "GlobPattern", "AddressBlock", "TextSet", "NumberSet"]);

/**
 * Makes a compiler; its environments are shared by everything it compiles.
 *
 * @param options.interpret to let the library evaluate everything, for tests that compare
 */
export function createCel({ interpret = false }: { readonly interpret?: boolean } = {}): Cel {
  const environments = createEnvironments();

  return {
    compile: (source, phase, names = {}) => build(source, phase, names, false),
    condition: (source, phase, names = {}) => build(source, phase, names, true),
    scopes: scopeFactory,
  };

  function build(source: string, phase: Phase, names: CelNames, condition: boolean): CompiledCel {
    const bytes = Buffer.byteLength(source);
    if (bytes > maxSourceBytes) {
      throw new CelProblem(
        "C006",
        `${bytes} bytes of CEL are too many; the most is ${maxSourceBytes}`,
        0,
        source.length,
      );
    }
    try {
      return compileChecked(source, phase, names, condition);
    } catch (error) {
      throw translate(error, source);
    }
  }

  function compileChecked(source: string, phase: Phase, names: CelNames, condition: boolean): CompiledCel {
    const vars = names.vars ?? noVars;
    let env = environments[phase];
    if (vars.size > 0) {
      env = env.clone();
      for (const [name, variable] of vars) env.registerVariable(`vars.${name}`, variable.type);
    }
    const program = env.parse(source);
    const tree = treeOf(program);
    const admitted = admit(tree, new Names(phase, names.params ?? {}, vars.keys(), names.data));

    const checked = program.check();
    if (!checked.valid) throw checked.error;
    makeStrict(tree);
    const type = checked.type ?? "dyn";
    if (opaque.has(type)) throw new CelProblem("C004", `a value of type ${type} is of no use here`, 0, source.length);
    if (condition) checkCondition(source, type, admitted);

    const bounds = new Map([...vars].map(([name, variable]) => [name, variable.bound]));
    const bound = boundOf(tree, bounds);
    if (bound.steps > maxSteps) {
      const steps = Math.ceil(bound.steps).toLocaleString("en-US");
      const most = maxSteps.toLocaleString("en-US");
      throw new CelProblem("C007", `could take ${steps} steps for one request; the most is ${most}`, 0, source.length);
    }
    return finish({ source, type, phase, names, tree, bound }, program, admitted, vars, interpret);
  }
}

function checkCondition(source: string, type: string, { varies, params, facts, vars }: Admitted): void {
  if (type !== "bool")
    throw new CelProblem("C005", `a condition must be a bool, this is ${article(type)}`, 0, source.length);
  if (!varies || (facts.size === 0 && vars.size === 0 && params.size === 0)) {
    throw new CelProblem("C008", `'${source.trim()}' is the same for every request`, 0, source.length);
  }
}

function finish(
  known: Pick<CompiledCel, "source" | "type" | "phase" | "names" | "tree" | "bound">,
  program: (context: object) => unknown,
  admitted: Admitted,
  vars: ReadonlyMap<string, CompiledCel>,
  interpret: boolean,
): CompiledCel {
  const own = [...admitted.vars];
  const generated = interpret ? null : (generate(known.tree, readName) as Evaluate | null);
  const compute = withScope(own, generated ?? interpreted(known.type, program, admitted));
  const convert = outside(known.type);
  return {
    ...known,
    generated: generated !== null,
    reads: [...new Set([...admitted.facts, ...own.flatMap((name) => vars.get(name)!.reads)])],
    vars: own,
    params: [...admitted.params],
    risesWith: (fact) => rises(known.tree, fact, (name) => vars.get(name)!),
    // The checker has seen to it that a bool is one.
    test: known.type === "bool" ? (compute as CompiledCel["test"]) : refuseTest,
    value: (facts, scope) => convert(compute(facts, scope)) as CelValue,
    compute,
  };
}

type Evaluate = (facts: Facts, scope?: CelScope) => unknown;

/** Without a scope there are no variables, which is a failure of what reads them. */
function withScope(vars: readonly string[], evaluate: Evaluate): Evaluate {
  return vars.length === 0 ? evaluate : (facts, scope = new CelScope(facts)) => evaluate(facts, scope);
}

function refuseTest(): never {
  throw new Error("a condition gave neither true nor false");
}

/** Evaluation by the library, of what there is no generated code for. */
function interpreted(type: string, program: (context: object) => unknown, { macros, vars }: Admitted): Evaluate {
  const overlays = macros.map(overlayOf).filter((overlay) => overlay !== undefined);
  const run = overlays.length === 0 ? program : (context: object) => runAndRelease(program, context, overlays);
  const convert = inside(type);
  const scoped = vars.size === 0;
  return (facts, scope) => {
    const result = scoped ? run(new CelScope(facts)) : runWatched(run, scope!);
    if (type === "bool" && typeof result !== "boolean") return refuseTest();
    return convert(result);
  };
}

/**
 * Evaluates, then makes the macros forget what they saw: their expansions would hold this request's facts until their
 * next evaluation, and prompts would stay in memory.
 */
function runAndRelease(program: (context: object) => unknown, context: object, overlays: readonly Overlay[]): unknown {
  try {
    return program(context);
  } finally {
    for (const overlay of overlays) {
      overlay.reuse(undefined);
      overlay.iterValue = undefined;
      overlay.accuValue = undefined;
    }
  }
}

/** Evaluates an expression that reads variables: one that fails, fails the expression. */
function runWatched(run: (context: object) => unknown, scope: CelScope): unknown {
  // A variable is itself evaluated in the middle of another expression, whose failure must not be forgotten.
  const outer = scope.failure;
  scope.failure = undefined;
  try {
    const result = run(scope);
    if (scope.failure !== undefined) throw scope.failure;
    return result;
  } finally {
    scope.failure = outer;
  }
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** A value as text for messages. */
export function celText(value: CelValue): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Duration) return spanText(value);
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) return JSON.stringify(value);
  return String(value);
}
