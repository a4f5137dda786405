import type { Transaction } from "kysely";
import type { Changed } from "../core/resources.ts";
import { SluiceError } from "../errors.ts";
import type { Tables } from "./tables.ts";

/**
 * Why a change may not go on, `null` when it may.
 *
 * @param version the version that the change was made for; `null` for whatever stands
 */
export function refusalOf(current: { readonly version: number } | undefined, version: number | null) {
  if (current === undefined) return { outcome: "missing" } as const satisfies Changed<never>;
  if (version === null || current.version === version) return null;
  return { outcome: "stale", version: current.version } as const satisfies Changed<never>;
}

/**
 * Makes sure that an organisation or team is there and stays until the transaction ends: who would delete it waits, and
 * then finds what was put in.
 *
 * @throws SluiceError `invalid_input` when there is none
 */
export async function hold(tx: Transaction<Tables>, table: "organisations" | "teams", id: string): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable(table)
    // Changes nothing, and locks the row in every database.
    .set((is) => ({ version: is.ref("version") }))
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return;
  throw new SluiceError("invalid_input", { problem: `There is no ${table.slice(0, -1)} '${id}'.` });
}

/** Runs a change and tells a name that is taken from other failures. */
export async function guardName<T>(
  engine: { isDuplicate(error: unknown): boolean },
  problem: string,
  change: () => Promise<T>,
): Promise<T> {
  try {
    return await change();
  } catch (cause) {
    if (!engine.isDuplicate(cause)) throw cause;
    throw new SluiceError("conflict", { problem }, { cause });
  }
}
