import type { Modification } from "./decision.ts";
import type { Phase, Surface } from "./phases.ts";
import type { Target } from "./ports.ts";
import type { Piece, StreamEvent, StreamInspector } from "./stream.ts";

/** JSON as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/**
 * One message, tool or bare text, as something whose tokens can be counted on its own. A bare text is what the model reads
 * outside any conversation: a prompt to go on with, an input to embed.
 */
export interface PromptPart {
  readonly kind: "message" | "tool" | "text";
  /** The role of a message; empty for anything else. */
  readonly role: string;
  /** Whether the message names its author: the chat format spends a token on it. The name itself is in `texts`. */
  readonly named?: boolean;
  /** All text that the model reads: contents, names, tool arguments, tool definitions as compact JSON. */
  readonly texts: readonly string[];
  /** How many tokens the client sent in place of a text, or what sound and documents may come to; absent for none. */
  readonly tokens?: number;
  /** Images, with the detail asked for and their size where the body tells it. */
  readonly images: readonly {
    readonly detail: "low" | "high" | "auto";
    readonly width?: number;
    readonly height?: number;
  }[];
}

/** A request body, parsed once: what rules, counters and routing read of it. Immutable. */
export interface RequestView {
  readonly surface: Surface;
  /** The body as sent, after decompression. These bytes go to the provider unless a rule modifies them. */
  readonly raw: Uint8Array;
  readonly body: JsonObject;
  readonly model: string;
  readonly stream: boolean;
  readonly messageCount: number;
  readonly toolCount: number;
  /** The maximum of completion tokens asked for; 0 when none was. */
  readonly maxTokensRequested: number;
  /** How many answers are asked for (`n`); completion tokens multiply by it. */
  readonly choices: number;
  readonly temperature: number | undefined;
  /** The body's own user field; empty when absent. */
  readonly user: string;
  roles(): readonly string[];
  toolNames(): readonly string[];
  imageCount(): number;
  characters(): number;
  /** Read when it is first asked for, and kept. */
  parts(): readonly PromptPart[];
}

/** Token counts of one call, normalised: see `fixtures/README.md`'s rules, which every reader follows. */
export interface TokenUsage {
  /** Every input token, cached ones included. */
  readonly promptTokens: number;
  /** Every output token, reasoning included. */
  readonly completionTokens: number;
  readonly totalTokens: number;
  /** Subset of the prompt read from the provider's cache; `null` when not reported, like the two below. */
  readonly cachedTokens: number | null;
  /** Subset of the prompt written to the provider's cache. */
  readonly cacheWriteTokens: number | null;
  /** Subset of those written to be kept for an hour; absent when not reported. */
  readonly cacheWriteLongTokens?: number;
  /** Subset of the completion spent on reasoning. */
  readonly reasoningTokens: number | null;
  /** What the provider charges for, where it tells that apart from what was used. */
  readonly billed?: { readonly promptTokens: number; readonly completionTokens: number };
}

/** What an answer said, read from its whole body. */
export interface AnswerSummary {
  readonly usage: TokenUsage | null;
  /**
   * What the provider told of the prompt while {@link usage} is `null`: its completion is no figure yet. Absent when it
   * told nothing.
   */
  readonly begun?: TokenUsage;
  readonly finishReason: string;
  /** The model that answered, in the provider's word; empty when it does not say. */
  readonly model: string;
  /** Text and tool arguments the model wrote: what an estimate counts when `usage` is null. */
  readonly text: string;
  /** The provider's error that came with a success status, in its own word; absent or empty for none. */
  readonly error?: string;
}

/** Follows one stream of events and knows what it said so far. One per answer; fed in order. */
export interface StreamReader {
  /**
   * Takes one event.
   *
   * @param event its `event:` field; empty when it has none
   * @param data its data lines joined; `[DONE]` included
   * @param read what it says, where it was read already: then it is not read again for that
   */
  push(event: string, data: string, read?: StreamEvent): void;
  /** What the answer said so far. `usage` is null until the provider told it. */
  summary(): AnswerSummary;
  /** Whether the stream reached the ending its protocol demands. */
  readonly complete: boolean;
  /** The provider's error inside a 200 stream, in its own word; empty while there is none. */
  readonly error: string;
  /** Events of types that are not known here. They pass like any other. Absent for none. */
  readonly unknownEvents?: number;
}

