import type { Surface } from "../core/phases.ts";
import type { JsonObject, PromptPart, RequestView } from "../core/wire.ts";
import { asString } from "./json.ts";
import { countCharacters, countImages, toolPart } from "./prompt-text.ts";

/** How one wire format writes the parts of a conversation. */
export interface ConversationFormat {
  readonly surface: Surface;
  messagePart(message: JsonObject): PromptPart;
  toolName(tool: JsonObject): string;
  /** What the model is shown beside messages and tools, such as a schema for its answer. */
  moreParts(body: JsonObject): readonly PromptPart[];
}

/** What a format reads of a body at once; the rest of a {@link RequestView} is read when it is asked for. */
type Read = Pick<
  RequestView,
  "raw" | "body" | "model" | "stream" | "maxTokensRequested" | "choices" | "temperature" | "user"
> & {
  readonly messages: readonly JsonObject[];
  readonly tools: readonly JsonObject[];
};

/** A request that is a list of messages with tools. */
export class Conversation implements RequestView {
  readonly surface: Surface;
  readonly raw: Uint8Array;
  readonly body: JsonObject;
  readonly model: string;
  readonly stream: boolean;
  readonly messageCount: number;
  readonly toolCount: number;
  readonly maxTokensRequested: number;
  readonly choices: number;
  readonly temperature: number | undefined;
  readonly user: string;
  readonly #format: ConversationFormat;
  readonly #messages: readonly JsonObject[];
  readonly #tools: readonly JsonObject[];
  #messageParts: readonly PromptPart[] | undefined;
  #parts: readonly PromptPart[] | undefined;

  constructor(format: ConversationFormat, read: Read) {
    this.surface = format.surface;
    this.raw = read.raw;
    this.body = read.body;
    this.model = read.model;
    this.stream = read.stream;
    this.messageCount = read.messages.length;
    this.toolCount = read.tools.length;
    this.maxTokensRequested = read.maxTokensRequested;
    this.choices = read.choices;
    this.temperature = read.temperature;
    this.user = read.user;
    this.#format = format;
    this.#messages = read.messages;
    this.#tools = read.tools;
  }

  roles(): readonly string[] {
    return this.#messages.map(({ role }) => asString(role));
  }

  toolNames(): readonly string[] {
    return this.#tools.map(this.#format.toolName);
  }

  imageCount(): number {
    return countImages(this.#ofMessages());
  }

  characters(): number {
    return countCharacters(this.#ofMessages());
  }

  parts(): readonly PromptPart[] {
    if (this.#parts === undefined) {
      const messages = this.#ofMessages();
      const more = this.#format.moreParts(this.body);
      const alone = this.#tools.length === 0 && more.length === 0;
      this.#parts = alone ? messages : [...messages, ...this.#tools.map(toolPart), ...more];
    }
    return this.#parts;
  }

  #ofMessages(): readonly PromptPart[] {
    this.#messageParts ??= this.#messages.map(this.#format.messagePart);
    return this.#messageParts;
  }
}
