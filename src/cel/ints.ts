import { fail } from "./failure.ts";

/**
 * A 64-bit integer as compiled expressions hold it: a number while that is exact, a BigInt beyond 2^53. Each value has
 * one form, so `===` compares. Never -0.
 */
export type Int = number | bigint;

const mostExact = Number.MAX_SAFE_INTEGER;
export const minInt = -(2n ** 63n);
export const maxInt = 2n ** 63n - 1n;

/** The one form of a value. */
export function narrow(value: bigint): Int {
  return value <= mostExact && value >= -mostExact ? Number(value) : value;
}

/** The value, when it has 64 bits. */
export function within64(value: bigint): bigint {
  if (value < minInt || value > maxInt) fail("numeric_overflow");
  return value;
}

export function add(a: Int, b: Int): Int {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (sum <= mostExact && sum >= -mostExact) return sum;
  }
  return narrow(within64(BigInt(a) + BigInt(b)));
}

export function subtract(a: Int, b: Int): Int {
  if (typeof a === "number" && typeof b === "number") {
    const difference = a - b;
    if (difference <= mostExact && difference >= -mostExact) return difference;
  }
  return narrow(within64(BigInt(a) - BigInt(b)));
}

export function multiply(a: Int, b: Int): Int {
  if (typeof a === "number" && typeof b === "number") {
    const product = a * b;
    if (product <= mostExact && product >= -mostExact) return product + 0;
  }
  return narrow(within64(BigInt(a) * BigInt(b)));
}

export function divide(a: Int, b: Int): Int {
  if (b === 0) fail("division_by_zero");
  // The remainder of doubles is exact, and so is what is then divided.
  if (typeof a === "number" && typeof b === "number") return (a - (a % b)) / b + 0;
  return narrow(within64(BigInt(a) / BigInt(b)));
}

export function modulo(a: Int, b: Int): Int {
  if (b === 0) fail("modulo_by_zero");
  if (typeof a === "number" && typeof b === "number") return (a % b) + 0;
  return narrow(within64(BigInt(a) % BigInt(b)));
}

export function negate(a: Int): Int {
  return typeof a === "number" ? 0 - a : narrow(within64(-a));
}

/** `int(double)`: towards zero. */
export function truncate(value: number): Int {
  const whole = Math.trunc(value);
  if (whole <= mostExact && whole >= -mostExact) return whole + 0;
  // The specification leaves out the least int, because doubles beside it are rounded to it.
  if (!(Math.abs(whole) < 2 ** 63)) fail("numeric_overflow");
  return narrow(BigInt(whole));
}

/** `int(string)`: decimal digits with an optional sign, and nothing else. */
export function parseInteger(text: string): Int {
  if (!/^[-+]?\d{1,19}$/.test(text)) fail("int_conversion_error");
  const value = Number(text);
  return value <= mostExact && value >= -mostExact ? value + 0 : narrow(within64(BigInt(text)));
}
