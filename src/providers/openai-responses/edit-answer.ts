import type { AnswerEditor, JsonObject } from "../../core/wire.ts";
import { asArray, asString } from "../json.ts";
import { type Draft, differs } from "../slots.ts";
import { saidInOutput } from "./slots.ts";

/** The words of a whole response, to be written otherwise. */
export function editResponsesAnswer(body: JsonObject): AnswerEditor {
  const draft = structuredClone(body) as Draft;
  const all = saidInOutput(draft);
  const pieces = all.map(({ choice, kind, tool, holder, member }) => ({
    choice,
    kind,
    tool,
    text: asString(holder[member]),
  }));
  return {
    pieces,
    write(texts) {
      if (!differs(pieces, texts)) return JSON.stringify(body);
      const taken = new Set<number>();
      for (const [i, { holder, member, item, also }] of all.entries()) {
        const text = texts[i];
        if (text === null) taken.add(item);
        else if (text !== undefined && text !== holder[member]) {
          holder[member] = text;
          also();
        }
      }
      draft.output = asArray(draft.output).filter((_, i) => !taken.has(i));
      if (typeof draft.output_text === "string") draft.output_text = outputText(draft);
      return JSON.stringify(draft);
    },
  };
}

/** The text of all messages, as some vendors repeat it at the top. */
export function outputText(response: JsonObject): string {
  const texts = saidInOutput(response).filter(({ kind }) => kind === "text");
  return texts.map(({ holder, member }) => asString(holder[member])).join("");
}
