import { costNanoUsd, dearestRates } from "../core/cost.ts";
import { wordless } from "../core/coverage.ts";
import { emptyFacts, type FactName, type Facts } from "../core/facts.ts";
import type { Identity } from "../core/identity.ts";
import type { LocalTime } from "../core/local-time.ts";
import { countingSurfaces } from "../core/phases.ts";
import { type CompiledPolicy, notApplicable, type Verdict } from "../core/policy.ts";
import type { ModelPrice, Route, TokenCount, TokenCounter } from "../core/ports.ts";
import type { RuleSet } from "../core/snapshot.ts";
import type { AnswerSummary, RequestView, TokenUsage } from "../core/wire.ts";
import type { PlainHeaders } from "./headers.ts";

const noTexts: readonly string[] = Object.freeze([]);
const noPairs: Readonly<Record<string, string>> = Object.freeze({});

/** Tells where a request comes from; empty when that is not known. */
export type AddressOf = (request: Request) => string;

/** Is told how long it took to find a fact out. */
export type FactTook = (fact: FactName, seconds: number) => void;

/** What the facts of one request are made from. */
export interface FactSources {
  readonly requestId: string;
  readonly now: number;
  readonly identity: Identity;
  readonly view: RequestView;
  readonly route: Route;
  readonly headers: PlainHeaders;
  readonly request: Request;
  /** Asked only when a rule reads it. */
  readonly addressOf: AddressOf;
  readonly policyHeaders: readonly string[];
  readonly localTime: (now: number, timeZone: string) => LocalTime;
}

/** The facts known before the provider answers. What costs something is computed only when a rule reads it. */
export function requestFacts(sources: FactSources, reads: ReadonlySet<FactName>): Facts {
  const { identity, view, route, headers } = sources;
  const local =
    reads.has("clock.hour") || reads.has("clock.minute") || reads.has("clock.weekday") || reads.has("clock.date")
      ? sources.localTime(sources.now, identity.org.timeZone)
      : undefined;
  return {
    org: { id: identity.org.id, labels: identity.org.labels },
    team: identity.team,
    app: { id: identity.app.id, name: identity.app.name, env: identity.env, labels: identity.app.labels },
    key: identity.key,
    user: { id: headers["sluice-user"] ?? view.user, groups: noTexts },
    now: new Date(sources.now),
    clock: local ?? unknown.clock,
    request: {
      id: sources.requestId,
      surface: view.surface,
      provider: route.target.provider,
      model: view.model,
      stream: view.stream,
      bytes: view.raw.byteLength,
      message_count: view.messageCount,
      tool_count: view.toolCount,
      choices: view.choices,
      image_count: reads.has("request.image_count") ? view.imageCount() : 0,
      characters: reads.has("request.characters") ? view.characters() : 0,
      roles: reads.has("request.roles") ? view.roles() : noTexts,
      tool_names: reads.has("request.tool_names") ? view.toolNames() : noTexts,
      max_tokens: wordless.has(view.surface) ? 0 : (view.maxTokensRequested || route.model.maxOutput) * view.choices,
      max_tokens_requested: view.maxTokensRequested * view.choices,
      temperature: view.temperature ?? 1,
      estimated_tokens: 0,
      estimated_cost_usd: 0,
      priced: reads.has("request.priced") && route.targets.every(({ info }) => info.price !== null),
      input_usd_per_million: 0,
      output_usd_per_million: 0,
      has_images: reads.has("request.has_images") && view.imageCount() > 0,
      source_ip: reads.has("request.source_ip") ? sources.addressOf(sources.request) : "",
      headers: reads.has("request.headers") ? pick(headers, sources.policyHeaders) : noPairs,
    },
    pii: unknown.pii,
    secrets: unknown.secrets,
    injection: unknown.injection,
    limits: unknown.limits,
    budget: unknown.budget,
    event: unknown.event,
    stream: unknown.stream,
    response: unknown.response,
    usage: unknown.usage,
  };
}

/** What later phases know and this one does not; shared, because they put their own in its place. */
const unknown = emptyFacts();

/**
 * Computes the token facts if a rule reads them and a bound does not already decide. Answers a promise only when there
 * is something to wait for.
 *
 * Tokens are never more than UTF-8 bytes plus the overheads. Where every policy that reads the count can only fire less
 * for a smaller one, and fires nothing for the bound, nothing is encoded.
 */
