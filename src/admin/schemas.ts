import { Elysia, type Static, type TSchema, t } from "elysia";
import type { Page, PageRequest } from "../core/resources.ts";
import { SluiceError } from "../errors.ts";

/** One of some words. */
export function oneOf<const V extends readonly [string, ...string[]]>(
  words: V,
  options: { description?: string } = {},
) {
  // Elysia would make the first word the default.
  return t.UnionEnum(words as V, { ...options, default: undefined });
}

/** A point in time in answers. */
export const time = (description: string) => t.String({ format: "date-time", description });

/** A point in time that may be missing. */
export const maybeTime = (description: string) =>
  t.Union([t.String({ format: "date-time" }), t.Null()], { description });

/** Characters of texts that are kept: no control characters, which some databases refuse. */
const keptText = "^[^\\x00-\\x1f\\x7f]*$";

/** A line of text that is kept; it may be empty. */
export const line = (maxLength: number, description: string) => t.String({ maxLength, pattern: keptText, description });

/** A name: a line of text that says something. */
export const nameText = (description: string) =>
  t.String({ minLength: 1, maxLength: 128, pattern: "^(?=.*\\S)[^\\x00-\\x1f\\x7f]+$", description });

/** Labels, as policies select by them. */
export const labelsSchema = t.Record(
  t.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$" }),
  t.String({ maxLength: 256, pattern: keptText }),
  {
    additionalProperties: false,
    maxProperties: 32,
    description: "Names and values that policies can select by.",
  },
);

/** An id in a path. */
export const idText = (description: string, examples?: readonly [string]) =>
  t.String({ minLength: 1, maxLength: 256, description, ...(examples && { examples }) });

const idDescription = "Id of what the path names before it.";

/** The path parameter of a single resource. */
export const idParams = t.Object({ id: idText(idDescription) });

/** {@link idParams} with an example of its own, where that of the resource's answers would not do. */
export const idParamsLike = (example: string) => t.Object({ id: idText(idDescription, [example]) });

/** How a list is sorted. */
export function sortedBy<const V extends readonly [string, ...string[]]>(orders: V) {
  return t.Optional(oneOf(orders, { description: "What it is sorted by; the other way round with a - before it." }));
}

/** The header that makes a change depend on the version that was read. */
export const ifMatchHeaders = t.Object({
  "if-match": t.Optional(t.String({ description: "The ETag of the version that the change is meant for, or *." })),
});

/** The query of a list with these filters. Unknown names are refused: a misspelt filter would select everything. */
export function listQuery<P extends Record<string, TSchema>>(filters: P) {
  return t.Object(
    {
      ...filters,
      limit: t.Optional(t.Integer({ minimum: 1, maximum: 200, description: "Entries per page; 50 when absent." })),
      cursor: t.Optional(t.String({ maxLength: 1024, description: "The next of the page before." })),
    },
    { additionalProperties: false },
  );
}

/** The answer of a list. */
export function listOf<T extends TSchema>(entry: T) {
  return t.Object({
    data: t.Array(entry),
    next: t.Union([t.String(), t.Null()], { description: "Cursor of the next page; null on the last one." }),
  });
}

/** The page that a list query asks for. */
export function toPageRequest(query: { limit?: number; cursor?: string }): PageRequest {
  return { limit: query.limit ?? 50, after: query.cursor ?? null };
}

/** A page with its entries shown. */
export function showPage<T, V>(page: Page<T>, show: (value: T) => V): { data: V[]; next: string | null } {
  return { data: page.data.map(show), next: page.next };
}

/**
 * One page of a list that is in memory, in the order of its ids.
 *
 * @throws SluiceError `invalid_input` for a cursor that no such list gave
 */
