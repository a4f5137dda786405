import type { BodyDraft } from "../draft.ts";
import { spliced, stringOf } from "../json-tree.ts";
import { PromptRedaction, type Redact } from "../redact.ts";
import { type FormatWords, redactTexts } from "../redact-texts.ts";
import { isTextType } from "./parts.ts";
import { camelOf, keyOf } from "./spelling.ts";

const words: FormatWords = {
  nameOf: camelOf,
  formal: new Set([
    ...["role", "id", "data", "mimeType", "fileUri", "thought", "thoughtSignature", "videoMetadata", "mediaResolution"],
    ...["language", "outcome", "willContinue", "scheduling"],
  ]),
  json: new Set(["args", "response"]),
  calls: new Set(["functionCall", "functionResponse"]),
  encoded(text, { members }) {
    const holds = (name: string) => members.filter(({ key }) => camelOf(key) === name).map(({ value }) => value);
    const isText = holds("mimeType").some((type) => type.kind === "string" && isTextType(stringOf(text, type)));
    return isText ? holds("data").find(({ kind }) => kind === "string") : undefined;
  },
};

/** Redacts what the model reads in a prompt: its texts, and the descriptions in its definitions. */
export function redactPrompt(draft: BodyDraft, redact: Redact): void {
  redactContents(draft, ["systemInstruction", "contents"], redact);
  for (const name of ["tools", "generationConfig"]) {
    draft.rewrite(keyOf(draft.body, name), (text, tree) => {
      const redaction = new PromptRedaction(text, redact);
      redaction.descriptions(tree);
      return spliced(text, redaction.splices);
    });
  }
}

/** Redacts members that hold contents. */
export function redactContents(draft: BodyDraft, members: readonly string[], redact: Redact): void {
  for (const name of members) {
    draft.rewrite(keyOf(draft.body, name), (text, tree) => redactTexts(text, tree, redact, words));
  }
}
