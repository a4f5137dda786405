import type { TObject, TSchema } from "@sinclair/typebox";
import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Scalar,
  type Tags,
  visit,
  YAMLMap,
  YAMLSeq,
} from "yaml";

const lineWidth = 120;

/** Maps that say the same whatever their order, and in which the order is the author's. */
const asWritten: ReadonlySet<string> = new Set(["input", "defaults", "mocks"]);

/** What editors read stays on top, whatever key comes first. */
const editorLine = /^(# *yaml-language-server:[^\n]*\n)?/;

/**
 * YAML in its canonical form: keys in the order of the schema, two spaces, no more white space than needed. Comments
 * stay with what they stand at, and every value keeps its style. `null` when the text is not YAML.
 */
export function formatYaml(given: string, schema: TObject): string | null {
  // The library writes no carriage returns, but keeps them in comments.
  const whole = given.replaceAll("\r\n", "\n");
  const [head = ""] = editorLine.exec(whole) ?? [];
  const text = whole.slice(head.length);
  const document = parseDocument(text, {
    uniqueKeys: true,
    strict: true,
    keepSourceTokens: true,
    customTags: keepTexts,
  });
  if (document.errors.length > 0 || document.warnings.length > 0) return null;
  if (document.contents === null) return whole.trim() === "" ? "" : `${whole.trim()}\n`;
  keepHeadComments(document, text);
  sortKeys(document.contents, schema);
  padFlow(document);
  return head + document.toString({ indent: 2, indentSeq: true, lineWidth, minContentWidth: 0 });
}

/** Texts that were laid out by hand stay as they are, where the library would write them its own way. */
function keepTexts(tags: Tags): Tags {
  return tags.map((tag) => {
    if (typeof tag === "string" || tag.tag !== "tag:yaml.org,2002:str" || tag.collection !== undefined) return tag;
    const { stringify } = tag;
    return {
      ...tag,
      stringify: (item, ctx, ...rest) => asWrittenText(item as Scalar, ctx) ?? stringify?.(item, ctx, ...rest) ?? "",
    };
  });
}

function asWrittenText(
  { srcToken }: Scalar,
  { indent, inFlow }: { indent: string; inFlow: boolean | null },
): string | null {
  if (srcToken?.type === "double-quoted-scalar") {
    // What someone wrote as an escape is most likely something that does not show, and must go on showing.
    const { source } = srcToken;
    return source.includes("\\") && !source.includes("\n") ? source : null;
  }
  if (srcToken?.type !== "block-scalar" || inFlow === true) return null;
  const [header, ...others] = srcToken.props.filter(({ type }) => type !== "space" && type !== "newline");
  const style = header?.type === "block-scalar-header" ? header.source : "";
  if (!/^>-?$/.test(style) || others.length > 0) return null;
  const source = srcToken.source.replace(/\n+$/, "");
  // White space at the end of a line means something, and shows as nothing.
  if (source.trim() === "" || /[ \t]$/m.test(source)) return null;
  const lines = source.split("\n");
  const margin = lines.find((line) => line !== "")!.search(/\S/);
  return [style, ...lines.map((line) => (line === "" ? "" : indent + line.slice(margin)))].join("\n");
}

/** A comment behind the key of a block stays behind it; the library would move it into the block. */
function keepHeadComments(document: Document, text: string): void {
  visit(document, {
    Pair: (_, { key, value }) => {
      if (!isScalar(key) || !isCollection(value) || !key.range || typeof value.commentBefore !== "string") return;
      const line = text.slice(key.range[1], text.indexOf("\n", key.range[1]));
      if (!/^[ \t]*:[ \t]+#/.test(line)) return;
      const [first = "", ...others] = value.commentBefore.split("\n");
      key.comment = first;
      value.commentBefore = others.length > 0 ? others.join("\n") : null;
    },
  });
}

/** Puts the keys of maps that a schema knows in its order; those it does not know, and those of tables, stay. */
function sortKeys(node: unknown, schema: TSchema): void {
  if (isSeq(node)) {
    if (schema.items !== undefined) for (const item of node.items) sortKeys(item, schema.items as TSchema);
    return;
  }
  const { properties } = schema as Partial<TObject>;
  if (!isMap(node) || properties === undefined) return;
  const order = Object.keys(properties);
  const place = (key: string) => (order.includes(key) ? order.indexOf(key) : order.length);
  const first = node.items[0];
  const sorted = [...node.items].sort((a, b) => place(keyOf(a)) - place(keyOf(b)));
  moveHeading(first, sorted[0]);
  node.items = sorted;
  for (const pair of sorted) {
    const inner = properties[keyOf(pair)];
    if (inner !== undefined && !asWritten.has(keyOf(pair))) sortKeys(pair.value, inner);
  }
}

type Pair = YAMLMap["items"][number];

function keyOf({ key }: Pair): string {
  return String(isScalar(key) ? key.value : key);
}

/** A blank line before what was not the first stays between two pairs, and does not open the map. */
function moveHeading(first: Pair | undefined, now: Pair | undefined): void {
  if (first === now || !isScalar(now?.key) || !isScalar(first?.key)) return;
  if (now.key.spaceBefore === true) {
    now.key.spaceBefore = false;
    first.key.spaceBefore = true;
  }
}

/** Flow maps are written `{ a: 1 }` and flow lists `[1, 2]`; the library knows one way for both. */
function padFlow(document: Document): void {
  visit(document, {
    Map: (_, node) => void pad(node, YAMLMap, " "),
    Seq: (_, node) => void pad(node, YAMLSeq, ""),
  });
}

function pad(node: YAMLMap | YAMLSeq, type: typeof YAMLMap | typeof YAMLSeq, flowCollectionPadding: string): void {
  const write = type.prototype.toString as (this: unknown, ctx: object, ...rest: unknown[]) => string;
  const padded = (ctx: object | undefined, ...rest: unknown[]): string =>
    ctx === undefined ? JSON.stringify(node) : write.call(node, { ...ctx, flowCollectionPadding }, ...rest);
  Object.defineProperty(node, "toString", { value: padded });
}
