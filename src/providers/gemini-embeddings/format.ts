import type {
  AnswerSummary,
  BodyEdit,
  Json,
  JsonObject,
  PromptPart,
  RequestView,
  WireFormat,
} from "../../core/wire.ts";
import { SluiceError } from "../../errors.ts";
import { parseBody } from "../body.ts";
import { applyModifications, BodyDraft, type Modifiers } from "../draft.ts";
import { refuse } from "../fields.ts";
import { gemini } from "../gemini/format.ts";
import { contentPart } from "../gemini/parts.ts";
import { asksFor, bareModel, checkEncoding, geminiPath, modelName, modelOf } from "../gemini/path.ts";
import { redactContents } from "../gemini/redact.ts";
import { objects } from "../gemini/request.ts";
import { refuseTwoSpellings } from "../gemini/spelling.ts";
import { readGeminiUsage } from "../gemini/usage.ts";
import { asObject, asString, isArray, isObject } from "../json.ts";
import { spliced } from "../json-tree.ts";
import { redactor } from "../redact.ts";
import { TextRequest } from "../text-request.ts";

/** Gemini's embeddings, of one content or of several at once. Their answers are figures. */
export const geminiEmbeddings: WireFormat = {
  surface: "gemini-embeddings",
  paths: gemini.paths,
  takes: (url) => asksFor(url, "embedContent", "batchEmbedContents"),
  upstreamPath: ({ body }, target, query) =>
    geminiPath(isBatch(body) ? "batchEmbedContents" : "embedContent", target, query),
  phases: gemini.phases,
  readRequest: readEmbedRequest,
  writeRequest: writeEmbedRequest,
  tellsUsage: () => true,
  readAnswer: readVectors,
  openStream: gemini.openStream,
  writeRefusal: gemini.writeRefusal,
  writeStreamError: gemini.writeStreamError,
};

/** The content, and the title where it has one. */
function inputPart({ content, title }: JsonObject): PromptPart {
  const { texts, images } = contentPart(asObject(content));
  const named = asString(title);
  return { kind: "text", role: "", texts: named === "" ? texts : [named, ...texts], images };
}

function isBatch({ requests }: JsonObject): boolean {
  return requests !== undefined;
}

function readEmbedRequest(raw: Uint8Array, url?: string, routed?: string): RequestView {
  const body = parseBody(raw);
  if (url) {
    checkEncoding(url);
    checkShape(body, url);
  }
  const requests = isBatch(body) ? objects(body.requests, "requests") : [body];
  const model = modelOf(url, routed, requests[0]?.model);
  for (const [i, request] of requests.entries()) {
    const where = isBatch(body) ? `requests[${i}].` : "";
    refuseTwoSpellings(request, where);
    if (!isObject(request.content)) refuse(`${where}content`, "an object with parts", request.content);
    if (routed === undefined) checkModel(request.model, model, where);
  }
  const inputs = requests.map(inputPart);
  return new TextRequest({ surface: "gemini-embeddings", raw, body, model, choices: 0, user: "", inputs });
}

/** The path says whether one content comes or several: the body must agree, because it is what the provider is sent. */
function checkShape(body: JsonObject, url: string): void {
  const batch = asksFor(url, "batchEmbedContents");
  if (batch && !isArray(body.requests)) refuse("requests", "an array of objects", body.requests);
  if (!batch && isBatch(body)) refuse("requests", "absent where one content is embedded", body.requests);
}

/** Which of two different models is meant would be the provider's to choose, and not the one that policies judged. */
function checkModel(named: Json | undefined, model: string, where: string): void {
  const bare = bareModel(asString(named));
  if (bare === "" || bare === model) return;
  throw new SluiceError("invalid_request", {
    problem: `'${where}model' must be the path's model '${model}'; received '${bare.slice(0, 256)}'.`,
  });
}

const nothingWritten = () => undefined;

/** Where a request has text: of a document its title, too. */
const embedded = ["content", "title"];

/** Nothing is written, so what rules say of how it is written has no meaning; instructions would move the vector. */
const modifiers: Modifiers = {
  messages(draft, changes) {
    const redact = redactor(changes);
    redactContents(draft, embedded, redact);
    forEachRequest(draft, (request) => redactContents(request, embedded, redact));
  },
  max_tokens: nothingWritten,
  model: nothingWritten,
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

function writeEmbedRequest(view: RequestView, { model = view.model, modifications }: BodyEdit): Uint8Array {
  const draft = new BodyDraft(view);
  if (modifications !== undefined) applyModifications(draft, modifications, modifiers);
  rename(draft, model);
  forEachRequest(draft, (request) => rename(request, model));
  return draft.bytes();
}

/** Bodies repeat the path's model. */
function rename(request: BodyDraft, model: string): void {
  const named = asString(request.body.model);
  if (named !== "" && bareModel(named) !== bareModel(model)) request.set("model", JSON.stringify(modelName(model)));
}

function forEachRequest(draft: BodyDraft, change: (request: BodyDraft) => void): void {
  if (!isBatch(draft.body)) return;
  draft.rewrite("requests", (text, tree) => {
    const nodes = tree.kind === "array" ? tree.items : [tree];
    const splices = nodes.map(({ start, end }) => {
      const raw = Buffer.from(text.slice(start, end));
      const request = new BodyDraft({ raw, body: asObject(JSON.parse(raw.toString()) as Json) });
      change(request);
      return { start, end, text: Buffer.from(request.bytes()).toString() };
    });
    return spliced(text, splices);
  });
}

/** Answers of newer models tell usage; of older ones it has to be counted. */
function readVectors(body: JsonObject): AnswerSummary {
  return { usage: readGeminiUsage(body.usageMetadata), finishReason: "", model: "", text: "" };
}
