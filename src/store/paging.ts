import type { Page, PageRequest } from "../core/control.ts";
import { SluiceError } from "../errors.ts";

/** The values of the sort columns of a page's last row. */
export type Position = readonly (string | number)[];

/** Makes one page of `rows`, which were read with one row more than `page.limit`. */
export function toPage<R, T>(
  rows: readonly R[],
  page: PageRequest,
  toValue: (row: R) => T,
  position: (row: R) => Position,
): Page<T> {
  const more = rows.length > page.limit;
  const shown = more ? rows.slice(0, page.limit) : rows;
  const last = shown.at(-1);
  return { data: shown.map(toValue), next: more && last !== undefined ? encodeCursor(position(last)) : null };
}

/**
 * Where the page before ended.
 *
 * @param types what the position must consist of
 * @throws SluiceError `invalid_input` when the cursor is not one that {@link toPage} made for such a list
 */
export function readCursor(page: PageRequest, types: readonly ("string" | "number")[]): Position | null {
  if (page.after === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(page.after, "base64url").toString("utf8"));
  } catch {
    value = undefined;
  }
  if (!Array.isArray(value) || value.length !== types.length || !types.every((type, i) => typeof value[i] === type)) {
    throw new SluiceError("invalid_input", { problem: "The cursor is not one that this list gave as 'next'." });
  }
  return value as Position;
}

function encodeCursor(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}
