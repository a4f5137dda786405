import type { Surface } from "../../core/phases.ts";
import { azureChatEcho, azureCompletionsEcho, azureEmbeddingsEcho } from "./azure.ts";
import { chatEcho } from "./chat.ts";
import { cohereEcho, cohereEmbeddingsEcho } from "./cohere.ts";
import { completionsEcho } from "./completions.ts";
import { countTokensEcho } from "./count-tokens.ts";
import { embeddingsEcho } from "./embeddings.ts";
import { geminiCountTokensEcho, geminiEcho, geminiEmbeddingsEcho } from "./gemini.ts";
import { messagesEcho } from "./messages.ts";
import { responsesEcho } from "./responses.ts";
import type { EchoSurface } from "./surface.ts";

/** How the simulated provider speaks each surface. */
export const echoSurfaces: Readonly<Record<Surface, EchoSurface>> = {
  chat: chatEcho,
  completions: completionsEcho,
  responses: responsesEcho,
  embeddings: embeddingsEcho,
  messages: messagesEcho,
  count_tokens: countTokensEcho,
  gemini: geminiEcho,
  "gemini-count-tokens": geminiCountTokensEcho,
  "gemini-embeddings": geminiEmbeddingsEcho,
  cohere: cohereEcho,
  "cohere-embeddings": cohereEmbeddingsEcho,
  "azure-chat": azureChatEcho,
  "azure-completions": azureCompletionsEcho,
  "azure-embeddings": azureEmbeddingsEcho,
};
