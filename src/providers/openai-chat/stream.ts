import type { StreamEvent } from "../../core/stream.ts";
import type { AnswerSummary, JsonObject, StreamReader, TokenUsage } from "../../core/wire.ts";
import { asArray, asObject, asString, parseObject } from "../json.ts";
import { hasValue } from "../json-peek.ts";
import { TextLog } from "../text-log.ts";
import { errorText, takeChatDeltas } from "./answer.ts";
import { chatUsage } from "./usage.ts";

const openBrace = 123;
const quote = 34;

/** Follows a stream of chat completion chunks, from OpenAI or any vendor that imitates it. */
export function readChatStream(): StreamReader {
  return new ChatStreamReader();
}

/** Parses only the few events that tell usage, a finish reason, an error or the model; the rest waits in the log. */
class ChatStreamReader implements StreamReader {
  readonly #log = new TextLog(readText);
  #usage: TokenUsage | null = null;
  #finishReason = "";
  #model = "";
  #done = false;
  #error = "";
  unknownEvents = 0;

  push(event: string, data: string, read?: StreamEvent): void {
    if (data === "[DONE]") {
      this.#done = true;
      return;
    }
    // Events of this protocol have no names, but for errors.
    if (event !== "" && event !== "error" && event !== "message") this.unknownEvents += 1;
    this.#log.add(data, read);
    if (read?.repeats && event !== "error") return;
    if (this.#model === "" || event === "error" || isTelling(data)) this.#read(event, parseObject(data));
  }

  summary(): AnswerSummary {
    const log = this.#log;
    return {
      usage: this.#usage,
      finishReason: this.#finishReason,
      model: this.#model,
      get text() {
        return log.text();
      },
    };
  }

  /** Some vendors end without `[DONE]`, so a finish reason does as well. An answer with an error is not complete. */
  get complete(): boolean {
    return this.#error === "" && (this.#done || this.#finishReason !== "");
  }

  get error(): string {
    return this.#error;
  }

  #read(event: string, chunk: JsonObject | null): void {
    if (chunk === null) {
      if (event === "error") this.#error ||= "error";
      return;
    }
    // The last whole object wins; a null after it takes nothing back.
    this.#usage = chatUsage(chunk) ?? this.#usage;
    this.#model = asString(chunk.model) || this.#model;
    for (const choice of asArray(chunk.choices)) {
      const { finish_reason: reason, index } = asObject(choice);
      if (typeof reason === "string" && (this.#finishReason === "" || index === 0)) this.#finishReason = reason;
    }
    if (chunk.error || event === "error") this.#error = errorText(chunk);
  }
}

function isTelling(data: string): boolean {
  return hasValue(data, '"finish_reason"', quote) || hasValue(data, '"usage"', openBrace) || data.includes('"error"');
}

function readText(data: string, take: (text: string) => void): void {
  const chunk = parseObject(data);
  if (chunk !== null) takeChatDeltas(chunk, (_choice, _kind, _tool, text) => take(text));
}
