import type { ModelPrice } from "./ports.ts";
import type { TokenUsage } from "./wire.ts";

/** A price as integers: each rate is USD per 1,000,000 tokens times the divisor, a power of ten. */
interface ScaledPrice {
  readonly divisor: number;
  /** Of plain input, cached input, input written to the cache, and output. */
  readonly rates: readonly number[];
}

/** One USD per 1,000,000 tokens is this many nano-dollars per token. */
const nanoPerTokenAtOneUsd = 1_000;

// Weak: a price list that is replaced takes its scaled prices with it.
const scaled = new WeakMap<ModelPrice, ScaledPrice>();

/**
 * What a call costs, in nano-dollars (10^-9 USD), rounded half up once, at the end.
 *
 * Exact: prices are read as the decimals they are written as, not as binary fractions, and added as integers. Cached
 * and cache-written tokens are parts of the prompt; where the price list has no price of their own for them, they cost
 * as much as other input. Counts are the provider's word: what is not a positive number counts as 0, and parts that
 * exceed the prompt are cut to it.
 */
export function costNanoUsd(usage: TokenUsage, price: ModelPrice): number {
  let exact = scaled.get(price);
  if (exact === undefined) {
    exact = scalePrice(price);
    scaled.set(price, exact);
  }
  const prompt = count(usage.promptTokens);
  const cached = Math.min(count(usage.cachedTokens), prompt);
  const written = Math.min(count(usage.cacheWriteTokens), prompt - cached);
  const completion = count(usage.completionTokens);
  const parts = [prompt - cached - written, cached, written, completion] as const;

  // Numbers while every intermediate is a safe integer, which is exact and several times faster; else BigInt.
  let sum = 0;
  for (let i = 0; i < parts.length; i += 1) sum += parts[i]! * exact.rates[i]!;
  const doubled = sum * nanoPerTokenAtOneUsd * 2 + exact.divisor;
  if (doubled <= Number.MAX_SAFE_INTEGER) return Math.floor(doubled / (exact.divisor * 2));
  return costOfMany(parts, exact);
}

/** The same beyond the safe integers. */
function costOfMany(parts: readonly number[], { divisor, rates }: ScaledPrice): number {
  const by = BigInt(divisor);
  const whole = parts.reduce((total, tokens, i) => total + BigInt(tokens) * BigInt(rates[i]!), 0n);
  return Number((whole * BigInt(nanoPerTokenAtOneUsd) * 2n + by) / (by * 2n));
}

function count(tokens: number | null): number {
  return tokens !== null && Number.isFinite(tokens) && tokens > 0 ? Math.trunc(tokens) : 0;
}

function scalePrice(price: ModelPrice): ScaledPrice {
  const input = parseDecimal(price.input);
  const output = parseDecimal(price.output);
  const cachedInput = price.cachedInput === null ? input : parseDecimal(price.cachedInput);
  const cacheWrite = price.cacheWrite === null ? input : parseDecimal(price.cacheWrite);
  const rates = [input, cachedInput, cacheWrite, output];
  const decimals = Math.max(...rates.map((rate) => rate.decimals));
  return {
    divisor: 10 ** decimals,
    rates: rates.map((rate) => Number(rate.digits * 10n ** BigInt(decimals - rate.decimals))),
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
