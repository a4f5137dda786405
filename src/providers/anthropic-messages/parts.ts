import type { Json, JsonObject, PromptPart } from "../../core/wire.ts";
import { sizeOfBase64 } from "../image-size.ts";
import { asObject, asString, isArray, isObject } from "../json.ts";
import { documentTokens } from "../media.ts";
import { createSink, gathered, type PromptSink, takeJson, takeStrings } from "../prompt-text.ts";

/** One message, or the system prompt, as counters see it. */
export function messagePart(message: JsonObject): PromptPart {
  const sink = createSink();
  takeContent(message.content, sink);
  return gathered(asString(message.role), sink);
}

function takeContent(content: Json | undefined, sink: PromptSink): void {
  if (typeof content === "string") {
    if (content !== "") sink.texts.push(content);
  } else if (isArray(content)) {
    for (const block of content) {
      if (isObject(block)) takeBlock(block, sink);
      else takeStrings(block, sink);
    }
  }
}

function takeBlock(block: JsonObject, sink: PromptSink): void {
  switch (block.type) {
    case "text":
      takeJson(block.text, sink);
      break;
    case "thinking":
      takeJson(block.thinking, sink);
      break;
    case "redacted_thinking":
      break;
    case "image":
      takeImage(asObject(block.source), sink);
      break;
    case "document":
      takeDocument(block, sink);
      break;
    case "tool_use":
    case "server_tool_use":
    case "mcp_tool_use":
      takeJson(block.name, sink);
      takeJson(block.input, sink);
      break;
    case "tool_result":
    case "mcp_tool_result":
    case "search_result":
      takeJson(block.title, sink);
      takeContent(block.content, sink);
      break;
    default:
      takeStrings(block, sink);
  }
}

function takeImage(source: JsonObject, sink: PromptSink): void {
  const size = source.type === "base64" ? sizeOfBase64(asString(source.data)) : undefined;
  sink.images.push({ detail: "auto", ...size });
}

/** Only the text of a document is in the body as text; a PDF is bytes, which are estimated. */
function takeDocument(block: JsonObject, sink: PromptSink): void {
  const source = asObject(block.source);
  takeJson(block.title, sink);
  takeJson(block.context, sink);
  if (source.type === "text") takeJson(source.data, sink);
  else if (source.type === "content") takeContent(source.content, sink);
  else sink.tokens += documentTokens(source.data);
}
