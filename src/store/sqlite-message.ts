import type { Insert } from "./engine.ts";

/** What the thread is asked, but for the rows. */
interface WriteHead {
  readonly path: string;
  readonly inserts: readonly Omit<Insert, "rows">[];
}

/** Empty when the rows are stored, else what went wrong. */
export type WriteReply = string;

/**
 * What the thread of SqliteWriter is asked, as one text, which crosses threads much faster than objects do: a line of
 * JSON, then a line of rows for each insert. Rows are JSON themselves, which has no line ends, and not encoded again.
 */
export function encodeWrite(path: string, inserts: readonly Insert[]): string {
  const head: WriteHead = { path, inserts: inserts.map(({ rows: _, ...insert }) => insert) };
  return [JSON.stringify(head), ...inserts.map(({ rows }) => rows)].join("\n");
}

/** Reads what {@link encodeWrite} wrote. */
export function decodeWrite(text: string): { readonly path: string; readonly inserts: readonly Insert[] } {
  const [head, ...rows] = text.split("\n");
  const { path, inserts } = JSON.parse(head!) as WriteHead;
  return { path, inserts: inserts.map((insert, i) => ({ ...insert, rows: rows[i]! })) };
}
