import type { Json, JsonObject, PromptPart } from "../../core/wire.ts";
import { sizeOfBase64 } from "../image-size.ts";
import { asObject, asString, isObject } from "../json.ts";
import { createSink, type PromptSink, takeJson, takeStrings } from "../prompt-text.ts";
import { camelOf, listOf, memberOf } from "./spelling.ts";

/** What a content holds beside texts and images: sound, films and documents, as the tokens that they may come to. */
interface ContentSink extends PromptSink {
  tokens: number;
}

/** One content, or the system instruction, as counters see it. */
export function contentPart(content: JsonObject): PromptPart {
  const sink: ContentSink = { ...createSink(), tokens: 0 };
  for (const part of listOf(content.parts)) {
    if (isObject(part)) takePart(part, sink);
    else takeStrings(part, sink);
  }
  const { texts, images, tokens } = sink;
  return { kind: "message", role: asString(content.role), texts, images, ...(tokens > 0 && { tokens }) };
}

function takePart(part: JsonObject, sink: ContentSink): void {
  for (const key in part) takeMember(camelOf(key), part[key], sink);
}

function takeMember(name: string, value: Json | undefined, sink: ContentSink): void {
  const inner = asObject(value);
  switch (name) {
    case "text":
      takeJson(value, sink);
      break;
    case "inlineData":
      takeJson(memberOf(inner, "displayName"), sink);
      takeInline(inner, sink);
      break;
    case "fileData":
      takeJson(memberOf(inner, "displayName"), sink);
      if (mediaType(inner).startsWith("image/")) sink.images.push({ detail: "auto" });
      else sink.tokens += leastOfMedia;
      break;
    case "functionCall":
      takeJson(inner.name, sink);
      takeJson(inner.args, sink);
      break;
    case "functionResponse":
      takeJson(inner.name, sink);
      takeJson(inner.response, sink);
      for (const part of listOf(inner.parts)) takePart(asObject(part), sink);
      break;
    case "executableCode":
      takeJson(inner.code, sink);
      break;
    case "codeExecutionResult":
      takeJson(inner.output, sink);
      break;
    case "thoughtSignature":
    case "videoMetadata":
    case "mediaResolution":
      break;
    default:
      takeStrings(value, sink);
  }
}

/** What one page, one second of film or eight of sound come to at least. */
const leastOfMedia = 258;
/** Of compressed sound, film and pages, as many bytes come to one token or to less than one. */
const bytesOfMediaToken = 250;

/** Whether bytes of this type are a text that the model reads as such. */
export function isTextType(type: string): boolean {
  return /^\s*(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|yaml)\b)/i.test(type);
}

function takeInline(data: JsonObject, sink: ContentSink): void {
  const type = mediaType(data);
  const base64 = asString(data.data);
  if (isTextType(type) || isTextType(asString(data.mime_type)))
    takeJson(Buffer.from(base64, "base64").toString(), sink);
  else if (type.startsWith("image/")) sink.images.push({ detail: "auto", ...sizeOfBase64(base64) });
  else sink.tokens += Math.max(leastOfMedia, Math.ceil((base64.length * 3) / 4 / bytesOfMediaToken));
}

function mediaType(data: JsonObject): string {
  return asString(memberOf(data, "mimeType")).toLowerCase();
}
