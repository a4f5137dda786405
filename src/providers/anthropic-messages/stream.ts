import type { StreamEvent } from "../../core/stream.ts";
import type { AnswerSummary, Json, JsonObject, StreamReader } from "../../core/wire.ts";
import { asObject, asString, isObject, parseObject } from "../json.ts";
import { TextLog } from "../text-log.ts";
import { takeEventDeltas } from "./answer.ts";
import { readMessagesUsage } from "./usage.ts";

/** Follows a stream of message events. */
export function readMessagesStream(): StreamReader {
  return new MessagesStreamReader();
}

/** Parses only the events that frame the message; the content waits in the log. */
class MessagesStreamReader implements StreamReader {
  readonly #log = new TextLog(readText);
  #usage: JsonObject = {};
  /** Until the provider says how it ended, the output count of the start is only a placeholder. */
  #usageTold = false;
  #finishReason = "";
  #model = "";
  #stopped = false;
  #error = "";
  unknownEvents = 0;

  push(event: string, data: string, read?: StreamEvent): void {
    switch (event) {
      case "content_block_delta":
        this.#log.add(data, read);
        break;
      case "content_block_start":
        this.#log.add(data, read);
        if (data.includes('"fallback"')) this.#read(event, parseObject(data), data, read);
        break;
      case "content_block_stop":
      case "ping":
        break;
      default:
        this.#read(event, parseObject(data), data, read);
    }
  }

  summary(): AnswerSummary {
    const log = this.#log;
    const usage = readMessagesUsage(this.#usage);
    return {
      usage: this.#usageTold ? usage : null,
      ...(!this.#usageTold && usage !== null && { begun: usage }),
      finishReason: this.#finishReason,
      model: this.#model,
      get text() {
        return log.text();
      },
    };
  }

  get complete(): boolean {
    return this.#error === "" && this.#stopped;
  }

  get error(): string {
    return this.#error;
  }

  #read(name: string, event: JsonObject | null, data: string, read?: StreamEvent): void {
    // Data without an event line still says what it is.
    switch (name || asString(event?.type)) {
      case "message_start": {
        const message = asObject(event?.message);
        this.#model = asString(message.model) || this.#model;
        this.#overlay(message.usage);
        break;
      }
      case "message_delta":
        this.#finishReason = asString(asObject(event?.delta).stop_reason) || this.#finishReason;
        if (this.#overlay(event?.usage)) this.#usageTold = true;
        break;
      case "message_stop":
        this.#stopped = true;
        break;
      case "content_block_start": {
        const block = asObject(event?.content_block);
        if (block.type === "fallback") this.#model = asString(asObject(block.to).model) || this.#model;
        else if (name === "") this.#log.add(data, read);
        break;
      }
      case "content_block_delta":
        this.#log.add(data, read);
        break;
      case "error": {
        const error = asObject(event?.error ?? event ?? undefined);
        this.#error = asString(error.message) || asString(error.type) || "error";
        this.#usageTold = true;
        break;
      }
      default:
        this.unknownEvents += 1;
    }
  }

  /** Later counts replace earlier ones field by field; a null replaces nothing. */
  #overlay(usage: Json | undefined): boolean {
    if (!isObject(usage)) return false;
    const told = Object.entries(usage).filter(([, value]) => value !== null);
    this.#usage = { ...this.#usage, ...Object.fromEntries(told) };
    return true;
  }
}

function readText(data: string, take: (text: string) => void): void {
  const event = parseObject(data);
  if (event !== null) takeEventDeltas(event, (_choice, _kind, _tool, text) => take(text));
}
