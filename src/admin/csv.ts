import { stringify } from "csv-stringify/sync";
import { t } from "elysia";
import type { Logger } from "../core/ports.ts";
import type { Page, PageRequest } from "../core/resources.ts";
import { oneOf, toPageRequest } from "./schemas.ts";
import { streamed } from "./streams.ts";

/** Rows that are read at once of a table that leaves whole. */
const rowsAtOnce = 200;

/** The query member by which a table can be had as CSV. */
export const csvQuery = {
  format: t.Optional(
    oneOf(["json", "csv"], { description: "csv for a table; as well as accept: text/csv. json when absent." }),
  ),
};

/** What the OpenAPI document makes the second content type of an answer of; see `openapi.ts`. */
export const asCsv = { "x-csv": true } as const;

/** Whether a table is wanted as CSV: by the query, else by the `accept` header. */
export function wantsCsv(request: Request, format: "json" | "csv" | undefined): boolean {
  return format === undefined ? /^\s*text\/csv\b/i.test(request.headers.get("accept") ?? "") : format === "csv";
}

/** What a list is asked with. */
interface ListedAsCsv {
  readonly request: Request;
  readonly query: { limit?: number; cursor?: string };
  readonly logger: Pick<Logger, "error">;
}

/**
 * A list as CSV (RFC 4180): a row of names, then a row for each entry. Values that are no single ones stand as JSON. What
 * a spreadsheet would take for a formula is marked as text.
 *
 * With a `limit` it is one page, and `link` names the next one; without, it is everything from the cursor on.
 *
 * @param entry the schema of an entry: its members are the columns
 */
export async function listAsCsv<T>(
  name: string,
  entry: { readonly properties: object },
  { request, query, logger }: ListedAsCsv,
  read: (page: PageRequest) => Promise<Page<T>>,
  show: (value: T) => object,
): Promise<Response> {
  const columns = Object.keys(entry.properties);
  const encode = (values: readonly T[]) => toCsv(columns, values.map(show));
  const head = toCsv(columns, [], true);
  if (query.limit !== undefined) {
    const { data, next } = await read(toPageRequest(query));
    const link = next === null ? undefined : linkTo(request, next);
    return new Response(head + encode(data), { headers: headersOf(name, link) });
  }
  // Before the answer begins: what the list refuses is told as a problem then.
  const first = await read({ limit: rowsAtOnce, after: query.cursor ?? null });
  return streamed(wholeOf(first, read), (values) => (values === null ? head : encode(values)), headersOf(name), logger);
}

/** A table that is in memory as CSV, as {@link listAsCsv} writes it. */
export function tableAsCsv(name: string, columns: readonly string[], rows: readonly object[]): Response {
  return new Response(toCsv(columns, rows, true), { headers: headersOf(name) });
}

/** Everything of a list, a page at a time; `null` first, for the row of names. */
async function* wholeOf<T>(
  first: Page<T>,
  read: (page: PageRequest) => Promise<Page<T>>,
): AsyncGenerator<readonly T[] | null> {
  yield null;
  yield first.data;
  for (let after = first.next; after !== null; ) {
    const { data, next } = await read({ limit: rowsAtOnce, after });
    yield data;
    after = next;
  }
}

function headersOf(name: string, link?: string): Record<string, string> {
  return {
    "content-type": "text/csv; charset=utf-8; header=present",
    "content-disposition": `attachment; filename="${name}.csv"`,
    "cache-control": "no-store",
    ...(link !== undefined && { link }),
  };
}

/** RFC 8288: where the page after this one is. */
function linkTo(request: Request, cursor: string): string {
  const { pathname, searchParams } = new URL(request.url);
  searchParams.set("cursor", cursor);
  return `<${pathname}?${searchParams}>; rel="next"`;
}

function toCsv(columns: readonly string[], rows: readonly object[], header = false): string {
  return stringify(rows.map(toCells), {
    columns: [...columns],
    header,
    record_delimiter: "windows",
    escape_formulas: true,
    cast: { boolean: String },
  });
}

function toCells(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === "object" && value !== null ? JSON.stringify(value) : value,
    ]),
  );
}
