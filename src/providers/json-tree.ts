/** A value of a JSON text and where it stands in it, as UTF-16 offsets. What has no parts has empty lists. */
export interface JsonNode {
  readonly kind: "object" | "array" | "string" | "other";
  readonly start: number;
  /** After its last character. */
  end: number;
  /** Of an object, in order; keys that stand twice are there twice. */
  readonly members: JsonMember[];
  /** Of an array. */
  readonly items: JsonNode[];
}

/** A member of an object. */
export interface JsonMember {
  /** Escapes resolved. */
  readonly key: string;
  readonly value: JsonNode;
}

/** A part of a text and what stands there instead. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const quote = 34;
const backslash = 92;
const none: never[] = [];

/** Values of a text at most: several times what any prompt has, and less memory than parsing takes. */
const maxNodes = 2 ** 20;

/**
 * Reads where every value of a JSON text stands. Not recursive: depth costs memory and no stack.
 *
 * @param text valid JSON: it is not checked again
 * @throws Error when it has more than a million values
 */
export function parseTree(text: string): JsonNode {
  const open: JsonNode[] = [];
  let nodes = 0;
  let root: JsonNode | undefined;
  let key: string | undefined;
  let at = 0;
  for (;;) {
    at = skipSpace(text, at);
    const code = text.charCodeAt(at);
    const parent = open[open.length - 1];
    if (code === 125 || code === 93) {
      at += 1;
      open.pop()!.end = at;
      if (open.length === 0) return root!;
      continue;
    }
    // A comma or a colon: what it parts is known without it.
    if (code === 44 || code === 58) {
      at += 1;
      continue;
    }
    if (parent?.kind === "object" && key === undefined) {
      const end = skipString(text, at + 1);
      key = decodeString(text, at, end);
      at = end;
      continue;
    }
    nodes += 1;
    if (nodes > maxNodes) throw new Error(`a part of the request has more than ${maxNodes} values`);
    const node = readNode(text, at);
    if (parent === undefined) root = node;
    else if (parent.kind === "object") parent.members.push({ key: key!, value: node });
    else parent.items.push(node);
    key = undefined;
    if (node.kind === "object" || node.kind === "array") {
      open.push(node);
      at += 1;
    } else {
      if (parent === undefined) return node;
      at = node.end;
    }
  }
}

function readNode(text: string, start: number): JsonNode {
  const code = text.charCodeAt(start);
  if (code === 123) return { kind: "object", start, end: start, members: [], items: none };
  if (code === 91) return { kind: "array", start, end: start, members: none, items: [] };
  if (code === quote) return { kind: "string", start, end: skipString(text, start + 1), members: none, items: none };
  return { kind: "other", start, end: skipWord(text, start), members: none, items: none };
}

/** The string that a node holds, escapes resolved. */
export function stringOf(text: string, node: JsonNode): string {
  return decodeString(text, node.start, node.end);
}

/** The string of a member of an object; empty when there is none. Of several of that name, the last. */
export function memberString(text: string, node: JsonNode, key: string): string {
  const value = node.members.findLast((member) => member.key === key)?.value;
  return value?.kind === "string" ? stringOf(text, value) : "";
}

/**
 * Where the first member stands whose name its object has twice, such as `messages[0].content`; `null` when there is
 * none. Not for deep values: it recurs.
 */
export function duplicateMember(node: JsonNode, path = ""): string | null {
  const seen = new Set<string>();
  for (const { key, value } of node.members) {
    const at = path === "" ? key : `${path}.${key}`;
    if (seen.has(key)) return at;
    seen.add(key);
    const inside = duplicateMember(value, at);
    if (inside !== null) return inside;
  }
  for (const [i, item] of node.items.entries()) {
    const inside = duplicateMember(item, `${path}[${i}]`);
    if (inside !== null) return inside;
  }
  return null;
}

/** The text with parts replaced. They are given in the order in which they stand, and do not overlap. */
export function spliced(text: string, splices: readonly Splice[]): string {
  if (splices.length === 0) return text;
  const out: string[] = [];
  let from = 0;
  for (const splice of splices) {
    out.push(text.slice(from, splice.start), splice.text);
    from = splice.end;
  }
  out.push(text.slice(from));
  return out.join("");
}

/** The text of an array with elements added at the end. */
export function withItems(text: string, array: JsonNode, items: readonly string[]): string {
  if (items.length === 0) return text;
  const last = array.items.at(-1);
  const at = last === undefined ? array.start + 1 : last.end;
  const added = `${last === undefined ? "" : ","}${items.join(",")}`;
  return spliced(text, [{ start: at, end: at, text: added }]);
}

/** The text of an array without some of its elements. Separators go with the element that they precede. */
export function withoutItems(text: string, array: JsonNode, drop: (item: JsonNode) => boolean): string {
  const splices: Splice[] = [];
  let kept = 0;
  let copied = array.items[0]?.start ?? array.start + 1;
  for (const item of array.items) {
    if (drop(item)) splices.push({ start: copied, end: item.end, text: "" });
    else {
      // The first one kept has no separator before it, whatever stood there.
      if (kept === 0 && copied < item.start) splices.push({ start: copied, end: item.start, text: "" });
      kept += 1;
    }
    copied = item.end;
  }
  return spliced(text, splices);
}

/** The first position from here that is no white space. */
export function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 32) at += 1;
  return at;
}

/** From after an opening quote to after the closing one. */
export function skipString(text: string, from: number): number {
  let search = from;
  for (;;) {
    const end = text.indexOf('"', search);
    if (end === -1) return text.length;
    let slashes = end;
    while (slashes > from && text.charCodeAt(slashes - 1) === backslash) slashes -= 1;
    if ((end - slashes) % 2 === 0) return end + 1;
    search = end + 1;
  }
}

/** To after a number, `true`, `false` or `null`. */
export function skipWord(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code <= 32 || code === 44 || code === 58 || code === 93 || code === 125) break;
    at += 1;
  }
  return at;
}

/** A string's value, from its opening quote to after its closing one. */
export function decodeString(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  return inner.includes("\\") ? String(JSON.parse(text.slice(start, end))) : inner;
}
