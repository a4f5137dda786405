import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { ConfigProblem } from "./problem.ts";

/** A value of the configuration file with where it stands. */
export type FileNode = { readonly line: number; readonly column: number } & (
  | {
      readonly kind: "scalar";
      readonly value: unknown /** Made of the environment: read it as text. */;
      readonly interpolated: boolean;
    }
  | { readonly kind: "list"; readonly items: readonly FileNode[] }
  | { readonly kind: "map"; readonly entries: ReadonlyMap<string, FileEntry> }
);

/** A key of the configuration file with its value. */
export interface FileEntry {
  readonly line: number;
  readonly column: number;
  readonly node: FileNode;
}

/** A file that was read: its root, `null` when it is empty or could not be read at all. */
export interface ConfigFile {
  /** As shown in messages. */
  readonly label: string;
  readonly root: (FileNode & { readonly kind: "map" }) | null;
}

/**
 * `${NAME}` is no YAML scalar inside `{ … }`. Each of its marks is therefore replaced, before YAML is read, by a character that
 * Unicode keeps for internal use: positions stay what they are, and what a variable holds can never become YAML.
 */
const [dollar, open, close] = ["\ufdd0", "\ufdd1", "\ufdd2"];
const reference = /(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const marked = new RegExp(`${dollar}${open}([A-Za-z_][A-Za-z0-9_]*)${close}`, "g");

/**
 * Reads the text of a configuration file. `${NAME}` in a value is the variable of the environment; `$${NAME}` is the text
 * `${NAME}`. A variable that is not set is a problem.
 */
export function parseConfigFile(
  text: string,
  label: string,
  env: Readonly<Record<string, string | undefined>>,
  problems: ConfigProblem[],
): ConfigFile {
  const lines = new LineCounter();
  const hidden = text.replace(reference, (whole, escaped: string, name: string) =>
    escaped === "" ? `${dollar}${open}${name}${close}` : whole,
  );
  const document = parseDocument(hidden, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, strict: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const complain = (offset: number, message: string) => {
    const { line, column } = at(offset);
    problems.push({ where: `${label}:${line}:${column}`, message });
  };
  const restore = (value: string) => value.replace(marked, (_, name: string) => `\${${name}}`);

  /** `undefined` when it cannot be: there is a problem about it then. */
  function interpolate(value: string, offset: number): string | undefined {
    let whole = !/(?<!\$)\$\{/.test(value);
    if (!whole)
      complain(offset, "a dollar sign and '{' must be followed by a name and '}'; to mean the text, double the dollar");
    const filled = value.replaceAll("$${", "${").replace(marked, (_, name: string) => {
      const found = env[name];
      if (found !== undefined && found !== "") return found;
      complain(offset, `the environment variable ${name} is not set`);
      whole = false;
      return "";
    });
    return whole ? filled : undefined;
  }

  function toNode(node: Node | null, fallback: number): FileNode {
    const offset = node?.range?.[0] ?? fallback;
    const position = at(offset);
    if (isAlias(node)) {
      complain(offset, "aliases (*name) are not supported here; write the value again");
      return { ...position, kind: "scalar", value: null, interpolated: false };
    }
    if (isMap(node)) {
      const entries = new Map<string, FileEntry>();
      for (const { key, value } of node.items) {
        const keyNode = key as Node;
        const start = keyNode.range?.[0] ?? offset;
        if (!isScalar(keyNode) || typeof keyNode.value !== "string") complain(start, "a key must be a text");
        else entries.set(restore(keyNode.value), { ...at(start), node: toNode(value as Node | null, start) });
      }
      return { ...position, kind: "map", entries };
    }
    if (isSeq(node)) {
      return { ...position, kind: "list", items: node.items.map((item) => toNode(item as Node | null, offset)) };
    }
    const value = isScalar(node) ? node.value : null;
    if (typeof value !== "string") return { ...position, kind: "scalar", value, interpolated: false };
    const filled = interpolate(value, offset);
    return { ...position, kind: "scalar", value: filled, interpolated: value.includes(open) };
  }

  for (const error of document.errors) complain(error.pos[0], restore(error.message));
  if (document.errors.length > 0) return { label, root: null };
  const root = toNode(document.contents, 0);
  if (root.kind === "map") return { label, root };
  if (!(root.kind === "scalar" && root.value === null)) complain(0, "must hold settings, each as 'name: value'");
  return { label, root: null };
}

/** The plain value of a node, for messages and for types that read whole values; `undefined` when it could not be made. */
export function toPlain(node: FileNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(toPlain);
  return Object.fromEntries([...node.entries].map(([key, { node: value }]) => [key, toPlain(value)]));
}

/** The node that keys lead to, as far as it goes. */
export function nodeAt(root: FileNode | null, path: readonly (string | number)[]): FileNode | null {
  let node = root;
  for (const key of path) {
    if (node?.kind === "map") node = node.entries.get(String(key))?.node ?? null;
    else if (node?.kind === "list") node = node.items[Number(key)] ?? null;
    else return null;
  }
  return node;
}
