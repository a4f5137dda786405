import { type SelectQueryBuilder, sql } from "kysely";
import type { Page, PageRequest } from "../core/resources.ts";
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
  // Numbers are times and counts: databases that know types compare those with nothing else.
  const fits = (type: string, one: unknown) => (type === "number" ? Number.isSafeInteger(one) : typeof one === type);
  if (!Array.isArray(value) || value.length !== types.length || !types.every((type, i) => fits(type, value[i]))) {
    throw new SluiceError("invalid_input", { problem: "The cursor is not one that this list gave as 'next'." });
  }
  return value as Position;
}

/** What a list is sorted by: a column, and the id where that does not decide. */
interface Order {
  readonly column: string;
  readonly descending: boolean;
}

/** Reads an order such as `name` or `-created_at`. */
function toOrder(order: string): Order {
  const descending = order.startsWith("-");
  return { column: descending ? order.slice(1) : order, descending };
}

/**
 * Sorts a query, lets it begin where the page before ended, and reads one row more than the page has.
 *
 * @param order one of the columns, with `-` before it for the other way round; those that end in `_at` are numbers
 * @param id the column that is different in all rows
 */
export function sorted<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  page: PageRequest,
  order: string,
  id = "id",
): SelectQueryBuilder<DB, TB, O> {
  const { column, descending } = toOrder(order);
  const direction = descending ? "desc" : "asc";
  const after = readCursor(page, [column.endsWith("_at") ? "number" : "string", "string"]);
  const ordered = query
    .orderBy(sql.ref(column), direction)
    .orderBy(sql.ref(id), direction)
    .limit(page.limit + 1);
  if (after === null) return ordered;
  const compare = descending ? sql`<` : sql`>`;
  return ordered.where(sql<boolean>`(${sql.ref(column)}, ${sql.ref(id)}) ${compare} (${after[0]}, ${after[1]})`);
}

/** The {@link Position} of a row in a list that is {@link sorted} by this. */
export function positionIn(order: string, id = "id"): (row: object) => Position {
  const { column } = toOrder(order);
  return (row) => {
    const values = row as Readonly<Record<string, string | number>>;
    return [values[column]!, values[id]!];
  };
}

function encodeCursor(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}
