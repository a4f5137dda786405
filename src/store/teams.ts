import type { Kysely, Transaction } from "kysely";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import type { Team, TeamChange, Teams } from "../core/tenants.ts";
import { SluiceError } from "../errors.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { idFromName } from "./ids.ts";
import { defaultOrganisation } from "./organisations.ts";
import { positionIn, sorted, toPage } from "./paging.ts";
import { noteChange } from "./policy-trail.ts";
import { toTeam } from "./rows.ts";
import type { Row, Tables } from "./tables.ts";
import { guardName, hold, refusalOf } from "./versions.ts";

type TeamRow = Row<"teams">;

/** Keeps teams in the database. */
export function createTeams(engine: Engine, changes: ChangeLog, clock: Clock): Teams {
  const { db } = engine;

  const findIn = async (organisation: string, idOrName: string): Promise<Team | null> => {
    const rows = await living(db)
      .where("organisation_id", "=", organisation)
      .where((is) => is.or([is("id", "=", idOrName), is("name", "=", idOrName)]))
      .execute();
    const row = rows.find(({ id }) => id === idOrName) ?? rows[0];
    return row === undefined ? null : toTeam(row);
  };

  const insert = async (
    { organisation, name, labels }: Pick<Team, "organisation" | "name" | "labels">,
    actor: string,
  ): Promise<Team> => {
    const now = clock.now();
    const taken = async (id: string) =>
      (await db.selectFrom("teams").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
    const row: TeamRow = {
      id: await idFromName(name, "team", taken, organisation !== defaultOrganisation),
      organisation_id: organisation,
      name,
      labels: JSON.stringify(labels),
      deleted_at: null,
      version: 1,
      created_at: now,
      updated_at: now,
    };
    return changes.transaction(async (tx) => {
      await hold(tx, "organisations", organisation);
      await tx.insertInto("teams").values(row).execute();
      await note(tx, row, actor, "create", { name, labels });
      return toTeam(row);
    });
  };

  /** Writes the row that stands with other columns, and notes it. */
  const change = (
    id: string,
    version: number | null,
    columns: Partial<Omit<TeamRow, "id" | "version">>,
    { actor, action, detail }: { actor: string; action: string; detail: Readonly<Record<string, unknown>> },
  ) =>
    changes.transaction(async (tx, announce): Promise<Changed<Team>> => {
      const current = await living(tx).where("id", "=", id).executeTakeFirst();
      const refused = refusalOf(current, version);
      if (refused !== null) return refused;
      const { id: _, version: was, ...rest } = current!;
      const row = { ...rest, ...columns, version: was + 1, updated_at: clock.now() };
      const { numUpdatedRows } = await tx
        .updateTable("teams")
        .set(row)
        .where("id", "=", id)
        .where("version", "=", was)
        .where("deleted_at", "is", null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return { outcome: "stale", version: was + 1 };
      if (action === "delete") await requireEmpty(tx, id);
      announce("organisation", row.organisation_id);
      await note(tx, { id, ...row }, actor, action, { name: row.name, ...detail });
      return { outcome: "changed", value: toTeam({ id, ...row }) };
    });

  return {
    async list(page, { organisation, name, order = "id" } = {}) {
      let query = sorted(living(db), page, order);
      if (organisation !== undefined) query = query.where("organisation_id", "=", organisation);
      if (name !== undefined) query = query.where("name", "=", name);
      return toPage(await query.execute(), page, toTeam, positionIn(order));
    },

    async find(id) {
      const row = await living(db).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : toTeam(row);
    },

    async ensure(organisation, idOrName, actor) {
      const found = await findIn(organisation, idOrName);
      if (found !== null) return found;
      try {
        return await insert({ organisation, name: idOrName, labels: {} }, actor);
      } catch (error) {
        // Made by someone else since it was looked for.
        const made = engine.isDuplicate(error) ? await findIn(organisation, idOrName) : null;
        if (made === null) throw error;
        return made;
      }
    },

    create: (input, actor) => guardName(engine, takenName(input.name), () => insert(input, actor)),

    update: (id, wanted, version, actor) =>
      guardName(engine, takenName(wanted.name ?? ""), () =>
        change(id, version, toColumns(wanted), { actor, action: "change", detail: { ...wanted } }),
      ),

    remove: (id, version, actor) =>
      change(id, version, { deleted_at: clock.now() }, { actor, action: "delete", detail: {} }),
  };
}

function living(db: Kysely<Tables>) {
  return db.selectFrom("teams").selectAll().where("deleted_at", "is", null);
}

function takenName(name: string): string {
  return `The organisation has a team named '${name}'.`;
}

/** After the row was locked: what is put in from now on waits, and finds no team. */
async function requireEmpty(tx: Transaction<Tables>, id: string): Promise<void> {
  const { found } = await tx
    .selectFrom("applications")
    .select((is) => is.fn.countAll<number | string | bigint>().as("found"))
    .where("team_id", "=", id)
    .where("deleted_at", "is", null)
    .executeTakeFirstOrThrow();
  if (Number(found) === 0) return;
  const problem = `The team '${id}' is not empty: it has ${Number(found)} applications. Put them into another team or delete them.`;
  throw new SluiceError("conflict", { problem });
}

function note(
  tx: Transaction<Tables>,
  { id, organisation_id: organisation, updated_at: at }: Pick<TeamRow, "id" | "organisation_id" | "updated_at">,
  actor: string,
  action: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  return noteChange(tx, { at, organisation, actor, action, subject: `team ${id}`, detail });
}

function toColumns({ name, labels }: TeamChange): Partial<TeamRow> {
  return {
    ...(name !== undefined && { name }),
    ...(labels !== undefined && { labels: JSON.stringify(labels) }),
  };
}
