import { Environment } from "@marcbachmann/cel-js";
import type { Duration } from "@marcbachmann/cel-js/evaluator";
import { isMoment, toSpan } from "./time.ts";

const env = new Environment();
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/;

/** The value of a timestamp literal, or `null`. Stricter than the library, which takes any date that JavaScript takes. */
export function foldTimestamp(text: string): Date | null {
  const parts = rfc3339.exec(text);
  const date = new Date(text);
  if (parts === null || !isMoment(date.getTime())) return null;
  // JavaScript moves February 30th into March.
  const [, year, month, day] = parts.map(Number) as [number, number, number, number];
  const there = new Date(Date.UTC(year, month - 1, day));
  return there.getUTCMonth() === month - 1 && there.getUTCDate() === day ? date : null;
}

/** The value of a duration literal such as `1h30m`, or `null`. */
export function foldDuration(text: string): Duration | null {
  if (!/^-?(\d{1,12}(\.\d{1,9})?(ns|us|ms|s|m|h))+$/.test(text)) return null;
  try {
    return toSpan(env.evaluate(`duration("${text}")`));
  } catch {
    return null;
  }
}
