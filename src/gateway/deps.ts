import type { Counters } from "../core/limits.ts";
import type { Phase, Surface } from "../core/phases.ts";
import type { Catalogue, Clock, KeyDirectory, Logger, Recorder, TokenCounter, Upstream } from "../core/ports.ts";
import type { LiveSnapshot } from "../core/snapshot.ts";
import type { WireFormat } from "../core/wire.ts";

/** What the data plane tells of each call; kept apart from how metrics are stored. */
export interface GatewayMetrics {
  request(surface: string, status: number, seconds: number, overheadSeconds: number): void;
  firstByte(seconds: number): void;
  decision(phase: Phase, effect: string, mode: string, policy: string, code: string): void;
  evaluated(phase: Phase, seconds: number): void;
  policyError(policy: string): void;
  limit(limit: string, result: "granted" | "exhausted" | "error"): void;
  tokens(kind: "prompt" | "completion", provider: string, model: string, amount: number): void;
  cost(provider: string, model: string, nanoUsd: number): void;
  upstream(provider: string, seconds: number): void;
  upstreamError(provider: string, kind: string): void;
  drift(tokens: number): void;
  streams(change: 1 | -1): void;
}

/** Everything the data plane works with, ready to use. */
export interface GatewayDeps {
  readonly formats: readonly WireFormat[];
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
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  /** Longest silence of a provider in the middle of its answer, in milliseconds. */
  readonly idleMs: number;
  /** Lower-case names of the request headers that policies may read. */
  readonly policyHeaders: readonly string[];
}

/** The wire format of a surface. */
export function formatOf(deps: GatewayDeps, surface: Surface): WireFormat {
  const format = deps.formats.find((candidate) => candidate.surface === surface);
  if (format === undefined) throw new Error(`no wire format for surface ${surface}`);
  return format;
}
