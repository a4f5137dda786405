import type { AnswerSummary, BodyEdit, JsonObject, RequestView, WireFormat } from "../../core/wire.ts";
import { applyModifications, BodyDraft, type Modifiers } from "../draft.ts";
import { gemini } from "../gemini/format.ts";
import { geminiModifiers } from "../gemini/modify.ts";
import { asksFor, bareModel, geminiPath, modelName } from "../gemini/path.ts";
import { keyOf } from "../gemini/spelling.ts";
import { asCount, asString, isObject } from "../json.ts";
import { readCountRequest, wholeRequest } from "./request.ts";

/** Gemini's count of the tokens of a prompt. It is answered at once and costs nothing. */
export const geminiCountTokens: WireFormat = {
  surface: "gemini-count-tokens",
  paths: gemini.paths,
  takes: (url) => asksFor(url, "countTokens"),
  upstreamPath: (_view, target, query) => geminiPath("countTokens", target, query),
  phases: gemini.phases,
  readRequest: readCountRequest,
  writeRequest: writeCountRequest,
  tellsUsage: () => true,
  readAnswer: readCount,
  openStream: gemini.openStream,
  writeRefusal: gemini.writeRefusal,
  writeStreamError: gemini.writeStreamError,
};

/** Nothing is written, and what is not part of the prompt may not be sent. */
const notSent = () => undefined;

/** What makes the prompt is changed as in a request for an answer, so that the count is of what would be sent. */
function countModifiers(model: string): Modifiers {
  const { messages, system, tools, user, model: route } = geminiModifiers(model);
  const unsent = { max_tokens: notSent, n: notSent, reasoning_effort: notSent, service_tier: notSent };
  return {
    messages,
    system,
    tools,
    user,
    model: route,
    ...unsent,
    stop: notSent,
    temperature: notSent,
    top_p: notSent,
  };
}

function writeCountRequest(view: RequestView, { model = view.model, modifications }: BodyEdit): Uint8Array {
  const draft = new BodyDraft(view);
  const key = keyOf(view.body, wholeRequest);
  const whole = view.body[key];
  const modifiers = countModifiers(view.model);
  if (isObject(whole)) {
    draft.inside(key, (inner) => {
      if (modifications !== undefined) applyModifications(inner, modifications, modifiers);
      // A request that is counted whole names its model itself.
      const named = asString(whole.model);
      if (named !== "" && bareModel(named) !== model) inner.set("model", JSON.stringify(modelName(model)));
    });
  } else if (modifications !== undefined) {
    applyModifications(draft, modifications, modifiers);
  }
  return draft.bytes();
}

function readCount({ totalTokens, cachedContentTokenCount }: JsonObject): AnswerSummary {
  const promptTokens = asCount(totalTokens);
  const usage =
    promptTokens === null
      ? null
      : {
          promptTokens,
          completionTokens: 0,
          totalTokens: promptTokens,
          cachedTokens: asCount(cachedContentTokenCount),
          cacheWriteTokens: null,
          reasoningTokens: null,
        };
  return { usage, finishReason: "", model: "", text: "" };
}
