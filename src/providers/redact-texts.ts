import { decodeString, type JsonNode, type Splice, spliced } from "./json-tree.ts";
import { type Redact, redactArguments, redactJson } from "./redact.ts";

/** Which members of a format are no text that a model reads. */
export interface FormatWords {
  /** The name of a member whatever its spelling. */
  readonly nameOf?: (key: string) => string;
  /** Members that hold bytes, seals, addresses, or words of the format itself. */
  readonly formal: ReadonlySet<string>;
  /** Members that hold JSON, be it in a string: they are looked through to the last number. */
  readonly json: ReadonlySet<string>;
  /** Members that are calls: in them a name is what ties the call to its function. */
  readonly calls: ReadonlySet<string>;
  /** The member of an object that holds a text in base64, as a file does; absent where the format has none. */
  readonly encoded?: (text: string, node: JsonNode) => JsonNode | undefined;
}

/** A JSON text with everything redacted that a model reads in it: every string, whatever the kind, save the format's. */
export function redactTexts(text: string, root: JsonNode, redact: Redact, words: FormatWords): string {
  const splices: Splice[] = [];
  const { nameOf = (key) => key, formal, json, calls } = words;
  const put = (node: JsonNode, before: string, after: string, written: string) => {
    if (after !== before) splices.push({ start: node.start, end: node.end, text: written });
  };
  const string = (node: JsonNode, change: Redact) => {
    const value = decodeString(text, node.start, node.end);
    const changed = change(value);
    put(node, value, changed, JSON.stringify(changed));
  };
  const inJson = (node: JsonNode) => {
    if (node.kind === "string") return string(node, (value) => redactArguments(value, redact));
    const before = text.slice(node.start, node.end);
    const after = redactJson(before, redact);
    put(node, before, after, after);
  };
  const visit = (node: JsonNode, isCall: boolean) => {
    if (node.kind === "string") string(node, redact);
    const file = words.encoded?.(text, node);
    if (file !== undefined) string(file, (value) => inBase64(value, redact));
    for (const item of node.items) visit(item, false);
    for (const { key, value } of node.members) {
      const name = nameOf(key);
      if (formal.has(name) || (isCall && name === "name")) continue;
      if (json.has(name)) inJson(value);
      else visit(value, calls.has(name));
    }
  };
  visit(root, false);
  return spliced(text, splices);
}

function inBase64(value: string, redact: Redact): string {
  const sent = Buffer.from(value, "base64").toString();
  const redacted = redact(sent);
  return redacted === sent ? value : Buffer.from(redacted).toString("base64");
}
