import type { JsonObject, RequestView } from "../../core/wire.ts";
import { gemini } from "../gemini/format.ts";
import { GeminiRequest } from "../gemini/request.ts";
import { listOf, memberOf } from "../gemini/spelling.ts";
import { geminiCountTokens } from "../gemini-count-tokens/format.ts";
import { countedRequest } from "../gemini-count-tokens/request.ts";
import { geminiEmbeddings } from "../gemini-embeddings/format.ts";
import { asCount, asObject, isArray } from "../json.ts";
import { embeddingOf } from "./embeddings.ts";
import { type EchoReply, toChunks } from "./reply.ts";
import type { EchoSaying, EchoSurface } from "./surface.ts";

const idHeader = "x-request-id";

/** Gemini's answers. A stream comes as events or as one array, as the URL asks. */
export const geminiEcho: EchoSurface = {
  format: gemini,
  idHeader,
  asksUser,
  toolSchema,
  answer: (saying) => JSON.stringify(element(saying, partsOf(saying.reply), true)),
  events,
  streamType: (view) => (isArrayAsked(view) ? "application/json; charset=UTF-8" : "text/event-stream"),
};

/** Gemini's count of a prompt's tokens. */
export const geminiCountTokensEcho: EchoSurface = {
  format: geminiCountTokens,
  idHeader,
  answer: ({ reply }) => {
    const count = reply.promptTokens;
    return JSON.stringify({ totalTokens: count, promptTokensDetails: [{ modality: "TEXT", tokenCount: count }] });
  },
};

/** Numbers of one vector where the client does not say how many. */
const usualDimensions = 8;
const mostDimensions = 4096;

/** Gemini's embeddings, of one content or several. */
export const geminiEmbeddingsEcho: EchoSurface = {
  format: geminiEmbeddings,
  idHeader,
  answer({ view, reply }) {
    const { body } = view;
    const requests = isArray(body.requests) ? body.requests.map(asObject) : [body];
    const embeddings = view.parts().map(({ texts }, i) => {
      const asked = asCount(memberOf(requests[i] ?? {}, "outputDimensionality")) ?? usualDimensions;
      return { values: [...embeddingOf(texts.join(" "), Math.min(asked, mostDimensions))] };
    });
    const usageMetadata = { promptTokenCount: reply.promptTokens, totalTokenCount: reply.promptTokens };
    const told = isArray(body.requests) ? { embeddings } : { embedding: embeddings[0] };
    return JSON.stringify({ ...told, usageMetadata });
  },
};

function isArrayAsked(view: RequestView): boolean {
  return view instanceof GeminiRequest && !view.asEvents;
}

function asksUser({ body }: RequestView): boolean {
  const last = asObject(listOf(body.contents).at(-1));
  if (last.role !== undefined && last.role !== "user") return false;
  return !listOf(last.parts).some((part) => memberOf(asObject(part), "functionResponse") !== undefined);
}

function toolSchema({ body }: RequestView, name: string): JsonObject {
  const declared = listOf(countedRequest(body).tools)
    .flatMap((tool) => listOf(memberOf(asObject(tool), "functionDeclarations")))
    .map(asObject)
    .find((declaration) => declaration.name === name);
  return lowered(asObject(declared?.parameters ?? memberOf(declared ?? {}, "parametersJsonSchema")));
}

/** Gemini's own schemas shout their types. */
function lowered(schema: JsonObject): JsonObject {
  const text = JSON.stringify(schema).replace(
    /"type":"([A-Z]+)"/g,
    (_, type: string) => `"type":"${type.toLowerCase()}"`,
  );
  return asObject(JSON.parse(text));
}

function partsOf({ tool, words }: EchoReply): JsonObject[] {
  return [tool ? { functionCall: { name: tool.name, args: tool.input } } : { text: words.join("") }];
}

/** An answer, or one of those that a stream is made of. */
function element({ view, reply, id }: EchoSaying, parts: readonly JsonObject[], last: boolean, written?: number) {
  const { promptTokens, cut } = reply;
  const completion = (written ?? reply.completionTokens) * view.choices;
  const finish = last && { finishReason: cut ? "MAX_TOKENS" : "STOP" };
  return {
    candidates: Array.from({ length: view.choices }, (_, index) => ({
      content: { parts, role: "model" },
      ...finish,
      index,
    })),
    usageMetadata: {
      promptTokenCount: promptTokens,
      ...(completion > 0 && { candidatesTokenCount: completion }),
      totalTokenCount: promptTokens + completion,
      promptTokensDetails: [{ modality: "TEXT", tokenCount: promptTokens }],
    },
    modelVersion: view.model,
    responseId: id,
  };
}

function events(saying: EchoSaying): string[] {
  const { reply, chunks, view } = saying;
  const texts = reply.tool ? [] : toChunks(reply.words, chunks);
  const elements = texts.map((text, i) => {
    const written = Math.ceil(((i + 1) * reply.completionTokens) / texts.length);
    return element(saying, [{ text }], i === texts.length - 1, written);
  });
  if (reply.tool) elements.push(element(saying, partsOf(reply), true));
  if (!isArrayAsked(view)) return elements.map((one) => `data: ${JSON.stringify(one)}\r\n\r\n`);
  return [...elements.map((one, i) => `${i === 0 ? "[" : ",\r\n"}${JSON.stringify(one, null, 2)}`), "\n]"];
}
