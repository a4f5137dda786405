import { closest, distance } from "fastest-levenshtein";

/** The known word that `received` was probably meant to be, or `undefined` when none is near. */
export function nearest(received: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const word = closest(received, [...known]);
  return distance(received, word) <= Math.max(2, Math.floor(received.length / 3)) ? word : undefined;
}

/** `; did you mean 'x'?` when a known word is near, else the list of known words. To follow what was received. */
export function suggestion(received: string, known: readonly string[], label = "known"): string {
  const word = nearest(received, known);
  if (word !== undefined) return `; did you mean '${word}'?`;
  return known.length === 0 ? "" : `; ${label}: ${known.join(", ")}`;
}
