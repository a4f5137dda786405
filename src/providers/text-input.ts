import type { Json, JsonObject, PromptPart } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { BodyDraft } from "./draft.ts";
import { refuse } from "./fields.ts";
import { isArray } from "./json.ts";
import { type JsonNode, type Splice, spliced, stringOf } from "./json-tree.ts";

/** A text outside any conversation. */
export function textPart(text: string): PromptPart {
  return { kind: "text", role: "", texts: text === "" ? nothing : [text], images: nothing };
}

/**
 * The texts of a member that takes one or several, each as a string or as the numbers of its tokens.
 *
 * @throws SluiceError `invalid_request`
 */
export function textInputs(body: JsonObject, field: string): readonly PromptPart[] {
  const value = body[field] ?? null;
  if (value === null) return nothing;
  if (typeof value === "string") return [textPart(value)];
  if (!isArray(value)) return refuse(field, accepted, value);
  if (value.length > 0 && value.every(isToken)) return [tokensPart(value)];
  return value.map((item, i) => {
    if (typeof item === "string") return textPart(item);
    if (isArray(item) && item.every(isToken)) return tokensPart(item);
    return refuse(`${field}[${i}]`, "a string or an array of tokens", item);
  });
}

/**
 * Changes every text of such a member.
 *
 * @throws SluiceError `invalid_request` where it holds tokens: nobody can look through those
 */
export function changeTexts(draft: BodyDraft, field: string, change: (text: string) => string): void {
  draft.rewrite(field, (text, tree) => {
    const splices: Splice[] = [];
    for (const node of textNodes(tree, field)) {
      const sent = stringOf(text, node);
      const changed = change(sent);
      if (changed !== sent) splices.push({ start: node.start, end: node.end, text: JSON.stringify(changed) });
    }
    return spliced(text, splices);
  });
}

function textNodes(tree: JsonNode, field: string): readonly JsonNode[] {
  if (tree.kind === "string") return [tree];
  return tree.items.map((item) => {
    if (item.kind === "string") return item;
    throw new SluiceError("invalid_request", {
      problem: `'${field}' holds tokens, and a policy has to look at the text or add to it. Send the text itself.`,
    });
  });
}

function tokensPart(tokens: readonly Json[]): PromptPart {
  return { kind: "text", role: "", texts: nothing, tokens: tokens.length, images: nothing };
}

function isToken(value: Json): boolean {
  return typeof value === "number";
}

const nothing: readonly never[] = Object.freeze([]);
const accepted = "a string, an array of strings, or tokens as an array of numbers";
