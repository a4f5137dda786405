import { factCatalogue, isFactName } from "../core/facts.ts";
import { type CheckedType, children, type Node } from "./ast.ts";
import { CelProblem } from "./checks.ts";
import { GlobPattern, type LinearRegex, regexMethod } from "./functions.ts";
import { factSize } from "./sizes.ts";
import { DURATION } from "./types.ts";

/** Most steps that one rule may take for one request, its variables included; a step is some 0.2 µs. */
export const maxSteps = 100_000;
/** Most steps that all rules together may take that one request can meet in one phase. */
export const maxPhaseSteps = 1_000_000;
/** Macros inside macros. */
const maxNesting = 2;
/** Characters that a text function gets through in one step. */
const charactersPerStep = 64;
/** The same of functions that look at each character by itself. */
const slowCharactersPerStep = 16;
const slowFunctions = new Set(["quickSize", "asciiLower", "asciiUpper"]);
/** Pairs of characters that a search from the end compares in one step. */
const pairsPerStep = 512;
/** Steps of looking up an address. */
const addressSteps = 8;
/** Steps of computing with times. */
const timeSteps = 4;

/** How much an expression can take at most, and how large its value can be. */
export interface Bound {
  readonly steps: number;
  /** Characters of a text, elements of a list or map; 1 for everything else. */
  readonly size: number;
  /** The same of each element. */
  readonly element: number;
}

const scalar = { size: 1, element: 1 };
/** Of an element's own elements, where a list holds lists: an expression has to make those itself. */
const nested = 1_024;

/**
 * An upper bound of the work that evaluating a checked tree can be, from the sizes the catalogue declares.
 *
 * @param variables bounds of the variables it may read; their own work is added once for each
 * @throws CelProblem C007 when macros are nested too deeply
 */
export function boundOf(root: Node, variables: ReadonlyMap<string, Bound>): Bound {
  const counted = new Set<string>();
  return measure(root, new Map(), 0);

  function measure(node: Node, bound: ReadonlyMap<string, Bound>, depth: number): Bound {
    const parts = (nodes: readonly Node[]) => nodes.map((part) => measure(part, bound, depth));
    switch (node.op) {
      case "value":
        return { steps: 1, ...sizeOfValue(node.args) };
      case "id":
        return bound.get(node.args as string) ?? nameBound(node.args as string);
      case ".": {
        const map = measure((node.args as [Node, string])[0], bound, depth);
        return { steps: map.steps + 1, size: map.element, element: nestedSize(node.checkedType) };
      }
      case "[]": {
        const [list, index] = parts(node.args as Node[]) as [Bound, Bound];
        const element = nestedSize(node.checkedType);
        return { steps: list.steps + index.steps + 1, size: list.element, element };
      }
      case "call":
        return callBound(node, parts((node.args as [string, Node[]])[1]));
      case "rcall":
        return methodBound(node, bound, depth);
      case "list": {
        const elements = parts(node.args as Node[]);
        return { steps: sum(elements) + 1, size: elements.length, element: largest(elements) };
      }
      case "map": {
        const entries = parts((node.args as [Node, Node][]).flat());
        return { steps: sum(entries) + 1, size: entries.length / 2, element: largest(entries) };
      }
      case "!_":
      case "-_":
        return { ...scalar, steps: measure(node.args as Node, bound, depth).steps + 1 };
      case "?:": {
        const [test, yes, no] = parts(node.args as Node[]) as [Bound, Bound, Bound];
        return {
          steps: test.steps + yes.steps + no.steps + 1,
          size: Math.max(yes.size, no.size),
          element: Math.max(yes.element, no.element),
        };
      }
      default:
        return binaryBound(node, parts(node.args as Node[]) as [Bound, Bound]);
    }
  }

  function nameBound(name: string): Bound {
    if (isFactName(name)) return { steps: 1, ...factSize(factCatalogue[name]) };
    const variable = variables.get(name.slice("vars.".length));
    if (variable === undefined) return { steps: 1, ...scalar };
    const steps = counted.has(name) ? 1 : variable.steps + 1;
    counted.add(name);
    return { ...variable, steps };
  }

  function methodBound(node: Node, bound: ReadonlyMap<string, Bound>, depth: number): Bound {
    const [name, receiverNode, args] = node.args as [string, Node, Node[]];
    const receiver = measure(receiverNode, bound, depth);
    if (node.meta.alternate !== undefined) return macroBound(node, receiver, bound, depth);
    const given = args.map((arg) => measure(arg, bound, depth));
    const steps = receiver.steps + sum(given) + 1;
    switch (name) {
      case "split":
        return { steps: steps + receiver.size / 8, size: receiver.size + 1, element: receiver.size };
      case "join": {
        const size = receiver.size * (receiver.element + (given[0]?.size ?? 0));
        return { steps: steps + receiver.size + size / charactersPerStep, size, element: 1 };
      }
      case "lastIndexOf": {
        const pairs = receiver.size * (given[0]?.size ?? 1);
        return { ...scalar, steps: steps + receiver.size / charactersPerStep + pairs / pairsPerStep };
      }
      case regexMethod: {
        const { size } = (args[0]!.args as LinearRegex | undefined) ?? { size: 1 };
        return { ...scalar, steps: steps + receiver.size * (size === 1 ? 1 / slowCharactersPerStep : size / 3) };
      }
      default:
        return { steps: steps + receiver.size / charactersOf(name), size: receiver.size, element: 1 };
    }
  }

  function macroBound(node: Node, range: Bound, bound: ReadonlyMap<string, Bound>, depth: number): Bound {
    const [name, receiver, args] = node.args as [string, Node, Node[]];
    if (depth >= maxNesting) {
      const message = `macros may be nested ${maxNesting} deep; this one is deeper`;
      throw new CelProblem("C007", message, node.start, node.end);
    }
    const element = { steps: 1, size: range.element, element: nestedSize(receiver.checkedType?.valueType) };
    const inner = new Map(bound).set((args[0] as Node).args as string, element);
    const body = args.slice(1).map((part) => measure(part, inner, depth + 1));
    const steps = range.steps + range.size * (sum(body) + 1) + 1;
    if (name === "map") return { steps, size: range.size, element: body.at(-1)?.size ?? 1 };
    if (name === "filter") return { ...range, steps };
    return { ...scalar, steps };
  }
}

