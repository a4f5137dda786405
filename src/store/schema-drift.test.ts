import { expect } from "bun:test";
import { join } from "node:path";
import { temporaryStore, testEngines as test } from "./testing.ts";

/** A column as queries see it. */
interface Column {
  readonly type: "number" | "string";
  readonly nullable: boolean;
}
type Columns = Readonly<Record<string, Column>>;

/** What the portable types of schema/sql are here. */
const portable: Readonly<Record<string, Column["type"]>> = {
  text: "string",
  integer: "number",
  bigint: "number",
  "double precision": "number",
};

const source = await Bun.file(join(import.meta.dir, "tables.ts")).text();

test("what queries are checked against is what the migrations make", async () => {
  await using store = await temporaryStore();
  const { engine, run } = store.database;
  const found: Record<string, Columns> = {};
  for (const { name, kind } of await run(tables[engine])) {
    if (name === "migrations") continue;
    const columns = (await run(columnsOf[engine](String(name)))).map((row): [string, Column] => {
      const type = portable[String(row.type).toLowerCase()];
      if (type === undefined && kind === "table") throw new Error(`${name}.${row.name} is of the type '${row.type}'`);
      return [String(row.name), { type: type ?? "string", nullable: Number(row.not_null) === 0 }];
    });
    found[String(name)] = Object.fromEntries(columns);
    if (kind !== "table")
      expect(columns.map(([column]) => column).sort()).toEqual(Object.keys(declared()[String(name)]!).sort());
  }
  const views = new Set((await run(tables[engine])).filter(({ kind }) => kind !== "table").map(({ name }) => name));
  const withoutViews = (all: Readonly<Record<string, Columns>>) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !views.has(name)));
  expect(Object.keys(found).sort()).toEqual(Object.keys(declared()).sort());
  // Databases do not know which columns of a view can be null.
  expect(withoutViews(found)).toEqual(withoutViews(declared()));
});

const tables = {
  SQLite: "select name, type as kind from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%'",
  PostgreSQL: `select table_name as name, case table_type when 'VIEW' then 'view' else 'table' end as kind
    from information_schema.tables where table_schema = 'public'`,
};

const columnsOf = {
  SQLite: (table: string) => `select name, type, "notnull" as not_null from pragma_table_info('${table}')`,
  PostgreSQL: (table: string) => `select column_name as name, data_type as type,
    case is_nullable when 'NO' then 1 else 0 end as not_null
    from information_schema.columns where table_schema = 'public' and table_name = '${table}'`,
};

/** The tables as `tables.ts` declares them. It is read as text, since types are gone when it runs. */
function declared(): Readonly<Record<string, Columns>> {
  const { Tables, ...interfaces } = Object.fromEntries(
    [...source.matchAll(/^(?:export )?interface (\w+)(?: extends ([^{]+?))? \{\n([\s\S]*?)^\}/gm)].map(
      ([, name, base, body]) => [name!, { base, body: body! }] as const,
    ),
  );
  const columnsIn = (name: string): Columns => {
    const one = interfaces[name];
    if (one === undefined) throw new Error(`tables.ts has no interface ${name}`);
    return { ...inherited(one.base), ...readColumns(one.body) };
  };
  const inherited = (base: string | undefined): Columns => {
    if (base === undefined) return {};
    const [, from, left] = /^Omit<(\w+), ([^>]+)>$/.exec(base) ?? [];
    if (from === undefined) return columnsIn(base);
    return Object.fromEntries(Object.entries(columnsIn(from)).filter(([name]) => !left!.includes(`"${name}"`)));
  };
  return Object.fromEntries(
    [...withoutComments(Tables!.body).matchAll(/^ {2}(\w+): (?:(\w+)|\{ (.*) \});$/gm)].map(
      ([, table, name, inline]) => [
        table!,
        name === undefined ? readColumns(`${inline!.split("; ").join(";\n")};\n`) : columnsIn(name),
      ],
    ),
  );
}

function readColumns(body: string): Columns {
  return Object.fromEntries(
    withoutComments(body)
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line): [string, Column] => {
        const [, name, type] = /^\s*(\w+): (.+);$/.exec(line) ?? [];
        if (name === undefined) throw new Error(`tables.ts has a line that is no column: ${line}`);
        const nullable = type!.endsWith(" | null");
        return [name, { type: type!.replace(" | null", "") === "number" ? "number" : "string", nullable }];
      }),
  );
}

function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, "").replace(/^\s*\/\/.*\n/gm, "");
}
