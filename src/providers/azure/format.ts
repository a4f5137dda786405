import type { Surface } from "../../core/phases.ts";
import type { RequestView, WireFormat } from "../../core/wire.ts";
import { SluiceError } from "../../errors.ts";
import { openaiChat } from "../openai-chat/format.ts";
import { readChatRequest } from "../openai-chat/request.ts";
import { openaiCompletions } from "../openai-completions/format.ts";
import { readCompletionsRequest } from "../openai-completions/request.ts";
import { openaiEmbeddings } from "../openai-embeddings/format.ts";
import { readEmbeddingsRequest } from "../openai-embeddings/request.ts";

/** Chat completions as Azure's clients ask for them. */
export const azureChat = azureFormat("azure-chat", "chat/completions", openaiChat, readChatRequest);
/** Completions as Azure's clients ask for them. */
export const azureCompletions = azureFormat(
  "azure-completions",
  "completions",
  openaiCompletions,
  readCompletionsRequest,
);
/** Embeddings as Azure's clients ask for them. */
export const azureEmbeddings = azureFormat("azure-embeddings", "embeddings", openaiEmbeddings, readEmbeddingsRequest);

/**
 * A surface of OpenAI's at Azure: the same bodies, answers and errors, and the deployment in the path, which is the model
 * that the client names. Whatever the body says beside it means nothing at Azure; elsewhere it would, so it is made to
 * say the same.
 */
function azureFormat(
  surface: Surface,
  name: string,
  base: WireFormat,
  read: (raw: Uint8Array, surface: Surface, model: string) => RequestView,
): WireFormat {
  return {
    ...base,
    surface,
    // Some clients join an address that ends in a slash to a path that begins with one.
    paths: ["/azure/openai", "/azure//openai"].map((start) => `${start}/deployments/:deployment/${name}`),
    readRequest: (raw, url = "", model = deploymentOf(url)) => read(raw, surface, model),
    writeRequest: (view, edit) => base.writeRequest(view, { ...edit, model: edit.model ?? view.model }),
  };
}

const deployments = "/deployments/";

/** The deployment that a URL names. */
function deploymentOf(url: string): string {
  const start = url.indexOf(deployments) + deployments.length;
  const end = url.indexOf("/", start);
  let name = "";
  try {
    name = decodeURIComponent(url.slice(start, end));
  } catch {
    // Escapes that are wrong name nothing, as below.
  }
  if (start >= deployments.length && name !== "" && name.length <= 256) return name;
  throw new SluiceError("invalid_request", {
    problem: "The path must name a deployment of at most 256 characters, as in /deployments/gpt-4o/chat/completions.",
  });
}
