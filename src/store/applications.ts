import type { Kysely, Selectable, Transaction } from "kysely";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import type { Application, ApplicationChange, Applications } from "../core/tenants.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { idFromName } from "./ids.ts";
import { defaultOrganisation } from "./organisations.ts";
import { positionIn, sorted, toPage } from "./paging.ts";
import { noteChange } from "./policy-trail.ts";
import { toApplication } from "./rows.ts";
import type { Row, Tables } from "./tables.ts";
import { guardName, hold, refusalOf } from "./versions.ts";

/** Keeps applications in the database. */
export function createApplications(engine: Engine, changes: ChangeLog, clock: Clock): Applications {
  const { db } = engine;

  const guarded = <T>(name: string, change: () => Promise<T>): Promise<T> =>
    guardName(engine, `The organisation has an application named '${name}'.`, change);

  return {
    async list(page, { organisation, team, name, disabled, order = "id" } = {}) {
      let query = sorted(living(db), page, order);
      if (organisation !== undefined) query = query.where("organisation_id", "=", organisation);
      if (team !== undefined)
        query = team === "" ? query.where("team_id", "is", null) : query.where("team_id", "=", team);
      if (name !== undefined) query = query.where("name", "=", name);
      if (disabled !== undefined) query = query.where("disabled", "=", disabled ? 1 : 0);
      return toPage(await query.execute(), page, toApplication, positionIn(order));
    },

    async find(id) {
      const row = await living(db).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : toApplication(row);
    },

    async resolve(idOrName, organisation) {
      let query = living(db).where((is) => is.or([is("id", "=", idOrName), is("name", "=", idOrName)]));
      if (organisation !== undefined) query = query.where("organisation_id", "=", organisation);
      const rows = await query.limit(3).execute();
      const row = rows.find(({ id }) => id === idOrName) ?? (rows.length === 1 ? rows[0] : undefined);
      return row === undefined ? null : toApplication(row);
    },

    async organisationOf(id) {
      const row = await db.selectFrom("applications").select("organisation_id").where("id", "=", id).executeTakeFirst();
      return row?.organisation_id ?? null;
    },

    async create({ organisation, team, name, labels }, actor) {
      const now = clock.now();
      const taken = async (id: string) =>
        (await db.selectFrom("applications").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
      const row: Row<"applications"> = {
        id: await idFromName(name, "app", taken, organisation !== defaultOrganisation),
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
      await guarded(name, () =>
        changes.transaction(async (tx) => {
          await hold(tx, "organisations", organisation);
          if (team !== "") await hold(tx, "teams", team);
          await tx.insertInto("applications").values(row).execute();
          await note(tx, row, actor, "create", { name, team, labels });
        }),
      );
      return toApplication(row);
    },

    update: (id, change, version, actor) =>
      guarded(change.name ?? "", () =>
        changes.transaction(async (tx, announce) => {
          const current = await living(tx).where("id", "=", id).executeTakeFirst();
          const refused = refusalOf(current, version);
          if (refused !== null) return refused;
          if (change.team !== undefined && change.team !== "") await hold(tx, "teams", change.team);
          announce("application", id);
          const changed = await store(tx, { ...current!, ...toColumns(change) }, clock.now());
          if (changed.outcome === "changed") {
            await note(tx, { ...current!, updated_at: changed.value.updatedAt }, actor, "change", { ...change });
          }
          return changed;
        }),
      ),

    remove: (id, version, actor) =>
      changes.transaction(async (tx, announce) => {
        const current = await living(tx).where("id", "=", id).executeTakeFirst();
        const refused = refusalOf(current, version);
        if (refused !== null) return refused;
        announce("application", id);
        const now = clock.now();
        await tx
          .updateTable("gateway_keys")
          .set((is) => ({ revoked_at: now, version: is("version", "+", 1) }))
          .where("application_id", "=", id)
          .where("revoked_at", "is", null)
          .execute();
        const removed = await store(tx, { ...current!, deleted_at: now }, now);
        if (removed.outcome === "changed") {
          await note(tx, { ...current!, updated_at: now }, actor, "delete", { name: current!.name });
        }
        return removed;
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

/** Notes a change of an application; `updated_at` is when. */
function note(
  tx: Transaction<Tables>,
  row: Pick<ApplicationRow, "id" | "organisation_id" | "updated_at">,
  actor: string,
  action: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { id, organisation_id: organisation, updated_at: at } = row;
  return noteChange(tx, { at, organisation, actor, action, subject: `application ${id}`, detail });
}

function toColumns(change: ApplicationChange): Partial<ApplicationRow> {
  return {
    ...(change.name !== undefined && { name: change.name }),
    ...(change.team !== undefined && { team_id: change.team === "" ? null : change.team }),
    ...(change.labels !== undefined && { labels: JSON.stringify(change.labels) }),
    ...(change.disabled !== undefined && { disabled: change.disabled ? 1 : 0 }),
  };
}
