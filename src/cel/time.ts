import { Duration } from "@marcbachmann/cel-js/evaluator";
import { fail } from "./failure.ts";

/** Spans and moments of time, exactly and in the specification's range; the library rounds, and lets them leave it. */

const nanosPerSecond = 1_000_000_000;
const nanosPerMillisecond = 1_000_000;
/** Years 1 to 9999. */
const firstMoment = -62_135_596_800_000;
const lastMoment = 253_402_300_799_999;
/** Some 10,000 years, as literals may be. */
const longestSeconds = 315_576_000_000;
/** Some 292 years, which is what 64 bits hold in nanoseconds: the longest time between two moments. */
const longestBetween = 9_223_372_036_854;

/**
 * A span of so many seconds and nanoseconds, both exact numbers. In the span they have the same sign, so that equal
 * spans look alike.
 */
function spanOf(seconds: number, nanos: number): Duration {
  let whole = seconds + Math.trunc(nanos / nanosPerSecond);
  let rest = nanos % nanosPerSecond;
  if (whole > 0 && rest < 0) {
    whole -= 1;
    rest += nanosPerSecond;
  } else if (whole < 0 && rest > 0) {
    whole += 1;
    rest -= nanosPerSecond;
  }
  if (!(Math.abs(whole) <= longestSeconds)) fail("duration_out_of_range");
  return new Duration(whole, rest + 0);
}

/** The span that the library made, as ours are. */
export function toSpan({ seconds, nanos }: Duration): Duration {
  return spanOf(Number(seconds), nanos);
}

export function addSpans(a: Duration, b: Duration): Duration {
  return spanOf(Number(a.seconds) + Number(b.seconds), a.nanos + b.nanos);
}

export function subtractSpans(a: Duration, b: Duration): Duration {
  return spanOf(Number(a.seconds) - Number(b.seconds), a.nanos - b.nanos);
}

/** Below zero, zero or above it, as `a` is shorter than `b`, as long or longer. */
export function compareSpans(a: Duration, b: Duration): number {
  return Number(a.seconds) - Number(b.seconds) || a.nanos - b.nanos;
}

export function spanBetween(later: Date, earlier: Date): Duration {
  const milliseconds = later.getTime() - earlier.getTime();
  if (!(Math.abs(milliseconds) <= longestBetween)) fail("duration_out_of_range");
  const rest = milliseconds % 1_000;
  return new Duration((milliseconds - rest) / 1_000, rest * nanosPerMillisecond);
}

export function momentAfter(moment: Date, span: Duration): Date {
  return inRange(moment.getTime() + Number(span.seconds) * 1_000 + Math.floor(span.nanos / nanosPerMillisecond));
}

export function momentBefore(moment: Date, span: Duration): Date {
  return inRange(moment.getTime() - Number(span.seconds) * 1_000 - Math.floor(span.nanos / nanosPerMillisecond));
}

/** Whether so many milliseconds since 1970 are a moment of the years that there are. */
export function isMoment(milliseconds: number): boolean {
  return milliseconds >= firstMoment && milliseconds <= lastMoment;
}

function inRange(milliseconds: number): Date {
  if (!isMoment(milliseconds)) fail("timestamp_out_of_range");
  return new Date(milliseconds);
}

/** A span as the specification writes it, such as `1800s` or `-0.5s`. */
export function spanText({ seconds, nanos }: Duration): string {
  const sign = seconds < 0n || nanos < 0 ? "-" : "";
  const fraction = Math.abs(nanos).toString().padStart(9, "0").replace(/0+$/, "");
  return `${sign}${String(seconds).replace("-", "")}${fraction === "" ? "" : `.${fraction}`}s`;
}
