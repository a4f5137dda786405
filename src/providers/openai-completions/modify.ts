import { modifySetting } from "../../core/modify.ts";
import type { Modifiers } from "../draft.ts";
import { chatModifiers } from "../openai-chat/modify.ts";
import { redactor } from "../redact.ts";
import { changeTexts } from "../text-input.ts";
import { bestOf, completionsMaximum } from "./request.ts";

/** How completions are changed: what they share with chat completions as there. */
export const completionsModifiers: Modifiers = {
  ...chatModifiers,
  max_tokens(draft, changes) {
    const sent = completionsMaximum(draft.body);
    draft.setNumber("max_tokens", sent, modifySetting("max_tokens", sent, changes));
  },
  n(draft, changes) {
    chatModifiers.n(draft, changes);
    // As many are written as this says, so it is bound by the same number.
    const sent = bestOf(draft.body);
    if (sent !== undefined) draft.setNumber("best_of", sent, modifySetting("n", sent, changes));
  },
  messages(draft, changes) {
    const redact = redactor(changes);
    for (const key of ["prompt", "suffix"]) changeTexts(draft, key, redact);
  },
  // There is no other place for instructions than before each text to go on with.
  system(draft, changes) {
    const instructions = changes.map(({ value }) => String(value)).join("\n\n");
    if ((draft.body.prompt ?? null) === null) draft.set("prompt", JSON.stringify(instructions));
    else changeTexts(draft, "prompt", (text) => `${instructions}\n\n${text}`);
  },
  // Models of this surface do not reason at a level that could be chosen, and have neither tiers nor tools.
  reasoning_effort: () => undefined,
  service_tier: () => undefined,
  tools: () => undefined,
};