/** How large the elements of an element are: texts have none. */
function nestedSize(type: CheckedType | undefined): number {
  return type?.name === "string" ? 1 : nested;
}

function callBound(node: Node, args: readonly Bound[]): Bound {
  const [name, nodes] = node.args as [string, Node[]];
  const pattern = nodes[1]?.args;
  const steps = sum(args) + 1;
  const text = args[0]?.size ?? 1;
  if (name === "glob" && pattern instanceof GlobPattern) {
    return { ...scalar, steps: steps + (text * pattern.size) / charactersOf(name) };
  }
  const more = name === "inCidr" ? addressSteps : 0;
  // Everything else reads its argument at most once.
  return {
    steps: steps + more + text / charactersOf(name),
    size: Math.max(20, ...args.map(({ size }) => size)),
    element: 1,
  };
}

function charactersOf(name: string): number {
  return slowFunctions.has(name) ? slowCharactersPerStep : charactersPerStep;
}

function binaryBound(node: Node, [left, right]: [Bound, Bound]): Bound {
  const onTimes = children(node).some(({ checkedType }) => checkedType?.name === DURATION);
  const steps = left.steps + right.steps + (onTimes ? timeSteps : 1);
  switch (node.op) {
    case "+": {
      const size = left.size + right.size;
      return { steps: steps + size / 8, size, element: Math.max(left.element, right.element) };
    }
    case "in":
      return { ...scalar, steps: steps + right.size };
    case "==":
    case "!=":
      return {
        ...scalar,
        steps: steps + Math.min(left.size * left.element, right.size * right.element) / charactersPerStep,
      };
    default:
      return { ...scalar, steps };
  }
}

function sizeOfValue(value: unknown): { size: number; element: number } {
  if (typeof value === "string") return { size: value.length, element: 1 };
  if (value === null || typeof value !== "object") return scalar;
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const texts = Object.values(value).map((text) => String(text).length);
    return { size: texts.length, element: Math.max(1, ...texts) };
  }
  if (!Array.isArray(value)) return scalar;
  return { size: value.length, element: Math.max(1, ...value.map((text) => String(text).length)) };
}

function sum(bounds: readonly Bound[]): number {
  return bounds.reduce((total, { steps }) => total + steps, 0);
}

function largest(bounds: readonly Bound[]): number {
  return Math.max(1, ...bounds.map(({ size }) => size));
}
