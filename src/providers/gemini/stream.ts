import type { StreamEvent } from "../../core/stream.ts";
import type { AnswerSummary, StreamReader, TokenUsage } from "../../core/wire.ts";
import { asString, parseObject } from "../json.ts";
import { TextLog } from "../text-log.ts";
import { errorOf, finishOf, textOf } from "./answer.ts";
import { readGeminiUsage } from "./usage.ts";

/** Follows a stream of answers, each of which adds to those before it. */
export function readGeminiStream(): StreamReader {
  return new GeminiStreamReader();
}

/** Every element tells the usage so far, so only the last that does is parsed for it. */
class GeminiStreamReader implements StreamReader {
  readonly #log = new TextLog((data, take) => {
    const answer = parseObject(data);
    if (answer !== null) take(textOf(answer));
  });
  #telling = "";
  #finishReason = "";
  #model = "";
  #error = "";

  push(_event: string, data: string, read?: StreamEvent): void {
    this.#log.add(data, read);
    // Metadata without counts does not replace what was counted.
    if (data.includes('TokenCount"')) this.#telling = data;
    if (this.#model === "" || data.includes('Reason"') || data.includes('"error"')) this.#read(data);
  }

  summary(): AnswerSummary {
    const log = this.#log;
    return {
      usage: this.#usage(),
      finishReason: this.#finishReason,
      model: this.#model,
      get text() {
        return log.text();
      },
    };
  }

  /** The body's end is the protocol's; but an answer, or a blocked prompt, always says why it ended. */
  get complete(): boolean {
    return this.#error === "" && this.#finishReason !== "";
  }

  get error(): string {
    return this.#error;
  }

  /** Early elements tell the prompt's count alone: until the answer's is told as well, there is none. */
  #usage(): TokenUsage | null {
    const usage = readGeminiUsage(parseObject(this.#telling)?.usageMetadata);
    return usage === null || (usage.completionTokens === 0 && this.#finishReason === "") ? null : usage;
  }

  #read(data: string): void {
    const answer = parseObject(data);
    if (answer === null) return;
    this.#model = asString(answer.modelVersion) || this.#model;
    this.#finishReason = finishOf(answer) || this.#finishReason;
    this.#error ||= errorOf(answer);
  }
}
