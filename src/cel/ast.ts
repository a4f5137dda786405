import { type ASTNode, Environment } from "@marcbachmann/cel-js";

/**
 * A node of the library's syntax tree, as far as it is read and rewritten here. The tree is public; `meta`,
 * `checkedType` and `iterCtx` are not documented, which is why the library's version is pinned and a test watches them.
 */
export interface Node {
  op: string;
  args: unknown;
  readonly start: number;
  readonly end: number;
  readonly input: string;
  readonly checkedType?: CheckedType;
  /** Of a checked operator: what evaluates it. */
  handle?: unknown;
  readonly meta: { readonly alternate?: Node; readonly check: unknown; readonly evaluate: unknown };
  setMeta(key: string, value: unknown): Node;
}

/** A type as the library's checker leaves it on a node. */
export interface CheckedType {
  readonly name: string;
  readonly kind: string;
  /** Of maps. */
  readonly keyType?: CheckedType;
  /** Of lists and maps. */
  readonly valueType?: CheckedType;
}

/** The scope that a macro keeps from one evaluation to the next. */
export interface Overlay {
  reuse(parent: undefined): unknown;
  iterValue: unknown;
  accuValue: unknown;
}

/** The tree of a parsed expression. */
export function treeOf(program: { readonly ast: ASTNode }): Node {
  return program.ast as unknown as Node;
}

const samples = new Environment({ unlistedVariablesAreDyn: true });
const value = treeOf(samples.parse("1")).meta;
const name = treeOf(samples.parse("a")).meta;

/** Makes a node stand for a variable, whatever characters its name has. */
export function becomeName(node: Node, path: string): void {
  become(node, "id", path, name);
}

/** Makes a node stand for a value. `type` is needed where it does not follow from the value. */
export function becomeValue(node: Node, constant: unknown, type?: string): void {
  become(node, "value", constant, value);
  if (type !== undefined) node.setMeta("check", (checker: { getType(t: string): unknown }) => checker.getType(type));
}

function become(node: Node, op: string, args: unknown, from: Node["meta"]): void {
  node.op = op;
  node.args = args;
  node.setMeta("check", from.check).setMeta("evaluate", from.evaluate);
  node.setMeta("alternate", undefined).setMeta("macro", undefined);
}

/** The scope of a macro's expansion; there once the tree is checked. */
export function overlayOf(macro: Node): Overlay | undefined {
  return (macro.meta.alternate?.args as { iterCtx?: Overlay } | undefined)?.iterCtx;
}

/** Direct parts of a node, as the source has them. */
export function children(node: Node): readonly Node[] {
  switch (node.op) {
    case "value":
    case "id":
      return [];
    case ".":
      return [(node.args as [Node, string])[0]];
    case "call":
      return (node.args as [string, Node[]])[1];
    case "rcall": {
      const [, receiver, args] = node.args as [string, Node, Node[]];
      return [receiver, ...args];
    }
    case "map":
      return (node.args as [Node, Node][]).flat();
    case "!_":
    case "-_":
      return [node.args as Node];
    default:
      return node.args as Node[];
  }
}
