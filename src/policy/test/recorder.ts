import type { CelScope } from "../../cel/bindings.ts";
import type { Cel, CelNames, CompiledCel } from "../../cel/cel.ts";
import { branchesOf, clausesOf } from "../../cel/clauses.ts";
import type { Slice } from "../../cel/slices.ts";
import type { ClauseValue } from "../../core/explain.ts";
import type { Facts } from "../../core/facts.ts";

/** A boolean part of an expression, and what tests have seen it come to. */
export interface SeenBranch extends Slice {
  true: boolean;
  false: boolean;
}

/** An expression that decides something: a gate, a rule's condition, a variable, one in a policy type's config. */
export interface RecordedExpression {
  /** As the file has it. */
  readonly cel: CompiledCel;
  readonly branches: readonly SeenBranch[];
}

/** A compiler whose expressions note what their parts come to. */
export interface Recorder {
  readonly cel: Cel;
  /** What was compiled with it and decides something, in that order; not what only stands in messages. */
  readonly expressions: () => readonly RecordedExpression[];
}

/**
 * Wraps a compiler. Every expression that is evaluated is afterwards looked at part by part, so short circuits count:
 * what CEL does not evaluate was not seen.
 */
export function createRecorder(cel: Cel): Recorder {
  const recorded = new Map<CompiledCel, RecordedExpression>();
  const originals = new WeakMap<CompiledCel, CompiledCel>();

  function wrap(original: CompiledCel): CompiledCel {
    const observed = <T>(evaluate: () => T, facts: Facts, scope: CelScope | undefined): T => {
      try {
        return evaluate();
      } finally {
        const expression = recorded.get(original);
        if (expression !== undefined) note(expression, clausesOf(original, facts, scope));
      }
    };
    const wrapped: CompiledCel = {
      ...original,
      test: (facts, scope) => observed(() => original.test(facts, scope), facts, scope),
      value: (facts, scope) => observed(() => original.value(facts, scope), facts, scope),
      compute: (facts, scope) => observed(() => original.compute(facts, scope), facts, scope),
    };
    originals.set(wrapped, original);
    return wrapped;
  }

  function record(wrapped: CompiledCel): CompiledCel {
    const original = originals.get(wrapped);
    if (original !== undefined && !recorded.has(original)) {
      const branches = branchesOf(original).map((branch) => ({ ...branch, true: false, false: false }));
      recorded.set(original, { cel: original, branches });
    }
    return wrapped;
  }

  /** Whatever is handed on as a variable is one, and decides what its readers decide. */
  function recordVariables(names: CelNames | undefined): void {
    for (const variable of names?.vars?.values() ?? []) record(variable);
  }

  return {
    cel: {
      ...cel,
      compile(source, phase, names) {
        recordVariables(names);
        return wrap(cel.compile(source, phase, names));
      },
      condition(source, phase, names) {
        recordVariables(names);
        return record(wrap(cel.condition(source, phase, names)));
      },
      scopes(variables) {
        for (const variable of variables.values()) record(variable);
        return cel.scopes(variables);
      },
    },
    expressions: () => asWritten([...recorded.values()]),
  };
}

const negation = /^!\(([\s\S]*)\n\)$/;

/** What a `.cel` file says must be true is asked as its opposite, which nobody has written. */
function asWritten(expressions: readonly RecordedExpression[]): RecordedExpression[] {
  const opposites = new Map(expressions.map((expression) => [negation.exec(expression.cel.source)?.[1], expression]));
  const written = new Set(expressions.map(({ cel }) => cel.source));
  return expressions.flatMap(({ cel, branches }) => {
    const inner = negation.exec(cel.source)?.[1];
    if (inner !== undefined && written.has(inner)) return [];
    const opposite = opposites.get(cel.source);
    if (opposite === undefined) return [{ cel, branches }];
    const moved = opposite.branches.map((branch) => ({ ...branch, start: branch.start - 2, end: branch.end - 2 }));
    return [{ cel, branches: moved }];
  });
}

function note(expression: RecordedExpression, clause: ClauseValue): void {
  const { branches } = expression;
  const branch = branches.find(({ start, end }) => start === clause.start && end === clause.end);
  if (branch !== undefined && clause.value === "true") branch.true = true;
  if (branch !== undefined && clause.value === "false") branch.false = true;
  for (const inner of clause.clauses) note(expression, inner);
}
