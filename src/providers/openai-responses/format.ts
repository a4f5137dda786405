import type { WireFormat } from "../../core/wire.ts";
import { openaiChat } from "../openai-chat/format.ts";
import { writeChatRequest } from "../openai-chat/write.ts";
import { openaiPath } from "../openai-path.ts";
import { createRelay } from "../relay.ts";
import { readResponsesAnswer } from "./answer.ts";
import { editResponsesAnswer } from "./edit-answer.ts";
import { editResponsesStream } from "./editor.ts";
import { responsesModifiers } from "./modify.ts";
import { writeResponsesStreamError } from "./refusal.ts";
import { readResponsesRequest } from "./request.ts";
import { readResponsesStream } from "./stream.ts";

/** OpenAI's responses. Their streams always tell their usage: nothing is asked for and nothing withheld. */
export const openaiResponses: WireFormat = {
  surface: "responses",
  paths: ["/v1/responses"],
  upstreamPath: (_view, target, query) => openaiPath("responses", target, query),
  phases: openaiChat.phases,
  readRequest: readResponsesRequest,
  writeRequest: (view, edit) => writeChatRequest(view, edit, responsesModifiers),
  tellsUsage: () => true,
  readAnswer: readResponsesAnswer,
  editAnswer: editResponsesAnswer,
  openStream: ({ inspector } = {}) =>
    createRelay(readResponsesStream(), null, { edit: editResponsesStream, inspector }),
  writeRefusal: openaiChat.writeRefusal,
  writeStreamError: writeResponsesStreamError,
};
