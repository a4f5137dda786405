import type { AnswerSummary, JsonObject, WireFormat } from "../../core/wire.ts";
import { asString } from "../json.ts";
import { openaiChat } from "../openai-chat/format.ts";
import { chatUsage } from "../openai-chat/usage.ts";
import { writeChatRequest } from "../openai-chat/write.ts";
import { openaiPath } from "../openai-path.ts";
import { embeddingsModifiers } from "./modify.ts";
import { readEmbeddingsRequest } from "./request.ts";

/** OpenAI's embeddings, which many vendors imitate. They are never streamed. */
export const openaiEmbeddings: WireFormat = {
  surface: "embeddings",
  paths: ["/v1/embeddings"],
  upstreamPath: (_view, target, query) => openaiPath("embeddings", target, query),
  phases: openaiChat.phases,
  readRequest: (raw) => readEmbeddingsRequest(raw),
  writeRequest: (view, edit) => writeChatRequest(view, edit, embeddingsModifiers),
  tellsUsage: () => true,
  readAnswer: readEmbeddingsAnswer,
  openStream: openaiChat.openStream,
  writeRefusal: openaiChat.writeRefusal,
  writeStreamError: openaiChat.writeStreamError,
};

/** Vectors are no words, whether they come as numbers or in base64. */
function readEmbeddingsAnswer(body: JsonObject): AnswerSummary {
  return { usage: chatUsage(body), finishReason: "", model: asString(body.model), text: "" };
}
