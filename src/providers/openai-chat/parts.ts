import type { Json, JsonObject, PromptPart } from "../../core/wire.ts";
import { sizeOfDataUrl } from "../image-size.ts";
import { asArray, asObject, asString, isArray, isObject } from "../json.ts";
import { createSink, type PromptSink, takeJson, takeStrings } from "../prompt-text.ts";

/** One chat message as counters see it. */
export function messagePart(message: JsonObject): PromptPart {
  const sink = createSink();
  takeContent(message.content, sink);
  takeJson(asString(message.name), sink);
  takeJson(message.refusal, sink);
  takeJson(message.reasoning_content, sink);
  takeJson(message.reasoning, sink);
  for (const call of asArray(message.tool_calls)) takeToolCall(asObject(call), sink);
  if (isObject(message.function_call)) takeFunction(message.function_call, sink);
  const named = asString(message.name) !== "";
  return { kind: "message", role: asString(message.role), named, texts: sink.texts, images: sink.images };
}

function takeContent(content: Json | undefined, sink: PromptSink): void {
  if (typeof content === "string") {
    if (content !== "") sink.texts.push(content);
  } else if (isArray(content)) {
    for (const part of content) {
      if (isObject(part)) takePart(part, sink);
      else takeStrings(part, sink);
    }
  }
}

/** Sound and files are bytes, not text: nothing of them but a name is counted. */
function takePart(part: JsonObject, sink: PromptSink): void {
  if (part.type === "text") takeJson(part.text, sink);
  else if (part.type === "image_url") takeImage(part.image_url, sink);
  else if (part.type === "input_audio") return;
  else if (part.type === "file") takeJson(asObject(part.file).filename, sink);
  else takeStrings(part, sink);
}

function takeImage(image: Json | undefined, sink: PromptSink): void {
  const url = asString(image) || asString(asObject(image).url);
  const asked = asObject(image).detail;
  sink.images.push({ detail: asked === "low" || asked === "high" ? asked : "auto", ...sizeOfDataUrl(url) });
}

function takeToolCall(call: JsonObject, sink: PromptSink): void {
  if (isObject(call.function)) takeFunction(call.function, sink);
  if (isObject(call.custom)) {
    takeJson(call.custom.name, sink);
    takeJson(call.custom.input, sink);
  }
}

function takeFunction(called: JsonObject, sink: PromptSink): void {
  takeJson(called.name, sink);
  takeJson(called.arguments, sink);
}
