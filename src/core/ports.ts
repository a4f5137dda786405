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
  /** The date the figures were collected, YYYY-MM-DD; `configured` for those of a configuration that does not say. */
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

/** A target that a route leads to. */
export interface RoutedTarget extends Target {
  /** Names it in metrics and status, such as `openai/gpt-4o`. Those of one name share a breaker and a bulkhead. */
  readonly id: string;
  /** What is known of the model there: the price of what it answers, too. */
  readonly info: ModelInfo;
  /** Whether the model may think for minutes before its first word. */
  readonly thinksLong: boolean;
}

/** A model name resolved: what it is and where it goes. */
export interface Route {
  readonly model: ModelInfo;
  /** Where the call goes first; once it was answered, what answered it. */
  readonly target: Target;
  /** Everything that serves it, in the order that this call tries it: `target` first. */
  readonly targets: readonly RoutedTarget[];
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

/** Carries one request to its target. Resolves with the answer's headers there, whatever its status; rejects when none comes. */
export type Transport = (request: UpstreamRequest) => Promise<Response>;

/** Looks after an attempt that has not been answered for a while. */
export interface SlowStart {
  /** After so long without an answer {@link notice} is called, once. */
  readonly connectMs: number;
  /**
   * Never rejects.
   *
   * @param unreachable is called if the target turns out to be; it ends this attempt and no other
   */
  notice(unreachable: () => void): Promise<void>;
}

/** One call as the gateway wants it sent: to the first of its targets that answers. */
export interface UpstreamCall {
  readonly surface: Surface;
  readonly targets: readonly RoutedTarget[];
  /** Whether the client asked for a stream. */
  readonly stream: boolean;
  /**
   * A wait of at most `ms` begins, in place of the one before.
   *
   * @returns ends the wait: its time is over, or {@link gone}
   */
  begin(ms: number, slow?: SlowStart): AbortSignal;
  /** The request for a target. What was made for an attempt before is not used any more. */
  prepare(target: RoutedTarget, signal: AbortSignal): UpstreamRequest;
  /**
   * The attempt that {@link prepare} was asked for last failed, or was answered with an error.
   *
   * @param kind what it is counted as, such as `status_500` or `upstream_timeout`
   */
  failed(kind: string): void;
  /** Whether the wait that {@link begin} began last was ended because its time was over. */
  readonly expired: boolean;
  /** Whether nobody waits for the answer any more. */
  readonly gone: boolean;
}

/** A body as it is read: a `ReadableStreamDefaultReader` is one. */
export interface ByteSource {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** The answer that a call got. */
export interface UpstreamAnswer {
  readonly target: RoutedTarget;
  readonly response: Response;
  /** The response's body where a stream was asked for and the answer is a success; the response's own is taken then. */
  readonly body: ByteSource | null;
  /** The first chunk of {@link body}, which will be read from it again. */
  readonly first: Uint8Array | undefined;
  /** Longest silence in the middle of it, in milliseconds, and how long the call may take from its beginning to its last byte. */
  readonly idleMs: number;
  readonly totalMs: number;
  /**
   * The answer has been read to its end, or is not wanted any more. To be called once.
   *
   * @param broken whether the provider broke it off
   */
  release(broken: boolean): void;
}

/** How one target is. */
export interface TargetStatus {
  readonly id: string;
  /** State of its breaker. */
  readonly state: "closed" | "half_open" | "open";
  readonly inFlight: number;
  /** Calls that wait for their turn. */
  readonly queued: number;
  /** Attempts since the start, and those of them that failed by the target's fault. */
  readonly attempts: number;
  readonly failures: number;
}

/** Sends calls to providers: tries again, goes elsewhere, holds back what would be too much. */
export interface Upstream {
  /**
   * Resolves with the first answer that is worth passing on, else with the last one that came, whatever its status; where
   * a stream was asked for, once its first byte is there. Nothing is tried again after that.
   *
   * @throws SluiceError `upstream_unavailable` when no target could be asked, `upstream_timeout` or `upstream_unreachable`
   *   when no answer came to the last attempt. Once the call is {@link UpstreamCall.gone}, what is thrown matters to nobody
   */
  send(call: UpstreamCall): Promise<UpstreamAnswer>;
  /** Every target that was asked so far. */
  status(): readonly TargetStatus[];
  close(): void;
}

/** The models that clients can name. */
export interface Catalogue {
  /** The route for one call of a name on a surface, or `null` when no target serves it there. */
  resolve(name: string, surface: Surface): Route | null;
  /** What clients see at GET /v1/models. */
  list(): readonly { readonly id: string; readonly provider: string; readonly enabled: boolean }[];
}

/** Finds who a gateway key belongs to. */
export interface KeyDirectory {
  /**
   * @returns the identity, at once when it is cached
   * @throws SluiceError `invalid_key`, `expired_key`, `application_paused` or `environment_paused`
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
  /** What the request phase came to; empty when no policy was asked. */
  readonly decision: Decision["effect"] | "";
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

/** One record of the decision log: one phase of one request. Holds no prompt text but {@link DecisionRow.text}. */
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
  /** The texts of the prompt as it went on, cut to a bound; only of applications that want them kept. */
  readonly text?: readonly string[];
}

/** Takes records off the request's path. Bounded: what does not fit is dropped and counted, never waited for. */
export interface Recorder {
  usage(row: UsageRow): void;
  decision(row: DecisionRow): void;
  /**
   * Whether what is taken now will be stored, as far as can be told: the store takes batches, and there is room. Becomes
   * false while there is still room for the calls that are under way.
   */
  readonly accepting: boolean;
  /** Records dropped since start, by log. */
  readonly dropped: Readonly<Record<"usage" | "decision", number>>;
  /** Resolves when everything taken so far is stored, or when the store has failed several times: it goes on trying. */
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
