import type { ModelPrice, PriceRates } from "./ports.ts";
import type { TokenUsage } from "./wire.ts";

/** Rates as integers: each is USD per 1,000,000 tokens times the divisor, a power of ten. */
interface ScaledRates {
  readonly divisor: number;
  /** In the order of {@link partsOf}. */
  readonly rates: readonly number[];
}

/** One USD per 1,000,000 tokens is this many nano-dollars per token. */
const nanoPerTokenAtOneUsd = 1_000;

// Weak: a price list that is replaced takes its scaled rates with it.
const scaled = new WeakMap<PriceRates, ScaledRates>();

/**
 * What a call costs, in nano-dollars (10^-9 USD), rounded half up once, at the end.
 *
 * Exact: prices are read as the decimals they are written as, not as binary fractions, and added as integers. Cached
 * and cache-written tokens are parts of the prompt, reasoning is one of the completion; where the price list has no
 * price of their own for them, they cost as much as the rest. Counts are the provider's word: what is not a positive
 * number counts as 0, and parts that exceed the whole are cut to it. A provider that tells apart what it charges for is
 * paid that, at the plain rates. Nine million dollars is the most that a call costs: no provider's word is a number that
 * cannot be stored.
 */
export function costNanoUsd(usage: TokenUsage, price: ModelPrice): number {
  const rates = ratesOf(price, usage.promptTokens);
  let exact = scaled.get(rates);
  if (exact === undefined) {
    exact = scaleRates(rates);
    scaled.set(rates, exact);
  }
  const parts = partsOf(usage);

  // Numbers while every intermediate is a safe integer, which is exact and several times faster; else BigInt.
  let sum = 0;
  for (let i = 0; i < parts.length; i += 1) sum += parts[i]! * exact.rates[i]!;
  const doubled = sum * nanoPerTokenAtOneUsd * 2 + exact.divisor;
  if (doubled <= Number.MAX_SAFE_INTEGER) return Math.floor(doubled / (exact.divisor * 2));
  return costOfMany(parts, exact);
}

/** Nano-dollars as whole micro-dollars, rounded half up: what limits in money are settled with. */
export function toMicroUsd(nanoUsd: number): number {
  return Math.floor((nanoUsd + 500) / 1_000);
}

/** What the whole call costs, by how long its prompt is. */
export function ratesOf(price: ModelPrice, promptTokens: number): PriceRates {
  let rates: PriceRates = price;
  if (price.tiers !== undefined) for (const tier of price.tiers) if (promptTokens > tier.above) rates = tier;
  return rates;
}

/** The most that one token of a call can cost, in USD per 1,000,000. */
export interface DearestRates {
  readonly input: number;
  readonly output: number;
}

/**
 * The dearest that any token of a prompt and of its completion can cost: nobody knows before the call what of it will
 * come from the cache and what goes there.
 *
 * @param longCache whether the request asks for its prompt to be kept for an hour
 */
export function dearestRates(price: ModelPrice, promptTokens: number, longCache: boolean): DearestRates {
  const { input, output, cacheWrite, cacheWriteLong, reasoning } = ratesOf(price, promptTokens);
  const long = longCache ? (cacheWriteLong ?? 0) : 0;
  return { input: Math.max(input, cacheWrite ?? 0, long), output: Math.max(output, reasoning ?? 0) };
}

/** Rates of estimates, by input, then by output. Prices are few; what policies name is bounded all the same. */
const scaledEstimates = new Map<number, Map<number, ScaledRates>>();
const maxEstimateRates = 1_000;

/**
 * What so many tokens cost at these rates, in whole micro-dollars, rounded up: never less than {@link toMicroUsd} says of
 * the same tokens afterwards. Exact, as {@link costNanoUsd}.
 */
export function estimateMicroUsd(
  promptTokens: number,
  completionTokens: number,
  { input, output }: DearestRates,
): number {
  let byOutput = scaledEstimates.get(input);
  if (byOutput === undefined) {
    if (scaledEstimates.size >= maxEstimateRates) scaledEstimates.clear();
    byOutput = new Map();
    scaledEstimates.set(input, byOutput);
  }
  let exact = byOutput.get(output);
  if (exact === undefined) {
    if (byOutput.size >= maxEstimateRates) byOutput.clear();
    exact = scale([input, output]);
    byOutput.set(output, exact);
  }
  const { divisor, rates } = exact;
  const sum = promptTokens * rates[0]! + completionTokens * rates[1]!;
  if (sum + divisor <= Number.MAX_SAFE_INTEGER) return Math.ceil(sum / divisor);
  const by = BigInt(divisor);
  const whole = BigInt(promptTokens) * BigInt(rates[0]!) + BigInt(completionTokens) * BigInt(rates[1]!);
  return Number((whole + by - 1n) / by);
}

/** Plain input, cached input, written to the cache, written to be kept for long, plain output, reasoning. */
function partsOf(usage: TokenUsage): readonly number[] {
  const { billed } = usage;
  if (billed !== undefined) return [count(billed.promptTokens), 0, 0, 0, count(billed.completionTokens), 0];
  const prompt = count(usage.promptTokens);
  const cached = Math.min(count(usage.cachedTokens), prompt);
  const written = Math.min(count(usage.cacheWriteTokens), prompt - cached);
  const long = Math.min(count(usage.cacheWriteLongTokens ?? null), written);
  const completion = count(usage.completionTokens);
  const reasoning = Math.min(count(usage.reasoningTokens), completion);
  return [prompt - cached - written, cached, written - long, long, completion - reasoning, reasoning];
}

/** {@link costNanoUsd} beyond the safe integers. */
function costOfMany(parts: readonly number[], { divisor, rates }: ScaledRates): number {
  const by = BigInt(divisor);
  const whole = parts.reduce((total, tokens, i) => total + BigInt(tokens) * BigInt(rates[i]!), 0n);
  const cost = Number((whole * BigInt(nanoPerTokenAtOneUsd) * 2n + by) / (by * 2n));
  return Math.min(cost, Number.MAX_SAFE_INTEGER);
}

function count(tokens: number | null): number {
  return tokens !== null && Number.isFinite(tokens) && tokens > 0 ? Math.trunc(tokens) : 0;
}

function scaleRates({ input, output, cachedInput, cacheWrite, cacheWriteLong, reasoning }: PriceRates): ScaledRates {
  const written = cacheWrite ?? input;
  return scale([input, cachedInput ?? input, written, cacheWriteLong ?? written, output, reasoning ?? output]);
}

function scale(usd: readonly number[]): ScaledRates {
  const parsed = usd.map(parseDecimal);
  const decimals = Math.max(...parsed.map((rate) => rate.decimals));
  return {
    divisor: 10 ** decimals,
    rates: parsed.map((rate) => Number(rate.digits * 10n ** BigInt(decimals - rate.decimals))),
  };
}

interface Decimal {
  readonly digits: bigint;
  readonly decimals: number;
}

/** The shortest decimal that stands for the number, which is the one it was written as: 0.003625 is 3625 / 10^6. */
function parseDecimal(value: number): Decimal {
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  const decimals = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return decimals >= 0 ? { digits, decimals } : { digits: digits * 10n ** BigInt(-decimals), decimals: 0 };
}
