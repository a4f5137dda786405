import type { WireFormat } from "../../core/wire.ts";
import { anthropicMessages } from "../anthropic-messages/format.ts";
import { messagesModifiers } from "../anthropic-messages/modify.ts";
import { readMessagesRequest } from "../anthropic-messages/request.ts";
import { writeMessagesRequest } from "../anthropic-messages/write.ts";
import type { Modifiers } from "../draft.ts";
import { asCount } from "../json.ts";

/** Nothing is written, and what is not part of the prompt may not be sent. */
const notSent = () => undefined;

/** How questions for a count are changed: what makes the prompt, as in messages, so that the count is of what would be sent. */
export const countTokensModifiers: Modifiers = {
  ...messagesModifiers,
  max_tokens: notSent,
  service_tier: notSent,
  stop: notSent,
  temperature: notSent,
  top_p: notSent,
  user: notSent,
};

/** Anthropic's count of the tokens of a message's prompt. It is answered at once and costs nothing. */
export const anthropicCountTokens: WireFormat = {
  surface: "count_tokens",
  paths: ["/v1/messages/count_tokens"],
  upstreamPath: (_view, _target, query) => `/v1/messages/count_tokens${query}`,
  phases: anthropicMessages.phases,
  readRequest: (raw) => readMessagesRequest(raw, "count_tokens"),
  writeRequest: (view, edit) => writeMessagesRequest(view, edit, countTokensModifiers),
  tellsUsage: () => true,
  readAnswer({ input_tokens: input }) {
    const promptTokens = asCount(input);
    const usage =
      promptTokens === null
        ? null
        : {
            promptTokens,
            completionTokens: 0,
            totalTokens: promptTokens,
            cachedTokens: null,
            cacheWriteTokens: null,
            reasoningTokens: null,
          };
    return { usage, finishReason: "", model: "", text: "" };
  },
  openStream: anthropicMessages.openStream,
  writeRefusal: anthropicMessages.writeRefusal,
  writeStreamError: anthropicMessages.writeStreamError,
};
