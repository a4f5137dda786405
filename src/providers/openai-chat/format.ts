import type { WireFormat } from "../../core/wire.ts";
import { openaiPath } from "../openai-path.ts";
import { createRelay } from "../relay.ts";
import { readChatAnswer } from "./answer.ts";
import { editChatAnswer } from "./edit-answer.ts";
import { editChatStream } from "./editor.ts";
import { writeChatRefusal, writeChatStreamError } from "./refusal.ts";
import { readChatRequest } from "./request.ts";
import { readChatStream } from "./stream.ts";
import { withholdChatUsage } from "./withhold.ts";
import { asksForUsage, writeChatRequest } from "./write.ts";

/** OpenAI's chat completions, which most other vendors speak as well. */
export const openaiChat: WireFormat = {
  surface: "chat",
  paths: ["/v1/chat/completions"],
  upstreamPath: (_view, target, query) => openaiPath("chat/completions", target, query),
  phases: ["request", "stream", "response", "usage"],
  readRequest: (raw) => readChatRequest(raw),
  writeRequest: (view, edit) => writeChatRequest(view, edit),
  tellsUsage: asksForUsage,
  readAnswer: readChatAnswer,
  editAnswer: editChatAnswer,
  openStream: ({ withholdUsage, inspector, ...options } = {}) =>
    createRelay(readChatStream(), withholdUsage ? withholdChatUsage : null, {
      edit: () => editChatStream(options),
      inspector,
    }),
  writeRefusal: writeChatRefusal,
  writeStreamError: writeChatStreamError,
};
