import type { ClauseValue } from "../core/explain.ts";
import type { Facts } from "../core/facts.ts";
import { children, type Node } from "./ast.ts";
import type { CelScope } from "./bindings.ts";
import { type CelValue, type CompiledCel, celText, createCel } from "./cel.ts";
import { VariableFailure } from "./failure.ts";
import { type Slice, sliceOf } from "./slices.ts";

// Parts are compiled when somebody looks at them, never on a request's path; so they share one compiler.
let compiler: ReturnType<typeof createCel> | undefined;
const compiledParts = new WeakMap<CompiledCel, Map<number, CompiledCel | null>>();

/**
 * Every smallest boolean part of a condition that can be true and false: comparisons, calls, macros as a whole and
 * boolean names, in the order of their places. What is the same for every request, such as a param, is no such part.
 */
export function branchesOf(condition: CompiledCel): readonly Slice[] {
  const branches: Slice[] = [];
  collect(condition.tree);
  return branches;

  function collect(node: Node): void {
    const connects = isConnective(node);
    if (!connects && isBool(node) && varies(node)) branches.push(sliceOf(node));
    // `request.stream == false` says as much of `request.stream` as that would itself.
    for (const part of operandsOf(node)) if (connects || part.op !== "id") collect(part);
  }
}

/**
 * What a condition and its parts came to with these facts. What CEL would not evaluate, such as the right side of
 * `false && x`, is not evaluated and not there.
 *
 * @param scope the policy's, when the condition may read its variables
 */
export function clausesOf(condition: CompiledCel, facts: Facts, scope?: CelScope): ClauseValue {
  return toClause(evaluate(condition.tree));

  function evaluate(node: Node): Evaluated {
    const slice = sliceOf(node);
    switch (node.op) {
      case "&&":
      case "||":
        return evaluateChain(slice, chainOf(node, node.op), node.op === "||");
      case "!_": {
        const inner = evaluate(node.args as Node);
        return { slice, clauses: [inner], outcome: inner.outcome.ok ? value(!inner.outcome.value) : inner.outcome };
      }
      case "?:": {
        const [test, yes, no] = node.args as [Node, Node, Node];
        const tested = evaluate(test);
        if (!tested.outcome.ok) return { slice, clauses: [tested], outcome: tested.outcome };
        const taken = evaluate(tested.outcome.value ? yes : no);
        return { slice, clauses: [tested, taken], outcome: taken.outcome };
      }
      default: {
        const clauses = partsOf(node).map(evaluate);
        const telling = clauses.filter(({ outcome }) => outcome !== silent);
        return { slice, clauses: telling, outcome: evaluateWhole(node) };
      }
    }
  }

  /** An operand that fails is forgotten when a later one decides, as CEL demands. */
  function evaluateChain(slice: Slice, operands: readonly Node[], decisive: boolean): Evaluated {
    const clauses: Evaluated[] = [];
    let failure: Outcome | undefined;
    for (const operand of operands) {
      const clause = evaluate(operand);
      clauses.push(clause);
      if (!clause.outcome.ok) failure ??= clause.outcome;
      else if (clause.outcome.value === decisive) return { slice, clauses, outcome: clause.outcome };
    }
    return { slice, clauses, outcome: failure ?? value(!decisive) };
  }

  function evaluateWhole(node: Node): Outcome {
    const part = node === condition.tree ? condition : compilePart(condition, node);
    if (part === null) return silent;
    try {
      return value(part.value(facts, scope));
    } catch (error) {
      return { ok: false, error: reasonOf(error) };
    }
  }
}

/** The names of the policy's variables that a part of a condition reads. */
export function variablesIn(condition: CompiledCel, { text }: Pick<Slice, "text">): readonly string[] {
  return condition.vars.filter((name) => new RegExp(`\\bvars\\s*\\.\\s*${name}\\b`).test(text));
}

type Outcome =
  | { readonly ok: true; readonly value: CelValue }
  | { readonly ok: false; readonly error: string }
  | typeof silent;

/** Of a part that has no value of its own, such as the address block of `inCidr`. */
const silent = { ok: false, error: "not a value" } as const;

interface Evaluated {
  readonly slice: Slice;
  readonly outcome: Outcome;
  readonly clauses: readonly Evaluated[];
}

function value(known: CelValue): Outcome {
  return { ok: true, value: known };
}

function toClause({ slice, outcome, clauses }: Evaluated): ClauseValue {
  return {
    ...slice,
    value: outcome.ok ? celText(outcome.value) : null,
    ...(!outcome.ok && { error: outcome.error }),
    clauses: clauses.map(toClause),
  };
}

function compilePart(condition: CompiledCel, node: Node): CompiledCel | null {
  let parts = compiledParts.get(condition);
  if (parts === undefined) {
    parts = new Map();
    compiledParts.set(condition, parts);
  }
  const { text, start } = sliceOf(node);
  // Two parts may begin at one place; none of them are equally long.
  const key = start * 65_536 + text.length;
  let part = parts.get(key);
  if (part === undefined) {
    compiler ??= createCel();
    try {
      part = compiler.compile(text, condition.phase, condition.names);
    } catch {
      // What has no value outside its place, such as a pattern.
      part = null;
    }
    parts.set(key, part);
  }
  return part;
}

/** The operands of a chain of one operator, however it is nested. */
function chainOf(node: Node, op: string): readonly Node[] {
  return node.op === op ? (node.args as Node[]).flatMap((operand) => chainOf(operand, op)) : [node];
}

/**
 * The parts of a part that have a value once. Of a path there are none: `request.headers.x` is one name. The body of a
 * macro has a value for each element.
 */
function operandsOf(node: Node): readonly Node[] {
  if (node.op === "." || node.op === "[]" || isCall(node, "has")) return [];
  return isMacro(node) ? [receiverOf(node)] : children(node);
}

/** The parts whose values tell why a part has its own. */
function partsOf(node: Node): readonly Node[] {
  // Compiling put the values of params in the place of their names; a literal tells nothing that is not written.
  return operandsOf(node).filter((part) => varies(part) || /\bparams\b/.test(sliceOf(part).text));
}

function isConnective(node: Node): boolean {
  return ["&&", "||", "!_", "?:"].includes(node.op);
}

function isBool(node: Node): boolean {
  return node.checkedType?.name === "bool";
}

function isMacro(node: Node): boolean {
  return node.op === "rcall" && node.meta.alternate !== undefined;
}

function receiverOf(node: Node): Node {
  return (node.args as [string, Node])[1];
}

function isCall(node: Node, name: string): boolean {
  return node.op === "call" && (node.args as [string])[0] === name;
}

function varies(node: Node): boolean {
  return node.op === "id" || children(node).some(varies);
}

/** Never the library's own message: it may hold values of the request. */
function reasonOf(error: unknown): string {
  if (error instanceof VariableFailure) return error.message;
  const code = (error as { readonly code?: unknown }).code;
  return typeof code === "string" && /^[a-z_]+$/.test(code) ? code.replaceAll("_", " ") : "it could not be evaluated";
}
