import type { Surface } from "../core/phases.ts";
import type { JsonObject, PromptPart, RequestView } from "../core/wire.ts";
import { countCharacters } from "./prompt-text.ts";

/** What a format reads of a body that holds no conversation. */
export interface TextRead {
  readonly surface: Surface;
  readonly raw: Uint8Array;
  readonly body: JsonObject;
  readonly model: string;
  readonly stream?: boolean;
  readonly maxTokensRequested?: number;
  /** Answers that are written; 0 where nothing is, because the answer has only figures. */
  readonly choices: number;
  readonly temperature?: number | undefined;
  readonly user: string;
  readonly inputs: readonly PromptPart[];
}

/** A request that is a list of texts: prompts to go on with, inputs to embed. Each counts as a message without a role. */
export class TextRequest implements RequestView {
  readonly surface: Surface;
  readonly raw: Uint8Array;
  readonly body: JsonObject;
  readonly model: string;
  readonly stream: boolean;
  readonly messageCount: number;
  readonly toolCount = 0;
  readonly maxTokensRequested: number;
  readonly choices: number;
  readonly temperature: number | undefined;
  readonly user: string;
  readonly #inputs: readonly PromptPart[];

  constructor(read: TextRead) {
    this.surface = read.surface;
    this.raw = read.raw;
    this.body = read.body;
    this.model = read.model;
    this.stream = read.stream ?? false;
    this.messageCount = read.inputs.length;
    this.maxTokensRequested = read.maxTokensRequested ?? 0;
    this.choices = read.choices;
    this.temperature = read.temperature;
    this.user = read.user;
    this.#inputs = read.inputs;
  }

  roles(): readonly string[] {
    return [];
  }

  toolNames(): readonly string[] {
    return [];
  }

  imageCount(): number {
    return 0;
  }

  characters(): number {
    return countCharacters(this.#inputs);
  }

  parts(): readonly PromptPart[] {
    return this.#inputs;
  }
}
