import type { Json, JsonObject, PromptPart } from "../../core/wire.ts";
import { sizeOfDataUrl } from "../image-size.ts";
import { asArray, asObject, asString, isArray, isObject } from "../json.ts";
import { createSink, type PromptSink, takeJson, takeStrings } from "../prompt-text.ts";

/** One message as counters see it. */
export function messagePart(message: JsonObject): PromptPart {
  const sink = createSink();
  takeContent(message.content, sink);
  takeJson(message.tool_plan, sink);
  for (const item of asArray(message.tool_calls)) {
    const called = asObject(asObject(item).function);
    takeJson(called.name, sink);
    takeJson(called.arguments, sink);
  }
  return { kind: "message", role: asString(message.role), texts: sink.texts, images: sink.images };
}

/** Documents beside the messages: the model reads them, and nobody says them. */
export function documentParts(body: JsonObject): readonly PromptPart[] {
  return asArray(body.documents).map((document) => {
    const sink = createSink();
    takeDocument(document, sink);
    return { kind: "text", role: "", texts: sink.texts, images: sink.images };
  });
}

/** Takes what a message or an input to embed holds. */
export function takeContent(content: Json | undefined, sink: PromptSink): void {
  if (typeof content === "string") {
    if (content !== "") sink.texts.push(content);
  } else if (isArray(content)) {
    for (const part of content) {
      if (isObject(part)) takePart(part, sink);
      else takeStrings(part, sink);
    }
  }
}

function takePart(part: JsonObject, sink: PromptSink): void {
  if (part.type === "text") takeJson(part.text, sink);
  else if (part.type === "thinking") takeJson(part.thinking, sink);
  else if (part.type === "image_url") takeImage(part.image_url, sink);
  else if (part.type === "document") takeDocument(part.document, sink);
  else takeStrings(part, sink);
}

/** A text, or what is known of the document by name. */
function takeDocument(document: Json | undefined, sink: PromptSink): void {
  if (isObject(document) && document.data !== undefined) takeJson(document.data, sink);
  else takeJson(document, sink);
}

function takeImage(image: Json | undefined, sink: PromptSink): void {
  const url = asString(image) || asString(asObject(image).url);
  const { detail } = asObject(image);
  sink.images.push({ detail: detail === "low" || detail === "high" ? detail : "auto", ...sizeOfDataUrl(url) });
}
