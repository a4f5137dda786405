import type { WireFormat } from "../../core/wire.ts";
import { readChatAnswer } from "../openai-chat/answer.ts";
import { editChatAnswer } from "../openai-chat/edit-answer.ts";
import { editChatStream } from "../openai-chat/editor.ts";
import { openaiChat } from "../openai-chat/format.ts";
import { readChatStream } from "../openai-chat/stream.ts";
import { withholdChatUsage } from "../openai-chat/withhold.ts";
import { asksForUsage, writeChatRequest } from "../openai-chat/write.ts";
import { openaiPath } from "../openai-path.ts";
import { createRelay } from "../relay.ts";
import { completionsModifiers } from "./modify.ts";
import { readCompletionsRequest } from "./request.ts";

/** OpenAI's older completions, which some vendors still serve. Answers, streams and errors are chat's with a `text`. */
export const openaiCompletions: WireFormat = {
  surface: "completions",
  paths: ["/v1/completions"],
  upstreamPath: (_view, target, query) => openaiPath("completions", target, query),
  phases: openaiChat.phases,
  readRequest: (raw) => readCompletionsRequest(raw),
  writeRequest: (view, edit) => writeChatRequest(view, edit, completionsModifiers),
  tellsUsage: asksForUsage,
  readAnswer: readChatAnswer,
  editAnswer: editChatAnswer,
  openStream: ({ withholdUsage, inspector, tellUsage = false } = {}) =>
    createRelay(readChatStream(), withholdUsage ? withholdChatUsage : null, {
      edit: () => editChatStream({ tellUsage, bare: true }),
      inspector,
    }),
  writeRefusal: openaiChat.writeRefusal,
  writeStreamError: openaiChat.writeStreamError,
};
