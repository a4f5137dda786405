import type { AnswerEditor, JsonObject } from "../../core/wire.ts";
import { asArray, isObject } from "../json.ts";
import { type Draft, differs } from "../slots.ts";
import { blockSlots } from "./slots.ts";

/** The words of a whole message, to be written otherwise. */
export function editMessagesAnswer(body: JsonObject): AnswerEditor {
  const draft = structuredClone(body) as Draft;
  const blocks = asArray(draft.content).map((block, i) => ({
    block,
    slots: isObject(block) ? blockSlots(block as Draft, String(i), true) : [],
  }));
  const pieces = blocks.flatMap(({ slots }) => slots);
  return {
    pieces,
    write(texts) {
      if (!differs(pieces, texts)) return JSON.stringify(body);
      let at = 0;
      const kept = blocks.filter(({ slots }) => {
        const own = texts.slice(at, at + slots.length);
        at += slots.length;
        for (const [i, text] of own.entries()) if (text !== null && text !== slots[i]!.text) slots[i]!.set(text);
        return !own.includes(null);
      });
      draft.content = kept.map(({ block }) => block);
      const calls = kept.some(({ block }) => isObject(block) && block.type === "tool_use");
      if (draft.stop_reason === "tool_use" && !calls) draft.stop_reason = "end_turn";
      return JSON.stringify(draft);
    },
  };
}
