import type { Json, JsonObject, PromptPart } from "../../core/wire.ts";
import { sizeOfBase64 } from "../image-size.ts";
import { asObject, asString, isObject } from "../json.ts";
import { createSink, type PromptSink, takeJson, takeStrings } from "../prompt-text.ts";
import { camelOf, listOf, memberOf } from "./spelling.ts";

/** One content, or the system instruction, as counters see it. */
export function contentPart(content: JsonObject): PromptPart {
  const sink = createSink();
  for (const part of listOf(content.parts)) {
    if (isObject(part)) takePart(part, sink);
    else takeStrings(part, sink);
  }
  return { kind: "message", role: asString(content.role), texts: sink.texts, images: sink.images };
}

function takePart(part: JsonObject, sink: PromptSink): void {
  for (const key in part) takeMember(camelOf(key), part[key], sink);
}

/** Sound, films and documents are bytes, not text: nothing of them but a name is counted. */
function takeMember(name: string, value: Json | undefined, sink: PromptSink): void {
  const inner = asObject(value);
  switch (name) {
    case "text":
      takeJson(value, sink);
      break;
    case "inlineData":
      takeJson(memberOf(inner, "displayName"), sink);
      takeMedia(inner, sizeOfBase64(asString(inner.data)), sink);
      break;
    case "fileData":
      takeJson(memberOf(inner, "displayName"), sink);
      takeMedia(inner, undefined, sink);
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

function takeMedia(data: JsonObject, size: ReturnType<typeof sizeOfBase64>, sink: PromptSink): void {
  if (asString(memberOf(data, "mimeType")).startsWith("image/")) sink.images.push({ detail: "auto", ...size });
}
