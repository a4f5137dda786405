import type { Kysely, Selectable } from "kysely";
import type { Application, ApplicationChange, Applications, Changed } from "../core/control.ts";
import type { Clock } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { idFromName } from "./ids.ts";
import { readCursor, toPage } from "./paging.ts";
import { toApplication } from "./rows.ts";
import type { Row, Tables } from "./tables.ts";

/** Keeps applications in the database. */
export function createApplications(engine: Engine, changes: ChangeLog, clock: Clock): Applications {
  const { db } = engine;

  /** Runs a change of a name and tells a name that is taken from other failures. */
  const guardName = async <T>(name: string, change: () => Promise<T>): Promise<T> => {
    try {
      return await change();
    } catch (cause) {
      if (!engine.isDuplicate(cause)) throw cause;
      const problem = `The organisation has an application named '${name}'.`;
      throw new SluiceError("conflict", { problem }, { cause });
    }
  };

  return {
    async list(page, filter = {}) {
      let query = living(db)
        .orderBy("id")
        .limit(page.limit + 1);
      if (filter.organisation !== undefined) query = query.where("organisation_id", "=", filter.organisation);
      if (filter.name !== undefined) query = query.where("name", "=", filter.name);
      const after = readCursor(page, ["string"]);
      if (after !== null) query = query.where("id", ">", String(after[0]));
      return toPage(await query.execute(), page, toApplication, (row) => [row.id]);
    },

    async find(id) {
      const row = await living(db).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : toApplication(row);
    },

    async resolve(idOrName) {
      const rows = await living(db)
        .where((is) => is.or([is("id", "=", idOrName), is("name", "=", idOrName)]))
        .limit(3)
        .execute();
      const row = rows.find(({ id }) => id === idOrName) ?? (rows.length === 1 ? rows[0] : undefined);
      return row === undefined ? null : toApplication(row);
    },

    async create({ organisation, team, name, labels }) {
      const now = clock.now();
      const taken = async (id: string) =>
        (await db.selectFrom("applications").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
      const row: Row<"applications"> = {
        id: await idFromName(name, "app", taken),
        organisation_id: organisation,
        team_id: team === "" ? null : team,
        name,
        labels: JSON.stringify(labels),
        disabled: 0,
        deleted_at: null,
        version: 1,
        created_at: now,
        updated_at: now,
      };
      await guardName(name, () => db.insertInto("applications").values(row).execute());
      return toApplication(row);
    },

    update: (id, change, version) =>
      guardName(change.name ?? "", () =>
        changes.transaction(async (tx, announce) => {
          const current = await living(tx).where("id", "=", id).executeTakeFirst();
          const refused = refuse(current, version);
          if (refused !== null) return refused;
          announce("application", id);
          return store(tx, { ...current!, ...toColumns(change) }, clock.now());
        }),
      ),

    remove: (id, version) =>
      changes.transaction(async (tx, announce) => {
        const current = await living(tx).where("id", "=", id).executeTakeFirst();
        const refused = refuse(current, version);
        if (refused !== null) return refused;
        announce("application", id);
        const now = clock.now();
        await tx
          .updateTable("gateway_keys")
          .set({ revoked_at: now })
          .where("application_id", "=", id)
          .where("revoked_at", "is", null)
          .execute();
        return store(tx, { ...current!, deleted_at: now }, now);
      }),

    async any() {
      return (await db.selectFrom("applications").select("id").limit(1).executeTakeFirst()) !== undefined;
    },
  };
}

type ApplicationRow = Selectable<Tables["applications"]>;

function living(db: Kysely<Tables>) {
  return db.selectFrom("applications").selectAll().where("deleted_at", "is", null);
}

/** Why a change may not go on, `null` when it may. */
function refuse(current: ApplicationRow | undefined, version: number | null): Changed<Application> | null {
  if (current === undefined) return { outcome: "missing" };
  if (version !== null && current.version !== version) return { outcome: "stale", version: current.version };
  return null;
}

/** Writes `next`, made from the row as it was read in this transaction. */
async function store(tx: Kysely<Tables>, next: ApplicationRow, now: number): Promise<Changed<Application>> {
  const { id, version: was, ...rest } = next;
  const row = { ...rest, version: was + 1, updated_at: now };
  const { numUpdatedRows } = await tx
    .updateTable("applications")
    .set(row)
    .where("id", "=", id)
    // Databases that run transactions side by side: whoever comes second finds another version and changes nothing.
    .where("version", "=", was)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return { outcome: "stale", version: was + 1 };
  return { outcome: "changed", value: toApplication({ id, ...row }) };
}

function toColumns(change: ApplicationChange): Partial<ApplicationRow> {
  return {
    ...(change.name !== undefined && { name: change.name }),
    ...(change.team !== undefined && { team_id: change.team === "" ? null : change.team }),
    ...(change.labels !== undefined && { labels: JSON.stringify(change.labels) }),
    ...(change.disabled !== undefined && { disabled: change.disabled ? 1 : 0 }),
  };
}
