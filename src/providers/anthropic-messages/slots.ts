import type { JsonObject } from "../../core/wire.ts";
import { isObject } from "../json.ts";
import { type Draft, memberSlot, type Slot } from "../slots.ts";

/** Blocks that call a tool. Those of `tool_use` are for the client to run. */
const callBlocks: ReadonlySet<unknown> = new Set(["tool_use", "server_tool_use", "mcp_tool_use"]);

/** Whether a block calls a tool. */
export function isCall(block: JsonObject): boolean {
  return callBlocks.has(block.type);
}

/**
 * The places in a block where the model wrote something.
 *
 * @param index of the block, which is the key of the call it may be
 * @param whole whether the block has its input, which a stream spells out later
 */
export function blockSlots(block: Draft, index: string, whole: boolean): Slot[] {
  if (block.type === "text" && typeof block.text === "string") return [memberSlot(block, "text", textChannel)];
  if (block.type === "thinking" && typeof block.thinking === "string") {
    return [memberSlot(block, "thinking", reasoningChannel)];
  }
  if (block.type === "compaction" && typeof block.content === "string") {
    return [memberSlot(block, "content", reasoningChannel)];
  }
  if (!isCall(block)) return [];
  const slots: Slot[] = [];
  if (typeof block.name === "string") {
    slots.push(memberSlot(block, "name", { choice: 0, kind: "tool_name", tool: index }));
  }
  if (isObject(block.input) && (whole || Object.keys(block.input).length > 0)) slots.push(inputSlot(block, index));
  return slots;
}

/** The place where an event of a stream adds to a block. */
export function deltaSlots(delta: Draft, index: string): Slot[] {
  if (delta.type === "text_delta" && typeof delta.text === "string") return [memberSlot(delta, "text", textChannel)];
  if (delta.type === "thinking_delta" && typeof delta.thinking === "string") {
    return [memberSlot(delta, "thinking", reasoningChannel)];
  }
  if (delta.type === "compaction_delta" && typeof delta.content === "string") {
    return [memberSlot(delta, "content", reasoningChannel)];
  }
  if (delta.type === "input_json_delta" && typeof delta.partial_json === "string") {
    return [memberSlot(delta, "partial_json", { choice: 0, kind: "tool_arguments", tool: index })];
  }
  return [];
}

/** Anthropic gives one answer; the text of all its blocks is one text, and so is what it thought. */
export const textChannel = { choice: 0, kind: "text", tool: "" } as const;
export const reasoningChannel = { choice: 0, kind: "reasoning", tool: "" } as const;

/** Arguments that stand as an object: what is no object any more cannot stand there. */
function inputSlot(block: Draft, index: string): Slot {
  return {
    choice: 0,
    kind: "tool_arguments",
    tool: index,
    text: JSON.stringify(block.input),
    set(text) {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        value = null;
      }
      block.input = typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
    },
  };
}
