import type { Keys } from "../core/control.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { readCursor, toPage } from "./paging.ts";
import { toApplication, toGatewayKey, toOrganisation } from "./rows.ts";

/** Keeps gateway keys in the database. */
export function createKeys({ db }: Engine, changes: ChangeLog): Keys {
  const find: Keys["find"] = async (id) => {
    const row = await db.selectFrom("gateway_keys").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? null : toGatewayKey(row);
  };

  return {
    async list(page, filter = {}) {
      let query = db
        .selectFrom("gateway_keys")
        .selectAll()
        .orderBy("id")
        .limit(page.limit + 1);
      if (filter.application !== undefined) query = query.where("application_id", "=", filter.application);
      const after = readCursor(page, ["string"]);
      if (after !== null) query = query.where("id", ">", String(after[0]));
      return toPage(await query.execute(), page, toGatewayKey, (row) => [row.id]);
    },

    find,

    async holder(id) {
      const key = await find(id);
      if (key === null) return null;
      const application = await db
        .selectFrom("applications")
        .selectAll()
        .where("id", "=", key.application)
        .where("deleted_at", "is", null)
        .executeTakeFirst();
      if (application === undefined) return null;
      const organisation = await db
        .selectFrom("organisations")
        .selectAll()
        .where("id", "=", application.organisation_id)
        .executeTakeFirstOrThrow();
      return { key, application: toApplication(application), organisation: toOrganisation(organisation) };
    },

    insert: (key) =>
      changes.transaction(async (tx, announce) => {
        // Somebody may have tried its id in vain before.
        announce("key", key.id);
        await tx
          .insertInto("gateway_keys")
          .values({
            id: key.id,
            application_id: key.application,
            env: key.env,
            name: key.name,
            secret_hash: key.secretHash,
            last_four: key.lastFour,
            created_at: key.createdAt,
            expires_at: key.expiresAt,
            revoked_at: key.revokedAt,
            last_used_at: key.lastUsedAt,
          })
          .execute();
      }),

    async revoke(id, at) {
      await changes.transaction(async (tx, announce) => {
        const { numUpdatedRows } = await tx
          .updateTable("gateway_keys")
          .set({ revoked_at: at })
          .where("id", "=", id)
          .where("revoked_at", "is", null)
          .executeTakeFirst();
        if (numUpdatedRows > 0n) announce("key", id);
      });
      return find(id);
    },

    async touch(used) {
      if (used.size === 0) return;
      await db.transaction().execute(async (tx) => {
        for (const [id, at] of used) {
          await tx
            .updateTable("gateway_keys")
            .set({ last_used_at: at })
            .where("id", "=", id)
            .where((is) => is.or([is("last_used_at", "is", null), is("last_used_at", "<", at)]))
            .execute();
        }
      });
    },
  };
}