/** How one streamed answer is relayed. */
export interface StreamOptions {
  /** The gateway, not the client, asked for usage: what tells it is kept from the client. */
  readonly withholdUsage?: boolean;
  /** The client asked for usage itself: an answer that is ended early tells it, too. */
  readonly tellUsage?: boolean;
  /** Looks at what the model writes before the client gets it; absent when nothing is looked for. */
  readonly inspector?: StreamInspector;
}

/** Carries one streamed answer from the provider to the client, and knows what it said so far. */
export interface StreamRelay extends Pick<StreamReader, "summary" | "complete" | "error" | "unknownEvents"> {
  /** Takes bytes as they come, cut anywhere; answers the bytes that the client gets now, `null` for none. */
  write(chunk: Uint8Array): Uint8Array | null;
  /** The provider's stream has ended: the bytes that were held back, `null` for none. */
  end(): Uint8Array | null;
  /** Whether events wait because the inspector holds them. */
  readonly holding: boolean;
  /** Asks the inspector again about what waits; answers as {@link write} does. */
  resume(): Uint8Array | null;
  /** Whether the inspector ended the answer: the client has all it gets, and nothing more is to be read. */
  readonly ended: boolean;
  /** Bytes that end the stream with an error, where that depends on how it is framed; absent or `undefined`: as the format says. */
  writeError?(refusal: Refusal): string | undefined;
}

/** A whole answer whose words can be written otherwise. */
export interface AnswerEditor {
  /** What the model wrote: one piece for each channel. */
  readonly pieces: readonly Piece[];
  /** The answer with other texts in place of the pieces', as JSON text; `null` takes a call out, as in streams. */
  write(texts: readonly (string | null)[]): string;
}

/** A refusal or failure to be told to a client, before it has a wire format's shape. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** `policy_denied`, or the kind of failure in the surface's own vocabulary when absent. */
  readonly type?: "policy_denied";
  /** Added as the body's `sluice` object. */
  readonly sluice?: Readonly<Record<string, string>>;
}

/** What the gateway changes in a body before it goes to the provider. */
export interface BodyEdit {
  /** The model's name at the target, when it differs from the client's. */
  readonly model?: string;
  readonly modifications?: readonly Modification[];
  /** Ask the provider to tell the usage of the stream. */
  readonly askForUsage?: boolean;
}

/**
 * One client-facing wire format: everything the gateway needs to know of it. One folder in `src/providers` each.
 * Stateless; shared by all requests.
 */
export interface WireFormat {
  readonly surface: Surface;
  /**
   * The paths that clients call, as Bun's router writes them: `:name` stands for one part. Where several surfaces share
   * one, {@link takes} tells them apart.
   */
  readonly paths: readonly string[];
  /** Whether a call on a path that surfaces share is this surface's; absent where the path says it all. */
  takes?(url: string): boolean;
  /** The path after the target's base URL with its leading slash, and the query. */
  upstreamPath(view: RequestView, target: Target, query: string): string;
  /** Phases that can be enforced on this surface. */
  readonly phases: readonly Phase[];
  /**
   * Reads a body.
   *
   * @param url of the call: some surfaces say there which model is meant
   * @param model the one that rules routed the call to, for those surfaces
   * @throws SluiceError `malformed_json` or `invalid_request`, saying which field, what was received, what is accepted
   */
  readRequest(raw: Uint8Array, url?: string, model?: string): RequestView;
  /** The bytes for the provider: `view.raw` itself when the edit changes nothing, else only the named members differ. */
  writeRequest(view: RequestView, edit: BodyEdit): Uint8Array;
  /** Whether the stream asked for tells its usage without being asked. */
  tellsUsage(view: RequestView): boolean;
  readAnswer(body: JsonObject): AnswerSummary;
  /**
   * The words of a whole answer, to be written otherwise; absent where an answer has none.
   *
   * @param body an answer that came with a success status
   */
  editAnswer?(body: JsonObject): AnswerEditor;
  /** Opens a relay for one streamed answer. Bytes pass unchanged where nothing is withheld or changed. */
  openStream(options?: StreamOptions): StreamRelay;
  /** The refusal in this surface's own error shape, as JSON text. */
  writeRefusal(refusal: Refusal): string;
  /** Ends a stream that is already under way, in the protocol's own way, with the refusal's reason: bytes to append. */
  writeStreamError(refusal: Refusal): string;
}
