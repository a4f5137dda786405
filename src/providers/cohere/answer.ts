import type { AnswerSummary, Json, JsonObject } from "../../core/wire.ts";
import type { TakeDelta } from "../delta.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import { readCohereUsage } from "./usage.ts";

/** Reads a whole chat answer, or whatever else came with status 200. Answers do not name their model. */
export function readCohereAnswer(body: JsonObject): AnswerSummary {
  return {
    usage: readCohereUsage(body.usage),
    finishReason: asString(body.finish_reason),
    model: "",
    error: body.finish_reason === "ERROR" ? asString(body.error) || "error" : asString(body.message),
    get text() {
      const texts: string[] = [];
      takeCohereDeltas(body, (_choice, _kind, _tool, text) => texts.push(text));
      return texts.join("");
    },
  };
}

/** Hands over all that the model wrote in a whole answer. */
export function takeCohereDeltas(body: JsonObject, take: TakeDelta): void {
  const message = asObject(body.message);
  for (const block of asArray(message.content)) takeBlock(block, take);
  if (typeof message.tool_plan === "string") take(0, "reasoning", "", message.tool_plan);
  for (const [i, call] of asArray(message.tool_calls).entries()) takeCall(call, String(i), take);
}

/** Hands over what one event of a stream adds. */
export function takeEventDeltas(event: JsonObject, take: TakeDelta): void {
  const message = asObject(asObject(event.delta).message);
  switch (event.type) {
    case "content-start":
    case "content-delta":
      takeBlock(message.content, take);
      break;
    case "tool-plan-delta":
      if (typeof message.tool_plan === "string") take(0, "reasoning", "", message.tool_plan);
      break;
    case "tool-call-start":
    case "tool-call-delta":
      takeCall(message.tool_calls, callKey(event), take);
  }
}

/** The key of the call that an event belongs to. */
export function callKey({ index }: JsonObject): string {
  return String(index ?? 0);
}

function takeBlock(block: Json | undefined, take: TakeDelta): void {
  const { text, thinking } = asObject(block);
  if (typeof text === "string") take(0, "text", "", text);
  if (typeof thinking === "string") take(0, "reasoning", "", thinking);
}

function takeCall(call: Json | undefined, key: string, take: TakeDelta): void {
  const called = asObject(call).function;
  if (!isObject(called)) return;
  if (typeof called.name === "string") take(0, "tool_name", key, called.name);
  if (typeof called.arguments === "string") take(0, "tool_arguments", key, called.arguments);
}
