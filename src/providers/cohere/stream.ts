import type { StreamEvent } from "../../core/stream.ts";
import type { AnswerSummary, JsonObject, StreamReader, TokenUsage } from "../../core/wire.ts";
import { asObject, asString, parseObject } from "../json.ts";
import { TextLog } from "../text-log.ts";
import { takeEventDeltas } from "./answer.ts";
import { readCohereUsage } from "./usage.ts";

/** Follows a stream of v2 chat events. */
export function readCohereStream(): StreamReader {
  return new CohereStreamReader();
}

const knownEvents = new Set([
  ...["message-start", "content-start", "content-delta", "content-end", "tool-plan-delta", "tool-call-start"],
  ...["tool-call-delta", "tool-call-end", "citation-start", "citation-end", "debug"],
]);

/** Parses only the event that ends the message; the content waits in the log. */
class CohereStreamReader implements StreamReader {
  readonly #log = new TextLog((data, take) => {
    const event = parseObject(data);
    if (event !== null) takeEventDeltas(event, (_choice, _kind, _tool, text) => take(text));
  });
  #usage: TokenUsage | null = null;
  #finishReason = "";
  #ended = false;
  #error = "";
  unknownEvents = 0;

  push(event: string, data: string, read?: StreamEvent): void {
    if (data === "[DONE]") return;
    if (event === "message-end" || data.includes('"message-end"')) this.#end(asObject(parseObject(data)?.delta));
    else if (event === "error" || (event === "" && data.startsWith('{"message":'))) this.#fail(parseObject(data));
    else {
      if (event !== "" && !knownEvents.has(event)) this.unknownEvents += 1;
      this.#log.add(data, read);
    }
  }

  summary(): AnswerSummary {
    const log = this.#log;
    return {
      usage: this.#usage,
      finishReason: this.#finishReason,
      model: "",
      get text() {
        return log.text();
      },
    };
  }

  /** The end of the message is the last that says something; `[DONE]` only follows it. */
  get complete(): boolean {
    return this.#error === "" && this.#ended;
  }

  get error(): string {
    return this.#error;
  }

  #end(delta: JsonObject): void {
    this.#ended = true;
    this.#usage = readCohereUsage(delta.usage) ?? this.#usage;
    this.#finishReason = asString(delta.finish_reason);
    if (this.#finishReason === "ERROR") this.#error = asString(delta.error) || "error";
  }

  #fail(error: JsonObject | null): void {
    this.#error = asString(error?.message) || "error";
  }
}