export function pageOf<T>(items: readonly T[], idOf: (item: T) => string, page: PageRequest): Page<T> {
  const sorted = [...items].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
  const after = page.after === null ? null : Buffer.from(page.after, "base64url").toString("utf8");
  if (after !== null && toCursor(after) !== page.after) {
    throw new SluiceError("invalid_input", { problem: "The cursor is not one that this list gave as 'next'." });
  }
  const rest = after === null ? sorted : sorted.filter((item) => idOf(item) > after);
  const data = rest.slice(0, page.limit);
  const last = data.at(-1);
  const more = rest.length > data.length && last !== undefined;
  return { data, next: more ? toCursor(idOf(last)) : null };
}

function toCursor(id: string): string {
  return Buffer.from(id).toString("base64url");
}

/** The ETag of a version. */
export function toEtag(version: number): string {
  return `"${version}"`;
}

/**
 * The version that an `if-match` header asks for; `null` when any will do.
 *
 * A value that is no ETag of ours stands for a version that never is.
 */
export function readIfMatch(header: string | undefined): number | null {
  if (header === undefined || header.trim() === "*") return null;
  const [, version] = /^\s*(?:W\/)?"(\d{1,15})"\s*$/.exec(header) ?? [];
  return version === undefined ? -1 : Number(version);
}

/** The failure of a change that came too late. */
export function staleError(resource: string, id: string, header: string | undefined, version: number): SluiceError {
  return new SluiceError("stale_etag", { resource, id, received: header ?? "it was read", current: toEtag(version) });
}

const timePattern = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/;

/**
 * Reads a point in time from input: a date (its beginning in UTC) or a date and time with a zone.
 *
 * @throws SluiceError `invalid_input`
 */
export function readTime(name: string, text: string): number {
  // A plus in a query string that was not escaped arrives as a space.
  const value = text.trim().replace(/ (?=\d{2}:?\d{2}$)/, "+");
  const ms = timePattern.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) {
    const problem = `'${name}' is not a time: got '${text}', want a form like 2026-01-31 or 2026-01-31T12:00:00Z.`;
    throw new SluiceError("invalid_input", { problem });
  }
  return ms;
}

/** {@link readTime}, if there is one. */
export function readOptionalTime(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : readTime(name, text);
}

/**
 * Reads the times that a query selects by.
 *
 * @throws SluiceError `invalid_input`, also where nothing could lie between them
 */
export function readSpan(query: { readonly from?: string | undefined; readonly to?: string | undefined }) {
  const from = readOptionalTime("from", query.from);
  const to = readOptionalTime("to", query.to);
  if (from !== undefined && to !== undefined && from > to) {
    const problem = `'from' is later than 'to': got '${query.from}' and '${query.to}'.`;
    throw new SluiceError("invalid_input", { problem });
  }
  return { from, to };
}

/**
 * Reads names separated by commas, each once.
 *
 * @throws SluiceError `invalid_input`
 */
export function readNames<const N extends string>(name: string, text: string | undefined, known: readonly N[]): N[] {
  const names = (text ?? "").split(",").filter((one) => one !== "");
  const isKnown = (one: string): one is N => (known as readonly string[]).includes(one);
  const unknown = names.find((one) => !isKnown(one));
  if (unknown !== undefined) {
    const problem = `'${name}' has '${unknown}'; accepted: ${known.join(", ")}.`;
    throw new SluiceError("invalid_input", { problem });
  }
  return [...new Set(names.filter(isKnown))];
}

/** A time as it is shown. */
export function showTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A time that may be missing as it is shown. */
export function showMaybeTime(ms: number | null): string | null {
  return ms === null ? null : showTime(ms);
}

/** `value`, or the failure that there is none. */
export function found<T>(value: T | null | undefined, resource: string, id: string): T {
  if (value === null || value === undefined) throw new SluiceError("not_found", { resource, id });
  return value;
}

/** The entries of `values` that are there: what an interface with optional members wants. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Routes under a prefix. Input is taken as it is: what a schema does not name is refused, not left out. */
export function routes<const P extends string>(prefix: P) {
  return new Elysia({ prefix, normalize: false });
}

/** What a schema's values are. */
export type Shown<T extends TSchema> = Static<T>;
