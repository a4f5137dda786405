import type { Counters } from "../core/limits.ts";
import type { Phase, Surface } from "../core/phases.ts";
import type { Catalogue, Clock, KeyDirectory, Logger, Recorder, Route, TokenCounter, Upstream } from "../core/ports.ts";
import type { LiveSnapshot } from "../core/snapshot.ts";
import type { Tracer } from "../core/tracing.ts";
import type { JsonObject, WireFormat } from "../core/wire.ts";

/** What the data plane tells of each call; kept apart from how metrics are stored. */
export interface GatewayMetrics {
  request(surface: string, status: number, seconds: number, overheadSeconds: number): void;
  firstByte(seconds: number): void;
  decision(phase: Phase, effect: string, mode: string, policy: string, code: string): void;
  /** A finding that was kept from its effect, and by what. */
  overridden(override: string, policy: string): void;
  /** A decision that would have been another one if every policy in mode `warn` or `audit` were enforced. */
  shadow(from: string, to: string): void;
  /** A decision without findings. */
  plainDecision(phase: Phase, effect: string): void;
  evaluated(phase: Phase, seconds: number): void;
  policyError(policy: string): void;
  /** A fact that was found out of a prompt's words, or could not be, and how long that took. */
  factFound(fact: string, seconds: number): void;
  limit(policy: string, limit: string, result: "granted" | "exhausted" | "error"): void;
  usage(route: Route, prompt: number, completion: number, nanoUsd: number | null): void;
  upstream(provider: string, seconds: number): void;
  upstreamError(provider: string, kind: string): void;
  /** Tokens that were reserved, or are held no longer: then below 0. */
  reserved(tokens: number): void;
  drift(tokens: number): void;
  driftUsd(micro: number): void;
  streams(change: 1 | -1): void;
  /** Members of a body, or events of a stream, that are not known here and passed all the same. */
  unknown(surface: string, what: "fields" | "events", count: number): void;
}

/** Everything the data plane works with, ready to use. */
export interface GatewayDeps {
  readonly formats: readonly WireFormat[];
  /** How many members of a body are not known on its surface. */
  readonly unknownFields: (surface: Surface, body: JsonObject) => number;
  readonly live: LiveSnapshot;
  /** Why requests cannot be judged yet; empty when they can. */
  readonly notReady: () => string;
  readonly keys: KeyDirectory;
  readonly catalogue: Catalogue;
  readonly tokens: TokenCounter;
  readonly counters: Counters;
  readonly recorder: Recorder;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  /** Absent while calls are not traced. */
  readonly tracer?: Tracer | undefined;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  /** Largest answer that is read whole. */
  readonly maxAnswerBytes: number;
  /** Lower-case names of the request headers that policies may read. */
  readonly policyHeaders: readonly string[];
  /** Of the decisions in which nothing fired, the share (0 to 1) that is recorded with what the rules read. */
  readonly recordedShare: number;
}
