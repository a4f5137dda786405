import type { WireFormat } from "../core/wire.ts";
import { anthropicCountTokens } from "./anthropic-count-tokens/format.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { azureChat, azureCompletions, azureEmbeddings } from "./azure/format.ts";
import { cohere } from "./cohere/format.ts";
import { cohereEmbeddings } from "./cohere-embeddings/format.ts";
import { gemini } from "./gemini/format.ts";
import { geminiCountTokens } from "./gemini-count-tokens/format.ts";
import { geminiEmbeddings } from "./gemini-embeddings/format.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { openaiCompletions } from "./openai-completions/format.ts";
import { openaiEmbeddings } from "./openai-embeddings/format.ts";
import { openaiResponses } from "./openai-responses/format.ts";

/** Every wire format that Sluice speaks. */
export const wireFormats: readonly WireFormat[] = [
  openaiChat,
  openaiCompletions,
  openaiResponses,
  openaiEmbeddings,
  anthropicMessages,
  anthropicCountTokens,
  gemini,
  geminiCountTokens,
  geminiEmbeddings,
  cohere,
  cohereEmbeddings,
  azureChat,
  azureCompletions,
  azureEmbeddings,
];
