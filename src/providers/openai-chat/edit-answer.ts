import type { AnswerEditor, JsonObject } from "../../core/wire.ts";
import { differs } from "../slots.ts";
import { keepCalls, keepFinish } from "./editor.ts";
import { chatSlots } from "./slots.ts";

/** The words of a whole completion, to be written otherwise. */
export function editChatAnswer(body: JsonObject): AnswerEditor {
  const draft = structuredClone(body) as JsonObject;
  const choices = chatSlots(draft);
  const pieces = choices.flatMap(({ slots }) => slots);
  return {
    pieces,
    write(texts) {
      if (!differs(pieces, texts)) return JSON.stringify(body);
      let at = 0;
      for (const { choice, message, slots } of choices) {
        const state = { calls: new Map(), taken: new Set<string>() };
        for (const { tool, text, set } of slots) {
          const now = texts[at]!;
          at += 1;
          if (now === null) state.taken.add(tool);
          else if (now !== text) set(now);
        }
        if (slots.length > 0 && choice.logprobs) choice.logprobs = null;
        keepCalls(message, state);
        keepFinish(choice, state);
      }
      return JSON.stringify(draft);
    },
  };
}
