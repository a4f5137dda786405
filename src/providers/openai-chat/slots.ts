import type { JsonObject } from "../../core/wire.ts";
import { asArray, asString, isArray, isObject } from "../json.ts";
import { type Draft, memberSlot, type Slot } from "../slots.ts";

/** A choice of a completion, or of a chunk, with what the model wrote in it. */
export interface ChoiceSlots {
  readonly index: number;
  readonly choice: Draft;
  /** The `delta` of a chunk, the `message` of a whole completion. */
  readonly message: Draft;
  readonly slots: readonly Slot[];
}

/** The key of the legacy call that a choice can make beside none. */
export const functionCall = "function_call";

/** Every place in the choices where the model wrote something. */
export function chatSlots(body: JsonObject): readonly ChoiceSlots[] {
  const found: ChoiceSlots[] = [];
  for (const [i, item] of asArray(body.choices).entries()) {
    if (!isObject(item)) continue;
    const choice = item as Draft;
    const index = typeof choice.index === "number" ? choice.index : i;
    const member = isObject(choice.delta) ? "delta" : "message";
    const message = (isObject(choice[member]) ? choice[member] : {}) as Draft;
    const slots: Slot[] = [];
    const also = () => {
      // The tokens, the sum so far and the text beside the delta, which some vendors send along, say it once more.
      if (choice.logprobs) choice.logprobs = null;
      if (member === "delta") choice.message = undefined;
      if (choice[member] !== undefined) choice.text = undefined;
    };
    takeMessage(message, index, slots, also);
    // Completions, which are otherwise the same, have their text here.
    if (choice[member] === undefined && typeof choice.text === "string") {
      slots.push(memberSlot(choice, "text", { choice: index, kind: "text", tool: "" }, also));
    }
    found.push({ index, choice, message, slots });
  }
  return found;
}

/** The key of a call: fragments of one share an index; vendors without one send whole calls, told apart by their id. */
export function callKey(call: JsonObject, position: number): string {
  return typeof call.index === "number" ? String(call.index) : asString(call.id) || String(position);
}

function takeMessage(message: Draft, choice: number, slots: Slot[], also: () => void): void {
  const text = { choice, kind: "text", tool: "" } as const;
  if (typeof message.content === "string") slots.push(memberSlot(message, "content", text, also));
  else if (isArray(message.content)) for (const part of message.content) takePart(part as Draft, choice, slots, also);
  takeReasoning(message, choice, slots);
  if (typeof message.refusal === "string") {
    slots.push(memberSlot(message, "refusal", { choice, kind: "refusal", tool: "" }, also));
  }
  const audio = message.audio;
  if (isObject(audio) && typeof audio.transcript === "string")
    slots.push(memberSlot(audio as Draft, "transcript", text));
  for (const [i, call] of asArray(message.tool_calls).entries()) {
    if (!isObject(call)) continue;
    const tool = callKey(call, i);
    if (isObject(call.function)) takeCalled(call.function as Draft, "arguments", choice, tool, slots);
    if (isObject(call.custom)) takeCalled(call.custom as Draft, "input", choice, tool, slots);
  }
  if (isObject(message.function_call)) {
    takeCalled(message.function_call as Draft, "arguments", choice, functionCall, slots);
  }
}

/** A part of a list, as Mistral sends it. */
function takePart(part: Draft, choice: number, slots: Slot[], also: () => void): void {
  if (!isObject(part)) return;
  if (typeof part.text === "string") {
    slots.push(memberSlot(part, "text", { choice, kind: "text", tool: "" }, also));
  } else if (typeof part.thinking === "string") {
    slots.push(memberSlot(part, "thinking", { choice, kind: "reasoning", tool: "" }));
  } else {
    for (const item of asArray(part.thinking)) {
      if (!isObject(item) || typeof item.text !== "string") continue;
      slots.push(memberSlot(item as Draft, "text", { choice, kind: "reasoning", tool: "" }));
    }
  }
}

/** Two names for one text, and OpenRouter's list that says it again in parts. */
function takeReasoning(message: Draft, choice: number, slots: Slot[]): void {
  const named = (["reasoning_content", "reasoning"] as const).filter((name) => typeof message[name] === "string");
  const first = named.find((name) => message[name] !== "") ?? named[0];
  if (first === undefined) return;
  slots.push({
    choice,
    kind: "reasoning",
    tool: "",
    text: message[first] as string,
    set(text) {
      for (const name of named) message[name] = text;
      message.reasoning_details = undefined;
    },
  });
}

function takeCalled(called: Draft, member: string, choice: number, tool: string, slots: Slot[]): void {
  if (typeof called.name === "string") slots.push(memberSlot(called, "name", { choice, kind: "tool_name", tool }));
  const given = called[member];
  if (isObject(given)) called[member] = JSON.stringify(given);
  if (typeof called[member] === "string") {
    slots.push(memberSlot(called, member, { choice, kind: "tool_arguments", tool }));
  }
}
