import { randomInt } from "node:crypto";

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

/**
 * An id made from a name, so that people can read it: `Batch eval` becomes `batch-eval`.
 *
 * @param taken whether an id is in use; then a random ending is added
 * @param fallback what the id begins with when the name has no letter or digit that an id can hold
 * @param ending whether it has a random ending in any case. Where organisations share their ids, one without an ending
 *   would tell that nobody else has it, and one with an ending that somebody has.
 */
export async function idFromName(
  name: string,
  fallback: string,
  taken: (id: string) => Promise<boolean>,
  ending = false,
): Promise<string> {
  const slug = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[-._]+|[-._]+$/g, "")
    .slice(0, 48);
  if (!ending && slug !== "" && !(await taken(slug))) return slug;
  for (;;) {
    const id = `${slug || fallback}-${randomText(6)}`;
    if (!(await taken(id))) return id;
  }
}

function randomText(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/** An id that sorts, as text, by the time it was made at. */
export function timeOrderedId(ms: number): string {
  return Bun.randomUUIDv7("hex", ms).replaceAll("-", "");
}
