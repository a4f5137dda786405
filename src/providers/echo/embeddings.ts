import { asArray, asCount } from "../json.ts";
import { openaiEmbeddings } from "../openai-embeddings/format.ts";
import { chatEcho } from "./chat.ts";
import type { EchoSaying, EchoSurface } from "./surface.ts";

/** Embeddings. */
export const embeddingsEcho: EchoSurface = { format: openaiEmbeddings, idHeader: chatEcho.idHeader, answer };

/** Numbers of one vector where the client does not say how many. */
const usualDimensions = 8;
/** The most that are made, whatever the client says. */
const mostDimensions = 4096;

function answer({ view, reply }: EchoSaying): string {
  const { body } = view;
  const dimensions = Math.min(asCount(body.dimensions) ?? usualDimensions, mostDimensions);
  const texts = view.parts().map((part) => part.texts.join("") || `${part.tokens ?? 0} tokens`);
  // Tokens that are the numbers of one list are one input.
  const inputs = asArray(body.input).every((item) => typeof item === "number") ? texts.slice(0, 1) : texts;
  const data = inputs.map((text, index) => {
    const vector = embeddingOf(text, dimensions);
    const embedding = body.encoding_format === "base64" ? base64(vector) : [...vector];
    return { object: "embedding", index, embedding };
  });
  const usage = { prompt_tokens: reply.promptTokens, total_tokens: reply.promptTokens };
  return JSON.stringify({ object: "list", data, model: view.model, usage });
}

/** A vector of length one, the same for equal texts and another for others. */
export function embeddingOf(text: string, dimensions: number): Float32Array {
  const numbers = Array.from({ length: Math.max(dimensions, 1) }, (_, i) => {
    return Number(Bun.hash.xxHash32(text, i)) / 2 ** 31 - 1;
  });
  const length = Math.hypot(...numbers) || 1;
  return Float32Array.from(numbers, (number) => number / length);
}

/** Little-endian floats of 32 bits, as OpenAI packs them. */
function base64(vector: Float32Array): string {
  return Buffer.from(vector.buffer).toString("base64");
}
