import type { Insert } from "./engine.ts";
import { addToSums, rollupColumns, sumExpressions } from "./rollup.ts";

/** Runs one statement of a transaction. */
export type Run = (sql: string, parameters: readonly unknown[]) => Promise<{ readonly rows: readonly unknown[] }>;

/**
 * Makes what adds rows in the transaction that `run` is in, leaving out those that are there already.
 *
 * The rows go to the database as the text that they are: this process reads none of it, and one statement has no more than
 * one value however many rows there are.
 */
export function createInserter(): (run: Run, insert: Insert) => Promise<void> {
  const statements = new Map<string, string>();

  return async (run, insert) => {
    if (insert.rows === "") return;
    const key = `${insert.table} ${insert.columns.join()}`;
    let statement = statements.get(key);
    if (statement === undefined) {
      statement = toStatement(insert, await readTypes(run, insert.table));
      statements.set(key, statement);
    }
    await run(statement, [toStorableJson(`[${insert.rows}]`)]);
  };
}

function toStatement({ table, columns, rollup }: Insert, types: ReadonlyMap<string, string>): string {
  const values = columns.map((column, i) => `(row->>${i})::${types.get(column)!}`);
  const all = columns.map((column) => `"${column}"`).join(", ");
  const insert = `insert into ${table} (${all}) select ${values.join(", ")} from jsonb_array_elements($1::jsonb) as row on conflict do nothing`;
  if (rollup === undefined) return insert;
  const into = rollupColumns(rollup);
  const groups = into.slice(0, 1 + rollup.by.length).map((_, i) => i + 1);
  // In an order that all processes share: who changes the same sums waits for one another, and not in a circle.
  return `with added as (${insert} returning *)
    insert into ${rollup.table} (${into.join(", ")})
    select ${sumExpressions(rollup).join(", ")} from added group by ${groups.join(", ")} order by ${groups.join(", ")}
    ${addToSums(rollup)}`;
}

async function readTypes(run: Run, table: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await run(
    `select attname as name, format_type(atttypid, atttypmod) as type
     from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped`,
    [table],
  );
  return new Map((rows as readonly { name: string; type: string }[]).map(({ name, type }) => [name, type]));
}

/**
 * JSON that PostgreSQL takes: it stores neither NUL nor half a surrogate pair. Both become U+FFFD, as they do on their way
 * in any other statement.
 */
export function toStorableJson(json: string): string {
  if (!json.includes("\\u")) return json;
  // Whatever is escaped is looked at in one go, so that an escaped backslash before a `u` is not taken for an escape.
  return json.replace(/\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escaped) =>
    escaped.startsWith("\\u0000") || escaped.startsWith("\\ud") ? "\\ufffd" : escaped,
  );
}

/** A value that PostgreSQL takes: text without NUL. */
export function toStorable(value: unknown): unknown {
  return typeof value === "string" && value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
}
