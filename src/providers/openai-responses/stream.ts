import type { StreamEvent } from "../../core/stream.ts";
import type { AnswerSummary, JsonObject, StreamReader } from "../../core/wire.ts";
import type { TakeDelta } from "../delta.ts";
import { asObject, asString, isObject, parseObject } from "../json.ts";
import { TextLog } from "../text-log.ts";
import { callMembers, callName, finishOf, responsesUsage, takeOutput } from "./answer.ts";

/** Follows a stream of response events. */
export function readResponsesStream(): StreamReader {
  return new ResponsesStreamReader();
}

/** Events after which nothing follows. */
export const terminal: ReadonlySet<string> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.cancelled",
]);

/** What the pieces of a stream are, by the event that brings them. */
export const deltaKinds = {
  "response.output_text.delta": "text",
  "response.refusal.delta": "refusal",
  "response.reasoning_text.delta": "reasoning",
  "response.reasoning_summary_text.delta": "reasoning",
  "response.function_call_arguments.delta": "tool_arguments",
  "response.mcp_call_arguments.delta": "tool_arguments",
  "response.custom_tool_call_input.delta": "tool_arguments",
  "response.code_interpreter_call_code.delta": "tool_arguments",
  "response.shell_call_command.delta": "tool_arguments",
  "response.audio.transcript.delta": "text",
} as const;

/** Types that are known here and say nothing of what a summary is about: what frames, repeats, or is a tool's progress. */
const knownTypes = new RegExp(
  `^response\\.(?:${[
    "queued|in_progress|keepalive|output_item\\.done|content_part\\.(?:added|done)|output_text\\.(?:done|annotation\\.added)",
    "refusal\\.done|reasoning_text\\.done|reasoning_summary_part\\.(?:added|done)|reasoning_summary_text\\.done",
    "(?:function_call|mcp_call)_arguments\\.done|custom_tool_call_input\\.done|code_interpreter_call_code\\.done",
    "(?:file_search|web_search|code_interpreter|image_generation|mcp)_call\\.\\w+|mcp_list_tools\\.\\w+",
    "audio\\.(?:delta|done|transcript\\.(?:delta|done))|compaction\\.\\w+|shell_call_\\w+\\.(?:added|delta|done)",
  ].join("|")})$`,
);

/** Parses only the events that frame the response; the content waits in the log. */
class ResponsesStreamReader implements StreamReader {
  readonly #log = new TextLog(readText);
  /** Whether anything came piece by piece: some vendors send a response only whole. */
  #pieces = false;
  #last: JsonObject = {};
  #model = "";
  #ended = false;
  #error = "";
  unknownEvents = 0;

  push(event: string, data: string, read?: StreamEvent): void {
    if (data === "[DONE]") return;
    // Data without an event line still says what it is.
    const type = event || asString(parseObject(data)?.type);
    if (Object.hasOwn(deltaKinds, type)) {
      this.#pieces = true;
      this.#log.add(data, read);
    } else if (type === "response.output_item.added") {
      // Its pieces name the tools that the provider itself calls, too: no model writes these.
      this.#log.add(data);
    } else if (type === "error" || type === "response.created" || terminal.has(type)) {
      this.#read(type, parseObject(data));
    } else if (!knownTypes.test(type)) this.unknownEvents += 1;
  }

  summary(): AnswerSummary {
    const log = this.#log;
    const last = this.#last;
    const pieces = this.#pieces;
    return {
      usage: responsesUsage(last.usage),
      finishReason: finishOf(last),
      model: this.#model,
      get text() {
        if (pieces) return log.text();
        const texts: string[] = [];
        takeOutput(last, (_choice, _kind, _tool, text) => texts.push(text));
        return texts.join("");
      },
    };
  }

  /** An answer that was cut at its maximum is complete; one that failed is not. */
  get complete(): boolean {
    return this.#error === "" && this.#ended;
  }

  get error(): string {
    return this.#error;
  }

  #read(type: string, event: JsonObject | null): void {
    if (type === "error") {
      // Documented flat, seen nested.
      const error = isObject(event?.error) ? event.error : asObject(event ?? undefined);
      this.#error ||= asString(error.message) || asString(error.code) || "error";
      return;
    }
    const response = asObject(event?.response);
    this.#model = asString(response.model) || this.#model;
    if (!terminal.has(type)) return;
    this.#last = response;
    this.#ended = true;
    if (type !== "response.failed") return;
    const error = asObject(response.error);
    this.#error ||= asString(error.message) || asString(error.code) || "error";
  }
}

/** Hands over what one event adds. A call is known by its item's place in the output. */
export function takeResponsesDeltas(event: JsonObject, take: TakeDelta): void {
  const tool = String(event.output_index ?? 0);
  const type = asString(event.type);
  if (type === "response.output_item.added") {
    const item = asObject(event.item);
    const member = callMembers[asString(item.type)];
    if (member === undefined) return;
    take(0, "tool_name", tool, callName(item));
    // Usually empty, and spelt out by the events that follow.
    take(0, "tool_arguments", tool, asString(item[member]));
  } else if (Object.hasOwn(deltaKinds, type)) {
    const kind = deltaKinds[type as keyof typeof deltaKinds];
    take(0, kind, kind === "tool_arguments" ? tool : "", asString(event.delta));
  }
}

function readText(data: string, take: (text: string) => void): void {
  const event = parseObject(data);
  if (event !== null) takeResponsesDeltas(event, (_choice, _kind, _tool, text) => take(text));
}
