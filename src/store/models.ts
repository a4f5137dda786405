import type { Kysely } from "kysely";
import type { DatabaseModel, DatabaseModels, ModelDefinition } from "../core/models.ts";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import { SluiceError } from "../errors.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { noteChange } from "./policy-trail.ts";
import type { Row, Tables } from "./tables.ts";

/** Keeps the models that were made in the control plane. */
export function createDatabaseModels({ db }: Engine, changes: ChangeLog, clock: Clock): DatabaseModels {
  return {
    async all() {
      return (await db.selectFrom("models").selectAll().orderBy("id").execute()).map(toDatabaseModel);
    },

    create: (id, definition, actor) =>
      changes.transaction(async (tx, announce) => {
        if ((await find(tx, id)) !== undefined) {
          throw new SluiceError("conflict", { problem: `There is a model '${id}' already.` });
        }
        const now = clock.now();
        const row = { id, ...toColumns(definition), actor, version: 1, created_at: now, updated_at: now };
        await tx.insertInto("models").values(row).execute();
        announce("model", id);
        await noteChange(tx, { at: now, actor, action: "create", subject: `model ${id}`, detail: { ...definition } });
        return toDatabaseModel(row);
      }),

    replace: (id, definition, version, actor) =>
      changes.transaction(async (tx, announce): Promise<Changed<DatabaseModel>> => {
        const current = await find(tx, id);
        if (current === undefined) return { outcome: "missing" };
        const stands = current.version + (await stateVersion(tx, id));
        if (version !== null && version !== stands) return { outcome: "stale", version: stands };
        const now = clock.now();
        const row = { ...current, ...toColumns(definition), actor, version: current.version + 1, updated_at: now };
        const { id: _, ...columns } = row;
        await tx.updateTable("models").set(columns).where("id", "=", id).execute();
        announce("model", id);
        await noteChange(tx, { at: now, actor, action: "update", subject: `model ${id}`, detail: { ...definition } });
        return { outcome: "changed", value: toDatabaseModel(row) };
      }),

    remove: (id, version, actor) =>
      changes.transaction(async (tx, announce): Promise<Changed<DatabaseModel>> => {
        const current = await find(tx, id);
        if (current === undefined) return { outcome: "missing" };
        const stands = current.version + (await stateVersion(tx, id));
        if (version !== null && version !== stands) return { outcome: "stale", version: stands };
        const now = clock.now();
        await tx.deleteFrom("models").where("id", "=", id).execute();
        // The name may stay, as a vendor's own: its versions go on, so that none stands for two things.
        const never = { id, enabled: 1, reason: "", actor: "", created_at: now, updated_at: now };
        await tx
          .insertInto("model_states")
          .values({ ...never, version: stands + 1 })
          .onConflict((conflict) => conflict.column("id").doUpdateSet({ version: stands + 1 }))
          .execute();
        announce("model", id);
        await noteChange(tx, { at: now, actor, action: "delete", subject: `model ${id}`, detail: {} });
        return { outcome: "changed", value: toDatabaseModel(current) };
      }),
  };
}

function find(db: Kysely<Tables>, id: string): Promise<Row<"models"> | undefined> {
  return db.selectFrom("models").selectAll().where("id", "=", id).executeTakeFirst();
}

async function stateVersion(db: Kysely<Tables>, id: string): Promise<number> {
  const row = await db.selectFrom("model_states").select("version").where("id", "=", id).executeTakeFirst();
  return row?.version ?? 0;
}

function toColumns({ targets, price, priceWaived }: ModelDefinition) {
  return {
    targets: JSON.stringify(targets),
    price: price === null ? null : JSON.stringify(price),
    price_waived: priceWaived ? 1 : 0,
  };
}

function toDatabaseModel(row: Row<"models">): DatabaseModel {
  return {
    id: row.id,
    targets: JSON.parse(row.targets) as DatabaseModel["targets"],
    price: row.price === null ? null : (JSON.parse(row.price) as DatabaseModel["price"]),
    priceWaived: row.price_waived !== 0,
    actor: row.actor,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
