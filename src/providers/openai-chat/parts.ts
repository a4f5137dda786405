import type { Json, JsonObject, PromptPart } from "../../core/wire.ts";
import { sizeOfDataUrl } from "../image-size.ts";
import { asArray, asObject, asString, isArray, isObject } from "../json.ts";
import { documentTokens, soundTokens, textOfDataUrl } from "../media.ts";
import { createSink, gathered, type PromptSink, takeJson, takeStrings } from "../prompt-text.ts";

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
  return { ...gathered(asString(message.role), sink), named };
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

/** Sound and most files are bytes, not text: those are estimated. */
function takePart(part: JsonObject, sink: PromptSink): void {
  if (part.type === "text") takeJson(part.text, sink);
  else if (part.type === "image_url") takeImage(part.image_url, sink);
  else if (part.type === "input_audio") takeSound(asObject(part.input_audio), sink);
  else if (part.type === "file") takeFile(asObject(part.file), sink);
  else takeStrings(part, sink);
}

/** Sound that came with a message. */
export function takeSound({ data, format }: JsonObject, sink: PromptSink): void {
  sink.tokens += soundTokens(data, asString(format));
}

/** A file: its text, where it is one, else an estimate. */
export function takeFile({ filename, file_data: data }: JsonObject, sink: PromptSink): void {
  takeJson(filename, sink);
  const text = textOfDataUrl(data);
  if (text !== null) takeJson(text, sink);
  else sink.tokens += documentTokens(data);
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
