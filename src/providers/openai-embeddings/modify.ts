import type { Modifiers } from "../draft.ts";
import { chatModifiers } from "../openai-chat/modify.ts";
import { redactor } from "../redact.ts";
import { changeTexts } from "../text-input.ts";

/** Nothing is written, so what rules say of how it is written has no meaning. */
const nothingWritten = () => undefined;

/** How embeddings are changed. */
export const embeddingsModifiers: Modifiers = {
  model: chatModifiers.model,
  user: chatModifiers.user,
  messages: (draft, changes) => changeTexts(draft, "input", redactor(changes)),
  max_tokens: nothingWritten,
  n: nothingWritten,
  reasoning_effort: nothingWritten,
  // Embeddings have no tiers.
  service_tier: () => undefined,
  stop: nothingWritten,
  // An input with instructions before it would be another point in space: it would be found by other texts.
  system: nothingWritten,
  temperature: nothingWritten,
  tools: nothingWritten,
  top_p: nothingWritten,
};