export function addTokenFacts(
  facts: Facts,
  rules: RuleSet,
  view: RequestView,
  route: Route,
  tokens: TokenCounter,
  took?: FactTook,
): void | Promise<void> {
  const needsCost = readsCost(rules.reads);
  if (!needsCost && !rules.reads.has("request.estimated_tokens")) return;
  if (!needsCost && rules.boundable && boundDecides(facts, rules, tokens.promptBound(view))) return;
  const from = took === undefined ? 0 : performance.now();
  const counted = tokens.countPrompt(view, route.model);
  if (counted instanceof Promise) return setTokensLater(facts, view, route, needsCost, counted, took, from);
  setTokens(facts, view, route, needsCost, counted);
  took?.("request.estimated_tokens", (performance.now() - from) / 1000);
}

/** Whether some requests will have their tokens counted, by what these policies read. */
export function needsCounting(policies: readonly Pick<CompiledPolicy, "reads">[]): boolean {
  return policies.some(({ reads }) => reads.includes("request.estimated_tokens") || readsCost(new Set(reads)));
}

function readsCost(reads: ReadonlySet<FactName>): boolean {
  return (
    reads.has("request.estimated_cost_usd") ||
    reads.has("request.input_usd_per_million") ||
    reads.has("request.output_usd_per_million")
  );
}

// A function of its own: a closure here would put what it holds on the heap for every request, counted at once or not.
async function setTokensLater(
  facts: Facts,
  view: RequestView,
  route: Route,
  needsCost: boolean,
  counting: Promise<TokenCount>,
  took: FactTook | undefined,
  from: number,
): Promise<void> {
  setTokens(facts, view, route, needsCost, await counting);
  took?.("request.estimated_tokens", (performance.now() - from) / 1000);
}

/** Whether the tokens in these facts are the bound that was enough to decide, and were not counted. */
export function isPromptBound(facts: Facts, rules: RuleSet, view: RequestView, tokens: TokenCounter): boolean {
  const { reads } = rules;
  if (!reads.has("request.estimated_tokens") || readsCost(reads)) return false;
  return facts.request.estimated_tokens === tokens.promptBound(view);
}

function setTokens(
  { request }: Facts,
  view: RequestView,
  route: Route,
  needsCost: boolean,
  { tokens: prompt }: TokenCount,
): void {
  request.estimated_tokens = prompt;
  if (!needsCost || countingSurfaces.has(view.surface)) return;
  if (route.model.price !== null) {
    request.estimated_cost_usd = costNanoUsd(plainUsage(prompt, request.max_tokens), route.model.price) / 1e9;
  }
  // Whichever target answers: none of them may cost more than what is reserved.
  for (const { info } of route.targets) {
    if (info.price === null) continue;
    const { input, output } = dearestRates(info.price, prompt, asksForLongCache(view, info.price));
    request.input_usd_per_million = Math.max(request.input_usd_per_million, input);
    request.output_usd_per_million = Math.max(request.output_usd_per_million, output);
  }
}

/** Whether the prompt, or a part of it, is to be kept for an hour, where that has its price. */
function asksForLongCache({ raw }: RequestView, price: ModelPrice): boolean {
  if (price.cacheWriteLong === undefined) return false;
  return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).includes('"1h"');
}

function boundDecides(facts: Facts, rules: RuleSet, bound: number): boolean {
  facts.request.estimated_tokens = bound;
  return rules.policies.every(
    (policy) =>
      !policy.reads.includes("request.estimated_tokens") ||
      Object.values(policy.evaluate).every((ask) => isQuiet(ask, facts)),
  );
}

/** Whether nothing fires. A policy that throws is asked again by the engine, which knows what that counts as. */
function isQuiet(ask: (facts: Facts) => Verdict, facts: Facts): boolean {
  try {
    const verdict = ask(facts);
    return verdict === null || verdict === notApplicable || verdict.length === 0;
  } catch {
    return false;
  }
}

/** Fills in what is known once the answer has ended. */
export function addAnswerFacts(
  facts: Facts,
  answer: { status: number; bytes: number; latencyMs: number; summary: AnswerSummary },
  usage: TokenUsage,
  costNano: number | null,
  provenance: string,
): void {
  facts.response = {
    status: answer.status,
    bytes: answer.bytes,
    latency_ms: Math.round(answer.latencyMs),
    finish_reason: answer.summary.finishReason,
  };
  facts.usage = {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.totalTokens,
    cached_tokens: usage.cachedTokens ?? 0,
    reasoning_tokens: usage.reasoningTokens ?? 0,
    cost_usd: (costNano ?? 0) / 1e9,
    provenance,
  };
}

/** Usage with nothing known of caches and reasoning. */
export function plainUsage(promptTokens: number, completionTokens: number): TokenUsage {
  return {
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cachedTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
  };
}

function pick(headers: PlainHeaders, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}
