import type { AnswerSummary, Json, JsonObject, TokenUsage } from "../../core/wire.ts";
import type { TakeDelta } from "../delta.ts";
import { asArray, asObject, asString, isArray, isObject } from "../json.ts";
import { chatUsage } from "./usage.ts";

/** Reads a whole chat completion, or whatever else came with status 200. */
export function readChatAnswer(body: JsonObject): AnswerSummary {
  return new ChatAnswer(body);
}

/** What a whole completion said. Its text is put together only where it is read. */
class ChatAnswer implements AnswerSummary {
  readonly usage: TokenUsage | null;
  readonly finishReason: string;
  readonly model: string;
  readonly error: string;
  readonly #body: JsonObject;

  constructor(body: JsonObject) {
    this.usage = chatUsage(body);
    this.finishReason = asString(asObject(asArray(body.choices)[0]).finish_reason);
    this.model = asString(body.model);
    this.error = body.error ? errorText(body) : "";
    this.#body = body;
  }

  get text(): string {
    const texts: string[] = [];
    takeChatDeltas(this.#body, (_choice, _kind, _tool, text) => texts.push(text));
    return texts.join("");
  }
}

/** The provider's words: `{error:{message}}`, `{code,error:"…"}` or, after `event: error`, `{message}`. */
export function errorText(body: JsonObject): string {
  const error = body.error ?? body;
  if (typeof error === "string") return error || "error";
  if (!isObject(error)) return "error";
  return asString(error.message) || asString(error.type) || asString(error.code) || "error";
}

/** Hands over all that the model wrote, from the `message` of an answer's choices or the `delta` of a chunk's. */
export function takeChatDeltas(body: JsonObject, take: TakeDelta): void {
  for (const [i, item] of asArray(body.choices).entries()) {
    if (!isObject(item)) continue;
    const choice = typeof item.index === "number" ? item.index : i;
    const message = item.delta ?? item.message;
    // Completions, which are otherwise the same, have a text; beside a message it says the same once more (Together).
    if (isObject(message)) takeMessage(message, choice, take);
    else if (typeof item.text === "string") take(choice, "text", "", item.text);
  }
}

function takeMessage(message: JsonObject, choice: number, take: TakeDelta): void {
  takeContent(message.content, choice, take);
  // OpenRouter and Groq say reasoning, DeepSeek and others reasoning_content; never both with different text.
  const reasoning = asString(message.reasoning_content) || asString(message.reasoning);
  if (reasoning !== "") take(choice, "reasoning", "", reasoning);
  if (typeof message.refusal === "string") take(choice, "refusal", "", message.refusal);
  if (isObject(message.audio)) take(choice, "text", "", asString(message.audio.transcript));
  for (const [i, call] of asArray(message.tool_calls).entries()) {
    if (isObject(call)) takeToolCall(call, i, choice, take);
  }
  if (isObject(message.function_call)) takeCalled(message.function_call, choice, "function_call", take);
}

/** A string, or with Mistral a list of text, thinking and reference parts. */
function takeContent(content: Json | undefined, choice: number, take: TakeDelta): void {
  if (typeof content === "string") {
    take(choice, "text", "", content);
  } else if (isArray(content)) {
    for (const item of content) {
      const part = asObject(item);
      if (part.type === "text") take(choice, "text", "", asString(part.text));
      else if (part.type === "thinking") takeThinking(part.thinking, choice, take);
    }
  }
}

function takeThinking(thinking: Json | undefined, choice: number, take: TakeDelta): void {
  if (typeof thinking === "string") take(choice, "reasoning", "", thinking);
  else for (const item of asArray(thinking)) take(choice, "reasoning", "", asString(asObject(item).text));
}

/** Fragments of one call share an index; vendors without one send whole calls, told apart by their id. */
function takeToolCall(call: JsonObject, i: number, choice: number, take: TakeDelta): void {
  const tool = typeof call.index === "number" ? String(call.index) : asString(call.id) || String(i);
  if (isObject(call.function)) takeCalled(call.function, choice, tool, take);
  if (isObject(call.custom)) {
    take(choice, "tool_name", tool, asString(call.custom.name));
    take(choice, "tool_arguments", tool, asString(call.custom.input));
  }
}

function takeCalled(called: JsonObject, choice: number, tool: string, take: TakeDelta): void {
  const { arguments: given } = called;
  if (typeof called.name === "string") take(choice, "tool_name", tool, called.name);
  if (typeof given === "string") take(choice, "tool_arguments", tool, given);
  else if (isObject(given)) take(choice, "tool_arguments", tool, JSON.stringify(given));
}
