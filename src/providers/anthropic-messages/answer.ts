import type { AnswerSummary, JsonObject } from "../../core/wire.ts";
import type { TakeDelta } from "../delta.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import { readMessagesUsage } from "./usage.ts";

/** Reads a whole message, or whatever else came with status 200. */
export function readMessagesAnswer(body: JsonObject): AnswerSummary {
  const texts: string[] = [];
  takeMessageDeltas(body, (_choice, _kind, _tool, text) => texts.push(text));
  return {
    usage: readMessagesUsage(asObject(body.usage)),
    finishReason: asString(body.stop_reason),
    model: asString(body.model),
    text: texts.join(""),
  };
}

/** Hands over all that the model wrote in a whole message. */
export function takeMessageDeltas(body: JsonObject, take: TakeDelta): void {
  for (const [i, block] of asArray(body.content).entries()) {
    if (isObject(block)) takeBlock(block, String(i), take);
  }
}

/** Hands over what one event of a stream adds. */
export function takeEventDeltas(event: JsonObject, take: TakeDelta): void {
  const index = String(event.index ?? 0);
  if (event.type === "content_block_start") {
    const block = asObject(event.content_block);
    // A stream starts each call with an empty input, which its fragments then spell out.
    if (isObject(block.input) && Object.keys(block.input).length === 0)
      takeBlock({ ...block, input: null }, index, take);
    else takeBlock(block, index, take);
  } else if (event.type === "content_block_delta") {
    const delta = asObject(event.delta);
    if (delta.type === "text_delta") take(0, "text", "", asString(delta.text));
    else if (delta.type === "thinking_delta") take(0, "reasoning", "", asString(delta.thinking));
    else if (delta.type === "input_json_delta") take(0, "tool_arguments", index, asString(delta.partial_json));
    else if (delta.type === "compaction_delta") take(0, "reasoning", "", asString(delta.content));
  }
}

function takeBlock(block: JsonObject, index: string, take: TakeDelta): void {
  switch (block.type) {
    case "text":
      take(0, "text", "", asString(block.text));
      break;
    case "thinking":
      take(0, "reasoning", "", asString(block.thinking));
      break;
    case "compaction":
      take(0, "reasoning", "", asString(block.content));
      break;
    case "tool_use":
    case "server_tool_use":
    case "mcp_tool_use":
      take(0, "tool_name", index, asString(block.name));
      if (isObject(block.input)) take(0, "tool_arguments", index, JSON.stringify(block.input));
  }
}
