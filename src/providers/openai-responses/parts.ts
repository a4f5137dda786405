import type { Json, JsonObject, PromptPart } from "../../core/wire.ts";
import { sizeOfDataUrl } from "../image-size.ts";
import { asArray, asObject, asString, isArray, isObject } from "../json.ts";
import { takeFile, takeSound } from "../openai-chat/parts.ts";
import { createSink, gathered, type PromptSink, takeJson, takeStrings } from "../prompt-text.ts";

/** One item of the input as counters see it. */
export function itemPart(item: JsonObject): PromptPart {
  const sink = createSink();
  takeItem(item, sink);
  return gathered(asString(item.role), sink);
}

function takeItem(item: JsonObject, sink: PromptSink): void {
  switch (item.type ?? "message") {
    case "message":
      takeContent(item.content, sink);
      break;
    case "function_call":
    case "mcp_call":
      for (const key of ["name", "arguments", "output", "error"]) takeJson(item[key], sink);
      break;
    case "custom_tool_call":
      takeJson(item.name, sink);
      takeJson(item.input, sink);
      break;
    case "function_call_output":
    case "custom_tool_call_output":
      takeContent(item.output, sink);
      break;
    case "computer_call_output":
      takePart(asObject(item.output), sink);
      break;
    case "reasoning":
      takeReasoning(item, sink);
      break;
    // Its result is an image, which the model knows already.
    case "image_generation_call":
    case "item_reference":
      break;
    default: {
      const { role: _role, status: _status, call_id: _id, ...rest } = item;
      takeStrings(rest, sink);
    }
  }
}

function takeContent(content: Json | undefined, sink: PromptSink): void {
  if (typeof content === "string") takeJson(content, sink);
  else if (isObject(content)) takePart(content, sink);
  else if (isArray(content)) for (const part of content) takePart(asObject(part), sink);
}

function takePart(part: JsonObject, sink: PromptSink): void {
  switch (part.type) {
    case "input_text":
    case "output_text":
    case "text":
      takeJson(part.text, sink);
      break;
    case "refusal":
      takeJson(part.refusal, sink);
      break;
    case "input_image":
    case "computer_screenshot": {
      const { detail } = part;
      const asked = detail === "low" || detail === "high" ? detail : "auto";
      sink.images.push({ detail: asked, ...sizeOfDataUrl(asString(part.image_url)) });
      break;
    }
    case "input_audio":
      takeSound(asObject(part.input_audio), sink);
      break;
    case "input_file":
      takeFile(part, sink);
      break;
    default:
      takeStrings(part, sink);
  }
}

/** What the model is shown again of its own thoughts; sealed ones cannot be read. */
function takeReasoning(item: JsonObject, sink: PromptSink): void {
  for (const part of [...asArray(item.summary), ...asArray(item.content)]) takeJson(asObject(part).text, sink);
}
