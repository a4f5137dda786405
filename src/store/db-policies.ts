import type { Kysely, Transaction } from "kysely";
import type { DatabasePolicy, PolicyStatus } from "../core/overlay.ts";
import type { PolicyStore, PolicyVersion } from "../core/policy-store.ts";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import { SluiceError } from "../errors.ts";
import type { Announce, ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { readCursor, toPage } from "./paging.ts";
import { notePolicyChange } from "./policy-trail.ts";
import type { Row, Tables } from "./tables.ts";

type DatabasePolicies = Pick<
  PolicyStore,
  "createPolicy" | "findPolicy" | "changePolicy" | "removePolicy" | "versions" | "findVersion"
>;

/** Keeps database policies and how they stood after each change. */
export function createDatabasePolicies({ db }: Engine, changes: ChangeLog, clock: Clock): DatabasePolicies {
  return {
    createPolicy: ({ id, content, status, enabled }, actor) =>
      changes.transaction(async (tx, announce) => {
        const before = await tx.selectFrom("db_policies").selectAll().where("id", "=", id).executeTakeFirst();
        if (before !== undefined && before.deleted_at === null) {
          throw new SluiceError("conflict", { problem: `There is a policy '${id}' already.` });
        }
        const now = clock.now();
        const row: Row<"db_policies"> = {
          id,
          content,
          status,
          enabled: enabled ? 1 : 0,
          deleted_at: null,
          actor,
          version: (before?.version ?? 0) + 1,
          created_at: now,
          updated_at: now,
        };
        await tx
          .insertInto("db_policies")
          .values(row)
          .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
          .execute();
        await note(tx, announce, row, "create");
        return toDatabasePolicy(row);
      }),

    async findPolicy(id) {
      const row = await living(db).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : toDatabasePolicy(row);
    },

    changePolicy: (id, { content, status, enabled }, version, { actor, action }) =>
      change(id, version, action, (row) => ({
        ...row,
        actor,
        ...(content !== undefined && { content }),
        ...(status !== undefined && { status }),
        ...(enabled !== undefined && { enabled: enabled ? 1 : 0 }),
      })),

    removePolicy: (id, version, actor) =>
      change(id, version, "delete", (row, now) => ({ ...row, actor, deleted_at: now })),

    async versions(id, page) {
      let query = db
        .selectFrom("policy_versions")
        .selectAll()
        .where("policy_id", "=", id)
        .orderBy("version", "desc")
        .limit(page.limit + 1);
      const after = readCursor(page, ["number"]);
      if (after !== null) query = query.where("version", "<", Number(after[0]));
      return toPage(await query.execute(), page, toVersion, (row) => [row.version]);
    },

    async findVersion(id, version) {
      const row = await db
        .selectFrom("policy_versions")
        .selectAll()
        .where("policy_id", "=", id)
        .where("version", "=", version)
        .executeTakeFirst();
      return row === undefined ? null : toVersion(row);
    },
  };

  function change(
    id: string,
    version: number | null,
    action: string,
    apply: (row: Row<"db_policies">, now: number) => Row<"db_policies">,
  ): Promise<Changed<DatabasePolicy>> {
    return changes.transaction(async (tx, announce): Promise<Changed<DatabasePolicy>> => {
      const current = await living(tx).where("id", "=", id).executeTakeFirst();
      if (current === undefined) return { outcome: "missing" };
      if (version !== null && current.version !== version) return { outcome: "stale", version: current.version };
      const now = clock.now();
      const row = { ...apply(current, now), version: current.version + 1, updated_at: now };
      const { id: _, ...columns } = row;
      const { numUpdatedRows } = await tx
        .updateTable("db_policies")
        .set(columns)
        .where("id", "=", id)
        // Databases that run transactions side by side: whoever comes second changes nothing.
        .where("version", "=", current.version)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return { outcome: "stale", version: row.version };
      if (row.deleted_at !== null) {
        await tx.deleteFrom("policy_items").where("policy_id", "=", id).execute();
      }
      await note(tx, announce, row, action);
      return { outcome: "changed", value: toDatabasePolicy(row) };
    });
  }
}

/** A database policy as stored, as the core knows it. */
export function toDatabasePolicy(row: Row<"db_policies">): DatabasePolicy {
  return {
    id: row.id,
    content: row.content,
    status: row.status as PolicyStatus,
    enabled: row.enabled !== 0,
    actor: row.actor,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** The database policies that were not deleted. */
export function living(db: Kysely<Tables>) {
  return db.selectFrom("db_policies").selectAll().where("deleted_at", "is", null);
}

async function note(
  tx: Transaction<Tables>,
  announce: Announce,
  row: Row<"db_policies">,
  action: string,
): Promise<void> {
  const { id, content, status, enabled, version, actor, updated_at: at } = row;
  await tx
    .insertInto("policy_versions")
    .values({ policy_id: id, version, content, status, enabled, action, actor, at })
    .execute();
  await notePolicyChange(tx, announce, {
    at,
    actor,
    action,
    subject: id,
    detail: { version, status, enabled: enabled !== 0 },
  });
}

function toVersion({ policy_id: policy, status, enabled, ...row }: Row<"policy_versions">): PolicyVersion {
  return { ...row, policy, status: status as PolicyStatus, enabled: enabled !== 0 };
}
