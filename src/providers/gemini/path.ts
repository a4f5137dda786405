import type { Target } from "../../core/ports.ts";
import { SluiceError } from "../../errors.ts";

/** What a call on a model asks for, by the word after the colon. */
export type GeminiMethod =
  | "generateContent"
  | "streamGenerateContent"
  | "countTokens"
  | "embedContent"
  | "batchEmbedContents";

/** A Gemini call as its URL says it. */
export interface GeminiCall {
  /** Without `models/`; tuned models keep their `tunedModels/`. */
  readonly model: string;
  readonly method: string;
}

/** The API's versions: older and newer clients differ in the one they name. What is sent on is always the widest. */
const versions = ["v1beta", "v1", "v1alpha"] as const;

/**
 * The paths of all Gemini surfaces. Clients put `models/` or `tunedModels/` before the model; some put `models/` before
 * a name that has one of them already.
 */
export const geminiPaths = versions.flatMap((version) => [
  `/${version}/models/:call`,
  `/${version}/tunedModels/:call`,
  `/${version}/models/models/:call`,
  `/${version}/models/tunedModels/:call`,
]);

const root = `/${versions[0]}/`;
const callPath = /^(?:https?:\/\/[^/]+)?\/(?:v1beta|v1|v1alpha)\/((?:models|tunedModels)\/.*):([^:/]*)$/;
const longestModel = 256;
/** Names that Google's parameters go by that say who calls: none is for the provider, who gets its own. */
const credentials = new Set(["key", "access_token", "oauth_token"]);
/** What else is not passed on: the encoding of the answer is the gateway's to choose, or nothing could read it. */
const encodings = new Set(["alt", "$alt", "callback", "$callback"]);

/** Which model and method a URL or path names; `null` for one that is no such call. */
export function geminiCall(url: string): GeminiCall | null {
  const [, model, method] = callPath.exec(decoded(pathOf(url))) ?? [];
  return model === undefined || method === undefined ? null : { model: bareModel(model), method };
}

/** Whether a URL asks for one of these methods. */
export function asksFor(url: string, ...methods: readonly GeminiMethod[]): boolean {
  const method = geminiCall(url)?.method;
  return methods.some((one) => one === method);
}

/** A model's name without the collection that it is usually named with. */
export function bareModel(name: string): string {
  let bare = name;
  while (bare.startsWith("models/")) bare = bare.slice("models/".length);
  return bare;
}

/** A model's name with the collection that it is in. */
export function modelName(model: string): string {
  return model.startsWith("tunedModels/") ? model : `models/${bareModel(model)}`;
}

/**
 * The model that a call means: the one it was routed to, else the URL's, else the body's.
 *
 * @throws SluiceError `invalid_request` without one
 */
export function modelOf(url: string | undefined, routed: string | undefined, body: unknown): string {
  const named = typeof body === "string" ? bareModel(body) : "";
  const model = routed ?? geminiCall(url ?? "")?.model ?? named;
  if (model !== "" && model.length <= longestModel) return model;
  throw new SluiceError("invalid_request", {
    problem: `The path must name a model of 1 to ${longestModel} characters; received ${model.length}.`,
  });
}

/**
 * Where a target takes a call. Nothing of the client's credentials is in it, and a name that clients made up leads nowhere
 * else: what would part it is escaped.
 */
export function geminiPath(method: GeminiMethod, { model }: Target, query: string): string {
  const [collection, ...rest] = modelName(model).split("/");
  const kept = pairsOf(query).filter(({ key }) => !credentials.has(key) && !encodings.has(key));
  if (asksForEvents(query)) kept.push({ key: "alt", value: "sse", text: "alt=sse" });
  const path = `${root}${collection}/${encodeURIComponent(rest.join("/"))}:${method}`;
  return kept.length === 0 ? path : `${path}?${kept.map(({ text }) => text).join("&")}`;
}

/**
 * Refuses an encoding of the answer that nobody here could read.
 *
 * @throws SluiceError `invalid_request`
 */
export function checkEncoding(url: string): void {
  for (const { key, value } of pairsOf(queryOf(url))) {
    const known = key === "alt" ? ["json", "sse"] : key === "$alt" ? ["json", "sse"] : null;
    if (known === null || known.includes(value.split(";")[0]!)) continue;
    throw new SluiceError("invalid_request", {
      problem: `'${key}' must be json or sse; received '${value.slice(0, 60)}'.`,
    });
  }
}

/** Whether a stream is asked for as events; else it comes as one JSON array. */
export function asksForEvents(query: string): boolean {
  return pairsOf(query).some(({ key, value }) => (key === "alt" || key === "$alt") && value === "sse");
}

interface Pair {
  readonly key: string;
  readonly value: string;
  /** As the client wrote it. */
  readonly text: string;
}

function pairsOf(query: string): Pair[] {
  if (query.length < 2) return [];
  return query
    .slice(1)
    .split("&")
    .filter((text) => text !== "")
    .map((text) => {
      const [key = "", ...value] = text.split("=");
      return { key: decoded(key), value: decoded(value.join("=")), text };
    });
}

/** The query of a URL or path with its question mark; empty without one. */
export function queryOf(url: string): string {
  const start = url.indexOf("?");
  return start === -1 ? "" : url.slice(start).split("#")[0]!;
}

function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0]!;
}

/** A text without its escapes; as it stands where they are wrong. */
function decoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
