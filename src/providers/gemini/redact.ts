import type { BodyDraft } from "../draft.ts";
import { decodeString, type JsonNode, type Splice, spliced } from "../json-tree.ts";
import { PromptRedaction, type Redact, redactJson } from "../redact.ts";
import { camelOf, keyOf } from "./spelling.ts";

/** Members that hold bytes, seals, addresses, or words of the format itself: nothing that a model reads as text. */
const formal = new Set([
  ...["role", "id", "data", "mimeType", "fileUri", "thought", "thoughtSignature", "videoMetadata", "mediaResolution"],
  ...["language", "outcome", "willContinue", "scheduling"],
]);

/** Redacts what the model reads in contents and the system instruction, and the descriptions in definitions. */
export function redactContents(draft: BodyDraft, redact: Redact, members: readonly string[] = texts): void {
  for (const name of members) {
    draft.rewrite(keyOf(draft.body, name), (text, tree) => spliced(text, redactTexts(text, tree, redact)));
  }
  for (const name of definitions) {
    draft.rewrite(keyOf(draft.body, name), (text, tree) => {
      const redaction = new PromptRedaction(text, redact);
      redaction.descriptions(tree);
      return spliced(text, redaction.splices);
    });
  }
}

const texts = ["systemInstruction", "contents"];
const definitions = ["tools", "generationConfig"];

/**
 * Every string that is no word of the format, whatever the kind of part. What functions were called with and what they
 * answered is looked through to the last number; their names tie calls to functions and stay.
 */
export function redactTexts(text: string, root: JsonNode, redact: Redact): Splice[] {
  const splices: Splice[] = [];
  const put = ({ start, end }: JsonNode, before: string, after: string, write = after) => {
    if (after !== before) splices.push({ start, end, text: write });
  };
  const visit = (node: JsonNode, called: boolean) => {
    if (node.kind === "string") {
      const value = decodeString(text, node.start, node.end);
      const redacted = redact(value);
      put(node, value, redacted, JSON.stringify(redacted));
    }
    for (const item of node.items) visit(item, false);
    for (const { key, value } of node.members) {
      const name = camelOf(key);
      if (formal.has(name) || (called && name === "name")) continue;
      if (called && (name === "args" || name === "response")) {
        const before = text.slice(value.start, value.end);
        put(value, before, redactJson(before, redact));
      } else {
        visit(value, name === "functionCall" || name === "functionResponse");
      }
    }
  };
  visit(root, false);
  return splices;
}
