import { azureChat, azureCompletions, azureEmbeddings } from "../azure/format.ts";
import { chatEcho } from "./chat.ts";
import { completionsEcho } from "./completions.ts";
import { embeddingsEcho } from "./embeddings.ts";
import type { EchoSaying, EchoSurface } from "./surface.ts";

const idHeader = "apim-request-id";
const unfiltered = Object.fromEntries(
  ["hate", "self_harm", "sexual", "violence"].map((kind) => [kind, { filtered: false, severity: "safe" }]),
);

/** Chat completions as Azure answers them. */
export const azureChatEcho = atAzure(chatEcho, azureChat);
/** Completions as Azure answers them. */
export const azureCompletionsEcho = atAzure(completionsEcho, azureCompletions);
/** Embeddings as Azure answers them. */
export const azureEmbeddingsEcho: EchoSurface = { ...embeddingsEcho, format: azureEmbeddings, idHeader };

/** Azure tells of its filter: in an event before the first choice, or beside a whole answer. */
function atAzure(base: EchoSurface, format: EchoSurface["format"]): EchoSurface {
  const prompt_filter_results = [{ prompt_index: 0, content_filter_results: unfiltered }];
  const first = { choices: [], created: 0, id: "", model: "", object: "", prompt_filter_results };
  return {
    ...base,
    format,
    idHeader,
    answer: (saying: EchoSaying) => JSON.stringify({ ...JSON.parse(base.answer(saying)), prompt_filter_results }),
    events: (saying: EchoSaying) => [`data: ${JSON.stringify(first)}\n\n`, ...(base.events?.(saying) ?? [])],
  };
}
