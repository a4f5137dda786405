import type { Decision } from "./decision.ts";
import type { Identity } from "./identity.ts";
import type { Phase, Surface } from "./phases.ts";
import type { RecordedFacts } from "./recorded-facts.ts";
import type { RequestView, TokenUsage } from "./wire.ts";

/** Reads the time; injected so that tests choose it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Tells what a model is: its price, encoding and maximum. Figures come from `schema/models.json`. */
export interface ModelInfo {
  readonly id: string;
  readonly provider: string;
  /** `none` when the vendor publishes no tokenizer: counts are then estimates. */
  readonly encoding: "o200k_base" | "cl100k_base" | "none";
  /** Most completion tokens of one answer; 0 when unknown. */
  readonly maxOutput: number;
  readonly price: ModelPrice | null;
}

/** USD per 1,000,000 tokens. What has no price of its own costs as much as the input or output it is a part of. */
export interface PriceRates {
  readonly input: number;
  readonly output: number;
  readonly cachedInput: number | null;
  readonly cacheWrite: number | null;
  /** Of what is written to be kept for an hour. Absent: as {@link cacheWrite}. */
  readonly cacheWriteLong?: number;
  /** Of the part of the completion that is reasoning. Absent: as {@link output}. */
  readonly reasoning?: number;
}

/** What a model costs at the standard service tier. */
export interface ModelPrice extends PriceRates {
  /** The date the figures were collected, YYYY-MM-DD. */
  readonly date: string;
  /** What the whole call costs where its prompt has more than so many tokens, in rising order; absent for none. */
  readonly tiers?: readonly (PriceRates & { readonly above: number })[];
}

/** A number of tokens and whether the model's own encoding was used. */
export interface TokenCount {
  readonly tokens: number;
  readonly exact: boolean;
}

/** Counts tokens. May answer at once (cached, short) or later (long texts are counted off the main thread). */
export interface TokenCounter {
  countPrompt(view: RequestView, model: ModelInfo): TokenCount | Promise<TokenCount>;
  countText(text: string, model: ModelInfo): TokenCount | Promise<TokenCount>;
  /** An upper bound that costs nothing: tokens can never be more than this. */
  promptBound(view: RequestView): number;
  close(): void;
}

/** Where a model's requests go. */
export interface Target {
  readonly provider: string;
  readonly kind: "openai" | "azure" | "anthropic" | "gemini" | "cohere" | "echo";
  /** The model's name at the provider; with kind azure its deployment. */
  readonly model: string;
  readonly baseUrl: string;
  /** The `api-version` of kind azure, for calls that bring none of their own. */
  readonly apiVersion?: string;
  /** Headers that carry the provider's credentials. Never leaves the process. */
  readonly authHeaders: Readonly<Record<string, string>>;
  /** Whether the provider takes `stream_options.include_usage`. */
  readonly takesUsageOption: boolean;
}

/** A model name resolved: what it is and where it goes. */
export interface Route {
  readonly model: ModelInfo;
  readonly target: Target;
}

/** One request to a provider, ready to go. */
export interface UpstreamRequest {
  readonly target: Target;
  readonly surface: Surface;
  /** Path after the target's base URL, query string included. */
  readonly path: string;
  readonly body: Uint8Array;
  /** Headers of the client that may pass. They are the adapter's from here on, which adds the target's credentials. */
  readonly headers: Headers;
  /** Aborting it ends the call at the provider, at any time until the answer's last byte. */
  readonly signal: AbortSignal;
}

/** Sends requests to providers. */
export interface Upstream {
  /**
   * Resolves with the provider's answer once its headers are there, whatever its status; the body is not read yet.
   *
   * Rejects when no answer comes; with what, matters to nobody: the gateway tells it as `upstream_unreachable`, or as
   * the time-out of its own that ended the call.
   */
  send(request: UpstreamRequest): Promise<Response>;
}

/** The models that clients can name. */
export interface Catalogue {
  /** The route for a name on a surface, or `null` when no target serves it there. */
  resolve(name: string, surface: Surface): Route | null;
  /** What clients see at GET /v1/models. */
  list(): readonly { readonly id: string; readonly provider: string; readonly enabled: boolean }[];
}

/** Finds who a gateway key belongs to. */
export interface KeyDirectory {
  /**
   * @returns the identity, at once when it is cached
   * @throws SluiceError `invalid_key`, `expired_key` or `application_paused`
   */
  identify(presented: string): Identity | Promise<Identity>;
}

/** Where usage counts come from. */
export type Provenance = "provider" | "estimated" | "partial";

/** One row of the usage ledger: one call, whatever became of it. */
export interface UsageRow {
  readonly requestId: string;
  /** Milliseconds since the epoch when the request arrived. */
  readonly ts: number;
  readonly org: string;
  readonly team: string;
  readonly app: string;
  readonly env: string;
  readonly key: string;
  /** SHA-256 of the end user's name, hex, first 32 characters; empty without a user. */
  readonly userHash: string;
  readonly surface: Surface | "models";
  readonly provider: string;
  /** The model the client named. */
  readonly model: string;
  /** The model the provider says answered. */
  readonly servedModel: string;
  readonly stream: boolean;
  readonly usage: TokenUsage;
  /** Integer nano-dollars; `null` when the model has no price. */
  readonly costNanoUsd: number | null;
  readonly priceDate: string;
  readonly provenance: Provenance;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly latencyMs: number;
  /** Milliseconds to the first byte of the answer; equals the latency when there is no stream. */
  readonly ttftMs: number;
  /** HTTP status that the client got. */
  readonly status: number;
  readonly decision: Decision["effect"];
  /** Code of the refusal or failure; empty for a plain success. */
  readonly code: string;
  /** The decision of the request phase, when it stands here and not in a record of its own. */
  readonly request?: PlainDecision;
}

/**
 * What a decision without findings has beside the rest of its request's ledger row. It needs no record of its own: the
 * decision log reads it out of the ledger, with the ledger row's time.
 */
export interface PlainDecision {
  readonly revision: string;
  readonly outcome: Decision["outcome"];
  readonly tally: Decision["tally"];
  /** Microseconds the evaluation took. */
  readonly micros: number;
}

/** One record of the decision log: one phase of one request. Holds no prompt text. */
export interface DecisionRow {
  /** Always what `decisionIdOf` makes of the request and the phase: it is not kept, but made again. */
  readonly decisionId: string;
  readonly requestId: string;
  readonly ts: number;
  readonly phase: Phase;
  readonly revision: string;
  readonly org: string;
  readonly app: string;
  readonly env: string;
  readonly key: string;
  readonly surface: Surface;
  readonly model: string;
  readonly decision: Decision;
  /** Microseconds the evaluation took. */
  readonly micros: number;
  /** What the rules read; absent when it is not kept. */
  readonly facts?: RecordedFacts;
}

/** Takes records off the request's path. Bounded: what does not fit is dropped and counted, never waited for. */
export interface Recorder {
  usage(row: UsageRow): void;
  decision(row: DecisionRow): void;
  /** Records dropped since start, by log. */
  readonly dropped: Readonly<Record<"usage" | "decision", number>>;
  /** Resolves when everything taken so far is stored. */
  flush(): Promise<void>;
  /** Flushes and stops. */
  close(): Promise<void>;
}

/** A structured logger. Fields never hold secrets or prompt text. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
