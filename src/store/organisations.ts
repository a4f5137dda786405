import type { Organisations } from "../core/control.ts";
import type { Clock } from "../core/ports.ts";
import type { Engine } from "./engine.ts";
import { readCursor, toPage } from "./paging.ts";
import { toOrganisation } from "./rows.ts";

/** The organisation of everything that names none. */
export const defaultOrganisation = "default";

/** Keeps organisations in the database. */
export function createOrganisations({ db }: Engine): Organisations {
  return {
    async list(page) {
      let query = db
        .selectFrom("organisations")
        .selectAll()
        .orderBy("id")
        .limit(page.limit + 1);
      const after = readCursor(page, ["string"]);
      if (after !== null) query = query.where("id", ">", String(after[0]));
      return toPage(await query.execute(), page, toOrganisation, (row) => [row.id]);
    },
    async find(id) {
      const row = await db.selectFrom("organisations").selectAll().where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : toOrganisation(row);
    },
  };
}

/** Makes the organisation `default` if it is not there yet. */
export async function ensureDefaultOrganisation({ db }: Engine, clock: Clock): Promise<void> {
  const now = clock.now();
  await db
    .insertInto("organisations")
    .values({
      id: defaultOrganisation,
      name: "Default",
      time_zone: "UTC",
      labels: "{}",
      version: 1,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
