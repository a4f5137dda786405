import type { WireFormat } from "../core/wire.ts";
import { anthropicCountTokens } from "./anthropic-count-tokens/format.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { azureChat, azureCompletions, azureEmbeddings } from "./azure/format.ts";
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
  azureChat,
  azureCompletions,
  azureEmbeddings,
];
