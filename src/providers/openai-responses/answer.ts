import type { AnswerSummary, Json, JsonObject, TokenUsage } from "../../core/wire.ts";
import type { TakeDelta } from "../delta.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import { errorText } from "../openai-chat/answer.ts";
import { readUsage } from "../openai-chat/usage.ts";

/** Reads a whole response, or whatever else came with status 200. */
export function readResponsesAnswer(body: JsonObject): AnswerSummary {
  return {
    usage: responsesUsage(body.usage),
    finishReason: finishOf(body),
    model: asString(body.model),
    error: body.error ? errorText(body) : "",
    get text() {
      const texts: string[] = [];
      takeOutput(body, (_choice, _kind, _tool, text) => texts.push(text));
      return texts.join("");
    },
  };
}

/** How a response ended: its status and, when it is not complete, why. */
export function finishOf({ status, incomplete_details: details }: JsonObject): string {
  const { reason } = asObject(details);
  return status === "incomplete" && typeof reason === "string" ? `incomplete:${reason}` : asString(status);
}

/** The usage, whose names are others than chat's. Nothing but zeroes, which is seen on cut answers, means not told. */
export function responsesUsage(usage: Json | undefined): TokenUsage | null {
  if (!isObject(usage)) return null;
  return readUsage({
    prompt_tokens: usage.input_tokens,
    completion_tokens: usage.output_tokens,
    total_tokens: usage.total_tokens,
    prompt_tokens_details: usage.input_tokens_details,
    completion_tokens_details: usage.output_tokens_details,
  });
}

/** Hands over all that the model wrote in the output of a response. A call is known by its item's place. */
export function takeOutput({ output }: JsonObject, take: TakeDelta): void {
  for (const [i, item] of asArray(output).entries()) if (isObject(item)) takeItem(item, String(i), take);
}

/** Members of an item in which the model wrote what a tool is called with, by the item's type. */
export const callMembers: Readonly<Record<string, "arguments" | "input" | "code">> = {
  function_call: "arguments",
  mcp_call: "arguments",
  custom_tool_call: "input",
  code_interpreter_call: "code",
};

/** Hands over what the model wrote in one item. */
export function takeItem(item: JsonObject, tool: string, take: TakeDelta): void {
  const type = asString(item.type);
  const member = callMembers[type];
  if (member !== undefined) {
    take(0, "tool_name", tool, callName(item));
    const given = item[member];
    if (typeof given === "string") take(0, "tool_arguments", tool, given);
  } else if (type === "message") {
    for (const part of asArray(item.content)) takePart(asObject(part), take);
  } else if (type === "reasoning") {
    for (const part of asArray(item.summary)) take(0, "reasoning", "", asString(asObject(part).text));
    for (const part of asArray(item.content)) take(0, "reasoning", "", asString(asObject(part).text));
  }
}

/** A call's name; the provider's own tools go by their type. */
export function callName({ name, type }: JsonObject): string {
  return asString(name) || asString(type).replace(/_call$/, "");
}

function takePart(part: JsonObject, take: TakeDelta): void {
  if (part.type === "output_text") take(0, "text", "", asString(part.text));
  else if (part.type === "refusal") take(0, "refusal", "", asString(part.refusal));
}
