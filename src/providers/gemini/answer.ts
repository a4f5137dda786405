import type { AnswerSummary, Json, JsonObject } from "../../core/wire.ts";
import type { TakeDelta } from "../delta.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import { readGeminiUsage } from "./usage.ts";

/** Reads a whole answer, or whatever else came with status 200. */
export function readGeminiAnswer(body: JsonObject): AnswerSummary {
  return {
    usage: readGeminiUsage(body.usageMetadata),
    finishReason: finishOf(body),
    model: asString(body.modelVersion),
    error: errorOf(body),
    get text() {
      return textOf(body);
    },
  };
}

/** The provider's words for what went wrong; empty where nothing did. */
export function errorOf({ error }: JsonObject): string {
  if (!error) return "";
  const { message, status } = asObject(error);
  return asString(message) || asString(status) || "error";
}

/** All that the model wrote in a body or an element of a stream. */
export function textOf(body: JsonObject): string {
  const texts: string[] = [];
  takeGeminiDeltas(body, new CallKeys(), (_choice, _kind, _tool, text) => texts.push(text));
  return texts.join("");
}

/** Why the first answer ended, or why the prompt was blocked; empty while neither is told. */
export function finishOf(body: JsonObject): string {
  const candidates = asArray(body.candidates);
  const first = candidates.find((one) => (asObject(one).index ?? 0) === 0) ?? candidates[0];
  const reason = asObject(first).finishReason ?? asObject(body.promptFeedback).blockReason ?? "";
  return typeof reason === "number" ? String(reason) : asString(reason);
}

/** Names the calls of one answer: the protocol's own have no index, and mostly no id. */
export class CallKeys {
  readonly #open = new Map<number, string>();
  #next = 0;

  /** The key of a call, or of the one that this part continues. */
  keyOf(choice: number, call: JsonObject): string {
    const continued = call.name === undefined ? this.#open.get(choice) : undefined;
    const key = continued ?? String(this.#next++);
    if (call.willContinue === true) this.#open.set(choice, key);
    else this.#open.delete(choice);
    return key;
  }
}

/**
 * Hands over what the model wrote in a whole answer or in one element of a stream.
 *
 * Code that the provider runs for the model, and what came of it, is no part of the answer's text: it counts as
 * reasoning.
 */
export function takeGeminiDeltas(body: JsonObject, keys: CallKeys, take: TakeDelta): void {
  for (const [i, candidate] of asArray(body.candidates).entries()) {
    if (!isObject(candidate)) continue;
    const choice = choiceOf(candidate, i);
    for (const part of asArray(asObject(candidate.content).parts)) {
      if (isObject(part)) takePart(part, choice, keys, take);
    }
  }
}

/** Which of several answers a candidate is. */
export function choiceOf({ index }: JsonObject, i: number): number {
  return typeof index === "number" ? index : i;
}

function takePart(part: JsonObject, choice: number, keys: CallKeys, take: TakeDelta): void {
  if (typeof part.text === "string") take(choice, part.thought === true ? "reasoning" : "text", "", part.text);
  if (isObject(part.functionCall)) takeCall(part.functionCall, choice, keys.keyOf(choice, part.functionCall), take);
  const { code } = asObject(part.executableCode);
  if (typeof code === "string") take(choice, "reasoning", "", code);
  const { output } = asObject(part.codeExecutionResult);
  if (typeof output === "string") take(choice, "reasoning", "", output);
}

function takeCall(call: JsonObject, choice: number, key: string, take: TakeDelta): void {
  if (typeof call.name === "string") take(choice, "tool_name", key, call.name);
  if (isObject(call.args)) take(choice, "tool_arguments", key, JSON.stringify(call.args));
  for (const given of asArray(call.partialArgs)) take(choice, "tool_arguments", key, partialText(asObject(given)));
}

/** The fragment of an argument that is streamed piecewise. */
export function partialText({ stringValue, numberValue, boolValue }: JsonObject): string {
  const value: Json = stringValue ?? numberValue ?? boolValue ?? "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
