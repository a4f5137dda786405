/**
 * Rows that are summed up as they are added: each of those that are new changes the sums of its group, in the same
 * transaction. So the sums are always those of the rows, and a row that comes a second time changes nothing.
 */
export interface Rollup {
  /** The table of the sums. Its key is `period.column` and `by`. */
  readonly table: string;
  /** Columns that both tables have and that rows are grouped by. */
  readonly by: readonly string[];
  /** Rows are grouped by the period of so many milliseconds that a time of theirs lies in; kept as its beginning. */
  readonly period: { readonly column: string; readonly of: string; readonly ms: number };
  readonly sums: readonly RollupSum[];
}

/** One column of sums, and what each row adds to it. */
export interface RollupSum {
  readonly column: string;
  /**
   * `count`: one. `sum`: the value of a column, nothing where there is none. `missing`: one where a column has no value.
   * `failed`: one where a column, an HTTP status, is 500 or more.
   */
  readonly how: "count" | "sum" | "missing" | "failed";
  /** The column of the row; empty for `count`. */
  readonly of: string;
}

/** The least status that is a failure of ours or of a provider. */
const failedStatus = 500;

/** All columns of the table of sums, those of its key first. */
export function rollupColumns({ period, by, sums }: Rollup): readonly string[] {
  return [period.column, ...by, ...sums.map(({ column }) => column)];
}

/** What a statement that adds to sums ends with, after the rows to add. */
export function addToSums({ table, period, by, sums }: Rollup): string {
  const changes = sums.map(({ column }) => `${column} = ${table}.${column} + excluded.${column}`);
  return `on conflict (${[period.column, ...by].join(", ")}) do update set ${changes.join(", ")}`;
}

/** What is selected of the ledger's rows, in SQL, for each of {@link rollupColumns}. */
export function sumExpressions({ period, by, sums }: Rollup): readonly string[] {
  return [`${period.of} - ${period.of} % ${period.ms}`, ...by, ...sums.map((sum) => `sum(${valueExpression(sum)})`)];
}

/** What one row adds to a sum, in SQL. */
export function valueExpression({ how, of }: RollupSum): string {
  if (how === "count") return "1";
  if (how === "sum") return `coalesce(${of}, 0)`;
  return `case when ${how === "missing" ? `${of} is null` : `${of} >= ${failedStatus}`} then 1 else 0 end`;
}

type Value = string | number | null;

/** Sums up rows in memory, for a database whose statements do not tell which rows were new. */
export function createSums(rollup: Rollup, columns: readonly string[]) {
  const { period, by, sums } = rollup;
  const place = (column: string) => columns.indexOf(column);
  const time = place(period.of);
  const group = by.map(place);
  const amounts = sums.map(({ how, of }) => ({ how, at: place(of) }));
  const totals = new Map<string, Value[]>();
  /** What the row before was added to: most often it is that of the next one, too, and needs no key then. */
  let latest: Value[] = [];

  const isLatest = (start: number, row: readonly Value[]): boolean => {
    if (latest[0] !== start) return false;
    for (let i = 0; i < group.length; i += 1) if (latest[i + 1] !== row[group[i]!]) return false;
    return true;
  };

  const totalOf = (start: number, row: readonly Value[]): Value[] => {
    const key = JSON.stringify([start, ...group.map((i) => row[i])]);
    let total = totals.get(key);
    if (total === undefined) {
      total = [start, ...group.map((i) => row[i]!), ...amounts.map(() => 0)];
      totals.set(key, total);
    }
    return total;
  };

  return {
    add(row: readonly Value[]): void {
      const at = Number(row[time]);
      const start = at - (at % period.ms);
      if (!isLatest(start, row)) latest = totalOf(start, row);
      const total = latest;
      const first = 1 + group.length;
      for (let i = 0; i < amounts.length; i += 1) {
        total[first + i] = (total[first + i] as number) + amountOf(amounts[i]!.how, row[amounts[i]!.at]);
      }
    },
    /** Rows for {@link rollupColumns}. */
    rows: (): readonly Value[][] => [...totals.values()],
  };
}

function amountOf(how: RollupSum["how"], value: Value | undefined): number {
  if (how === "count") return 1;
  if (how === "sum") return Number(value ?? 0);
  if (how === "missing") return value === null ? 1 : 0;
  return Number(value) >= failedStatus ? 1 : 0;
}
