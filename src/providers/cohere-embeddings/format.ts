import type { AnswerSummary, JsonObject, PromptPart, RequestView, WireFormat } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
import { cohere } from "../cohere/format.ts";
import { cohereModifiers, redactCohere } from "../cohere/modify.ts";
import { takeContent } from "../cohere/parts.ts";
import { readCohereUsage } from "../cohere/usage.ts";
import { writeCohereRequest } from "../cohere/write.ts";
import type { Modifiers } from "../draft.ts";
import { optionalObjects, requireString } from "../fields.ts";
import { asArray } from "../json.ts";
import { createSink } from "../prompt-text.ts";
import { redactor } from "../redact.ts";
import { changeTexts, textInputs } from "../text-input.ts";
import { TextRequest } from "../text-request.ts";

/** Cohere's embeddings, version 2. Their answers are figures. */
export const cohereEmbeddings: WireFormat = {
  surface: "cohere-embeddings",
  paths: ["/v2/embed"],
  upstreamPath: (_view, _target, query) => `/v2/embed${query}`,
  phases: cohere.phases,
  readRequest: (raw) => readEmbedRequest(raw),
  writeRequest: (view, edit) => writeCohereRequest(view, edit, modifiers),
  tellsUsage: () => true,
  readAnswer: readVectors,
  openStream: cohere.openStream,
  writeRefusal: cohere.writeRefusal,
  writeStreamError: cohere.writeStreamError,
};

/** Inputs come as texts, as images, or as lists that mix both. */
function readEmbedRequest(raw: Uint8Array): RequestView {
  const body = parseBody(raw);
  const model = requireString(body, "model", 256);
  const inputs = [
    ...textInputs(body, "texts"),
    ...optionalObjects(body, "inputs").map((input) => inputPart(input)),
    ...asArray(body.images).map((image) => inputPart({ content: [{ type: "image_url", image_url: image }] })),
  ];
  return new TextRequest({ surface: "cohere-embeddings", raw, body, model, choices: 0, user: "", inputs });
}

function inputPart({ content }: JsonObject): PromptPart {
  const sink = createSink();
  takeContent(content, sink);
  return { kind: "text", role: "", texts: sink.texts, images: sink.images };
}

const nothingWritten = () => undefined;

/** Nothing is written, so what rules say of how it is written has no meaning; instructions would move the vector. */
const modifiers: Modifiers = {
  model: cohereModifiers.model,
  messages(draft, changes) {
    const redact = redactor(changes);
    changeTexts(draft, "texts", redact);
    redactCohere(draft, ["inputs"], redact);
  },
  max_tokens: nothingWritten,
  n: nothingWritten,
  reasoning_effort: nothingWritten,
  service_tier: nothingWritten,
  stop: nothingWritten,
  system: nothingWritten,
  temperature: nothingWritten,
  tools: nothingWritten,
  top_p: nothingWritten,
  user: nothingWritten,
};

function readVectors(body: JsonObject): AnswerSummary {
  return { usage: readCohereUsage(body.meta), finishReason: "", model: "", text: "" };
}
