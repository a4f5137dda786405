import type { Modification } from "../../core/decision.ts";
import { modifySetting } from "../../core/modify.ts";
import type { BodyDraft, Modifiers } from "../draft.ts";
import { optionalNumber } from "../fields.ts";
import { asCount } from "../json.ts";
import { type JsonNode, memberString, spliced, withItems } from "../json-tree.ts";
import { changeStops, lastValue, removeTools, stringsAt, toolRemoval } from "../modify.ts";
import { PromptRedaction, type Redact, redactor } from "../redact.ts";
import { type FormatWords, redactTexts } from "../redact-texts.ts";

/** How Cohere's chats are changed. */
export const cohereModifiers: Modifiers = {
  max_tokens: (draft, changes) =>
    draft.changeNumber("max_tokens", changes, asCount(draft.body.max_tokens) || undefined),
  temperature: (draft, changes) =>
    draft.changeNumber("temperature", changes, optionalNumber(draft.body, "temperature")),
  top_p: changeTopP,
  // There is always one answer, no tier to choose, and nothing that names the end user.
  n: () => undefined,
  service_tier: () => undefined,
  user: () => undefined,
  stop: (draft, changes) => changeStops(draft, "stop_sequences", changes),
  reasoning_effort(draft, changes) {
    const effort = lastValue(changes, "set");
    if (effort === undefined) draft.remove("thinking");
    else draft.set("thinking", JSON.stringify({ type: "enabled", token_budget: budgets[effort as string] }));
  },
  model(draft, changes) {
    const model = lastValue(changes, "route");
    if (model !== draft.body.model) draft.set("model", JSON.stringify(model));
  },
  messages: (draft, changes) => redactPrompt(draft, redactor(changes)),
  system: addInstructions,
  tools(draft, changes) {
    if (removeTools(draft, "tools", toolRemoval(changes), toolNames)) return;
    draft.remove("tool_choice");
    draft.remove("strict_tools");
  },
};

/** Tokens to think with, for what the other formats have words for. */
const budgets: Readonly<Record<string, number>> = { low: 1_024, medium: 8_192, high: 24_576 };

/** Cohere's range ends a little inside the others'. */
function changeTopP(draft: BodyDraft, changes: readonly Modification[]): void {
  const sent = optionalNumber(draft.body, "p");
  const value = modifySetting("top_p", sent, changes);
  const inRange = value === undefined || value === sent ? value : Math.min(0.99, Math.max(0.01, value));
  draft.setNumber("p", sent, inRange);
}

/** A system message each after those that lead, so that the conversation stays as it was. */
function addInstructions(draft: BodyDraft, changes: readonly Modification[]): void {
  draft.rewrite("messages", (text, tree) => {
    const first = tree.items.findIndex((message) => memberString(text, message, "role") !== "system");
    const added = changes.map(({ value }) => JSON.stringify({ role: "system", content: value }));
    if (first === -1) return withItems(text, tree, added);
    const at = tree.items[first]!.start;
    return spliced(text, [{ start: at, end: at, text: `${added.join(",")},` }]);
  });
}

function toolNames(text: string, tool: JsonNode): readonly string[] {
  const names = [...stringsAt(text, tool, "function", "name"), ...stringsAt(text, tool, "name")];
  return names.length > 0 ? names : stringsAt(text, tool, "type");
}

const words: FormatWords = {
  formal: new Set(["type", "role", "id", "tool_call_id", "image_url", "start", "end"]),
  json: new Set(["arguments", "data"]),
  calls: new Set(["function"]),
};

/** Redacts members that hold what the model reads. */
export function redactCohere(draft: BodyDraft, members: readonly string[], redact: Redact): void {
  for (const key of members) draft.rewrite(key, (text, tree) => redactTexts(text, tree, redact, words));
}

function redactPrompt(draft: BodyDraft, redact: Redact): void {
  redactCohere(draft, ["messages", "documents"], redact);
  for (const key of ["tools", "response_format"]) {
    draft.rewrite(key, (text, tree) => {
      const redaction = new PromptRedaction(text, redact);
      redaction.descriptions(tree);
      return spliced(text, redaction.splices);
    });
  }
}
