import type { Kysely, Transaction } from "kysely";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import type { Organisation, OrganisationChange, Organisations } from "../core/tenants.ts";
import { SluiceError } from "../errors.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { idFromName } from "./ids.ts";
import { positionIn, sorted, toPage } from "./paging.ts";
import { noteChange } from "./policy-trail.ts";
import { toOrganisation } from "./rows.ts";
import type { Row, Tables } from "./tables.ts";
import { guardName, refusalOf } from "./versions.ts";

/** The organisation of everything that names none. */
export const defaultOrganisation = "default";

type OrganisationRow = Row<"organisations">;

/** Keeps organisations in the database. */
export function createOrganisations(engine: Engine, changes: ChangeLog, clock: Clock): Organisations {
  const { db } = engine;

  /** Writes the row that `next` makes of the one that stands, and notes it. */
  const change = (
    id: string,
    version: number | null,
    next: (current: OrganisationRow, tx: Transaction<Tables>) => Promise<Noted>,
    actor: string,
  ) =>
    changes.transaction(async (tx, announce): Promise<Changed<Organisation>> => {
      const current = await living(tx).where("id", "=", id).executeTakeFirst();
      const refused = refusalOf(current, version);
      if (refused !== null) return refused;
      const { id: _, version: was, ...rest } = current!;
      const { columns, action, detail } = await next(current!, tx);
      const row = { ...rest, ...columns, version: was + 1, updated_at: clock.now() };
      const { numUpdatedRows } = await tx
        .updateTable("organisations")
        .set(row)
        .where("id", "=", id)
        .where("version", "=", was)
        .where("deleted_at", "is", null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return { outcome: "stale", version: was + 1 };
      if (action === "delete") await requireEmpty(tx, id);
      announce("organisation", id);
      await note(tx, { id, ...row }, actor, action, detail);
      return { outcome: "changed", value: toOrganisation({ id, ...row }) };
    });

  return {
    async list(page, { id, name, order = "id" } = {}) {
      let query = sorted(living(db), page, order);
      if (id !== undefined) query = query.where("id", "=", id);
      if (name !== undefined) query = query.where("name", "=", name);
      return toPage(await query.execute(), page, toOrganisation, positionIn(order));
    },

    async find(id) {
      const row = await living(db).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : toOrganisation(row);
    },

    async create({ name, timeZone, labels }, actor) {
      const now = clock.now();
      const taken = async (id: string) =>
        (await db.selectFrom("organisations").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
      const row: OrganisationRow = {
        id: await idFromName(name, "org", taken),
        name,
        time_zone: timeZone,
        labels: JSON.stringify(labels),
        deleted_at: null,
        version: 1,
        created_at: now,
        updated_at: now,
      };
      return guardName(engine, takenName(name), () =>
        changes.transaction(async (tx) => {
          await tx.insertInto("organisations").values(row).execute();
          await note(tx, row, actor, "create", { name, time_zone: timeZone, labels });
          return toOrganisation(row);
        }),
      );
    },

    update: (id, wanted, version, actor) =>
      guardName(engine, takenName(wanted.name ?? ""), () =>
        change(
          id,
          version,
          async () => ({ columns: toColumns(wanted), action: "change", detail: { ...wanted } }),
          actor,
        ),
      ),

    async remove(id, version, actor) {
      if (id === defaultOrganisation) {
        const problem = "The organisation 'default' is that of everything that names none; it stays.";
        throw new SluiceError("conflict", { problem });
      }
      const removed = async ({ name }: OrganisationRow) => ({
        columns: { deleted_at: clock.now() },
        action: "delete",
        detail: { name },
      });
      return change(id, version, removed, actor);
    },
  };
}

interface Noted {
  readonly columns: Partial<Omit<OrganisationRow, "id" | "version">>;
  readonly action: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

function living(db: Kysely<Tables>) {
  return db.selectFrom("organisations").selectAll().where("deleted_at", "is", null);
}

function takenName(name: string): string {
  return `There is an organisation named '${name}' already.`;
}

/** After the row was locked: what is put in from now on waits, and finds no organisation. */
async function requireEmpty(tx: Transaction<Tables>, id: string): Promise<void> {
  const count = async (table: "applications" | "teams") => {
    const { found } = await tx
      .selectFrom(table)
      .select((is) => is.fn.countAll<number | string | bigint>().as("found"))
      .where("organisation_id", "=", id)
      .where("deleted_at", "is", null)
      .executeTakeFirstOrThrow();
    return Number(found);
  };
  const [applications, teams] = [await count("applications"), await count("teams")];
  const { found } = await tx
    .selectFrom("admin_keys")
    .select((is) => is.fn.countAll<number | string | bigint>().as("found"))
    .where("organisation_id", "=", id)
    .where("revoked_at", "is", null)
    .executeTakeFirstOrThrow();
  const keys = Number(found);
  if (applications === 0 && teams === 0 && keys === 0) return;
  const problem = `The organisation '${id}' is not empty: it has ${applications} applications, ${teams} teams and ${keys} admin keys. Delete or revoke them first.`;
  throw new SluiceError("conflict", { problem });
}

function note(
  tx: Transaction<Tables>,
  { id, updated_at: at }: Pick<OrganisationRow, "id" | "updated_at">,
  actor: string,
  action: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  return noteChange(tx, { at, organisation: id, actor, action, subject: `organisation ${id}`, detail });
}

function toColumns({ name, timeZone, labels }: OrganisationChange): Noted["columns"] {
  return {
    ...(name !== undefined && { name }),
    ...(timeZone !== undefined && { time_zone: timeZone }),
    ...(labels !== undefined && { labels: JSON.stringify(labels) }),
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
      deleted_at: null,
      version: 1,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
