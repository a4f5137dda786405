import type { CounterState, Reservation, ReserveResult } from "../../core/limits.ts";

/** What the reserve script answers. */
export type Reply =
  | { readonly kind: "given-up" }
  | { readonly kind: "stale"; readonly now: number }
  | { readonly kind: "answer"; readonly now: number; readonly result: ReserveResult };

const none: readonly number[] = Object.freeze([]);

/** Reads the text that the reserve script answers, as its head describes it. */
export function parseReply(text: string, reservations: readonly Reservation[]): Reply {
  const words = text.split(" ");
  if (words[0] === "x") return { kind: "given-up" };
  const now = Number(words[1]);
  if (words[0] === "stale") return { kind: "stale", now };
  const granted = words[0] === "1";
  if (words.length !== 2 + 3 * reservations.length) throw new Error("the record of this request is of another request");
  const states: CounterState[] = [];
  let exhausted: number[] | undefined;
  for (let i = 0; i < reservations.length; i += 1) {
    const used = Number(words[3 * i + 2]);
    const resetMs = Number(words[3 * i + 3]);
    const remaining = Math.max(0, reservations[i]!.max - used);
    // Concurrency has no window that ends: whoever waits may try again in a second.
    const resetSeconds = Math.max(1, Math.ceil(resetMs / 1000));
    states.push({ used, remaining, resetSeconds });
    if (!granted && words[3 * i + 4] === "1") {
      if (exhausted === undefined) exhausted = [i];
      else exhausted.push(i);
    }
  }
  return { kind: "answer", now, result: { granted, states, exhausted: exhausted ?? none } };
}
