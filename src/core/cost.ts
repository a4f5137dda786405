import type { ModelPrice } from "./ports.ts";
import type { TokenUsage } from "./wire.ts";

/** A price as integers: each is USD per 1,000,000 tokens times 10^decimals. */
interface ScaledPrice {
  readonly decimals: number;
  readonly input: bigint;
  readonly output: bigint;
  readonly cachedInput: bigint;
  readonly cacheWrite: bigint;
}

/** One USD per 1,000,000 tokens is this many nano-dollars per token. */
const nanoPerTokenAtOneUsd = 1_000n;

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
  const prompt = tokens(usage.promptTokens);
  const cached = least(tokens(usage.cachedTokens), prompt);
  const written = least(tokens(usage.cacheWriteTokens), prompt - cached);
  const sum =
    (prompt - cached - written) * exact.input +
    cached * exact.cachedInput +
    written * exact.cacheWrite +
    tokens(usage.completionTokens) * exact.output;
  const divisor = 10n ** BigInt(exact.decimals);
  return Number((sum * nanoPerTokenAtOneUsd * 2n + divisor) / (divisor * 2n));
}

function tokens(count: number | null): bigint {
  return count !== null && Number.isFinite(count) && count > 0 ? BigInt(Math.trunc(count)) : 0n;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function scalePrice(price: ModelPrice): ScaledPrice {
  const input = parseDecimal(price.input);
  const output = parseDecimal(price.output);
  const cachedInput = price.cachedInput === null ? input : parseDecimal(price.cachedInput);
  const cacheWrite = price.cacheWrite === null ? input : parseDecimal(price.cacheWrite);
  const decimals = Math.max(...[input, output, cachedInput, cacheWrite].map((part) => part.decimals));
  const align = (part: Decimal) => part.digits * 10n ** BigInt(decimals - part.decimals);
  return {
    decimals,
    input: align(input),
    output: align(output),
    cachedInput: align(cachedInput),
    cacheWrite: align(cacheWrite),
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
