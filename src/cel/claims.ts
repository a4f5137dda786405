import { type FactName, type FactSpec, factCatalogue, isFactName } from "../core/facts.ts";
import { children, type Node } from "./ast.ts";
import type { CompiledCel } from "./cel.ts";
import { type Slice, sliceOf } from "./slices.ts";

/** A part of a condition that callers decide by what they say of themselves. */
export interface Claim extends Slice {
  readonly fact: FactName;
  /** It holds for whoever does not say a certain thing: `user.id != "admin"`, `!(x in list)`. */
  readonly isExemption: boolean;
  /** It holds for whoever asks for more than a number, and not for whoever asks for nothing: `max_tokens_requested > 5`. */
  readonly isThreshold: boolean;
}

/** One of the parts that must all hold, with what of it callers decide. */
export interface Conjunct {
  /** What of it is a claim; the whole of it when nothing else is in it. */
  readonly claims: readonly Claim[];
  readonly isClaim: boolean;
}

interface Atom {
  readonly node: Node;
  readonly negated: boolean;
  /** The part of the condition itself that it is in, where it stands in a variable. */
  readonly shown: Node;
}

/**
 * Takes a condition apart into the parts that must all hold for it to be true, each an alternative of smallest parts, and
 * says which of those the caller decides: whoever can make all of one part false makes the condition false.
 *
 * @param negated to take apart what holds when the condition does not
 */
export function conjunctsOf(
  { tree, names }: Pick<CompiledCel, "tree" | "names">,
  negated = false,
): readonly Conjunct[] {
  const variables = names.vars ?? new Map<string, CompiledCel>();
  return all({ node: tree, negated, shown: tree }).map((atoms) => {
    const claims = atoms.map(claimOf);
    return { claims: claims.filter((claim) => claim !== null), isClaim: claims.every((claim) => claim !== null) };
  });

  /** The parts that must all hold, each as its alternatives. */
  function all(atom: Atom): readonly (readonly Atom[])[] {
    const inner = opened(atom);
    if (inner === null) return [[atom]];
    return inner.op === "&&" ? inner.parts.flatMap(all) : [inner.parts.flatMap(any)];
  }

  /** The smallest parts of an alternative, however they are joined. */
  function any(atom: Atom): readonly Atom[] {
    const inner = opened(atom);
    return inner === null ? [atom] : inner.parts.flatMap(any);
  }

  function opened({
    node,
    negated,
    shown,
  }: Atom): { readonly op: "&&" | "||"; readonly parts: readonly Atom[] } | null {
    // What stands in a variable is shown where the variable is read.
    const part = (inner: Node, not: boolean): Atom => ({
      node: inner,
      negated: not,
      shown: shown === node ? inner : shown,
    });
    switch (node.op) {
      case "&&":
      case "||": {
        const op = (node.op === "&&") === negated ? "||" : "&&";
        return { op, parts: (node.args as Node[]).map((inner) => part(inner, negated)) };
      }
      case "!_":
        return { op: "&&", parts: [part(node.args as Node, !negated)] };
      case "id": {
        const variable = variableOf(node);
        if (variable === undefined || variable.type !== "bool") return null;
        return { op: "&&", parts: [{ node: variable.tree, negated, shown }] };
      }
      default:
        return null;
    }
  }

  function claimOf({ node, negated, shown }: Atom): Claim | null {
    const fact = claimIn(node);
    if (fact === null) return null;
    const present = isPresence(node);
    const isExemption = !present && negated !== (node.op === "!=");
    return { ...sliceOf(shown), fact, isExemption, isThreshold: !negated && isThreshold(node) };
  }

  function claimIn(node: Node): FactName | null {
    if (node.op !== "id")
      return (
        children(node)
          .map(claimIn)
          .find((fact) => fact !== null) ?? null
      );
    const variable = variableOf(node);
    if (variable !== undefined) return claimIn(variable.tree);
    const name = node.args as string;
    return isFactName(name) && (factCatalogue[name] as FactSpec).claim === true ? name : null;
  }

  function variableOf(node: Node): CompiledCel | undefined {
    const name = node.op === "id" ? (node.args as string) : "";
    return name.startsWith("vars.") ? variables.get(name.slice("vars.".length)) : undefined;
  }
}

/** Whether a part asks only if anything is said at all: `has(…)`, `"x" in headers`, `user.id == ""`, `… > 0`. */
function isPresence(node: Node): boolean {
  if (node.op === "call" && (node.args as [string])[0] === "has") return true;
  const [left, right] = children(node);
  if (node.op === "in") return right?.op === "id";
  return [left, right].some((part) => part?.op === "value" && (part.args === "" || part.args === 0n));
}

function isThreshold(node: Node): boolean {
  const [left, right] = children(node);
  return (
    ((node.op === ">" || node.op === ">=") && left?.op === "id") ||
    ((node.op === "<" || node.op === "<=") && right?.op === "id")
  );
}
