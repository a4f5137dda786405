import type { Insertable, Transaction } from "kysely";
import type { AdminKey, AdminKeys } from "../core/admin-keys.ts";
import type { Role } from "../core/operators.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { readCursor, toPage } from "./paging.ts";
import { noteChange } from "./policy-trail.ts";
import type { Row, Tables } from "./tables.ts";
import { hold } from "./versions.ts";

/** Keeps admin keys in the database. */
export function createAdminKeys({ db }: Engine, changes: ChangeLog): AdminKeys {
  const find: AdminKeys["find"] = async (id) => {
    const row = await db.selectFrom("admin_keys").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? null : toAdminKey(row);
  };

  return {
    async list(page, { organisation } = {}) {
      let query = db
        .selectFrom("admin_keys")
        .selectAll()
        .orderBy("id")
        .limit(page.limit + 1);
      if (organisation !== undefined) query = query.where("organisation_id", "=", organisation);
      const after = readCursor(page, ["string"]);
      if (after !== null) query = query.where("id", ">", String(after[0]));
      return toPage(await query.execute(), page, toAdminKey, (row) => [row.id]);
    },

    find,

    insert: (key, actor) => changes.transaction((tx) => add(tx, key, "create", actor)),

    rotate: (id, successor, until, actor) =>
      changes.transaction(async (tx) => {
        const rotated = await tx
          .updateTable("admin_keys")
          .set((is) => ({
            replaced_by: successor.id,
            expires_at: is.case().when("expires_at", "<", until).then(is.ref("expires_at")).else(until).end(),
          }))
          .where("id", "=", id)
          .where("revoked_at", "is", null)
          .where("replaced_by", "is", null)
          .returning("id")
          .executeTakeFirst();
        if (rotated === undefined) return false;
        await add(tx, successor, "rotate", actor);
        return true;
      }),

    async revoke(id, at, actor) {
      await changes.transaction(async (tx) => {
        const revoked = await tx
          .updateTable("admin_keys")
          .set({ revoked_at: at })
          .where("id", "=", id)
          .where("revoked_at", "is", null)
          .returning(["organisation_id", "role"])
          .executeTakeFirst();
        if (revoked === undefined) return;
        const { organisation_id: organisation, role } = revoked;
        await noteChange(tx, {
          at,
          organisation,
          actor,
          action: "revoke",
          subject: `admin key ${id}`,
          detail: { role },
        });
      });
      return find(id);
    },

    async touch(used) {
      if (used.size === 0) return;
      await db.transaction().execute(async (tx) => {
        for (const [id, at] of used) {
          await tx
            .updateTable("admin_keys")
            .set({ last_used_at: at })
            .where("id", "=", id)
            .where((is) => is.or([is("last_used_at", "is", null), is("last_used_at", "<", at)]))
            .execute();
        }
      });
    },
  };
}

async function add(tx: Transaction<Tables>, key: AdminKey, action: "create" | "rotate", actor: string): Promise<void> {
  if (key.organisation !== null) await hold(tx, "organisations", key.organisation);
  await tx.insertInto("admin_keys").values(toRow(key)).execute();
  const { id, name, role, organisation, rotatedFrom, createdAt, expiresAt } = key;
  await noteChange(tx, {
    at: createdAt,
    organisation,
    actor,
    action,
    subject: `admin key ${id}`,
    detail: {
      name,
      role,
      expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      ...(rotatedFrom !== null && { rotated_from: rotatedFrom }),
    },
  });
}

function toRow(key: AdminKey): Insertable<Tables["admin_keys"]> {
  return {
    id: key.id,
    name: key.name,
    role: key.role,
    organisation_id: key.organisation,
    secret_hash: key.secretHash,
    last_four: key.lastFour,
    created_by: key.createdBy,
    rotated_from: key.rotatedFrom,
    replaced_by: key.replacedBy,
    created_at: key.createdAt,
    expires_at: key.expiresAt,
    revoked_at: key.revokedAt,
    last_used_at: key.lastUsedAt,
  };
}

function toAdminKey(row: Row<"admin_keys">): AdminKey {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    organisation: row.organisation_id,
    secretHash: row.secret_hash,
    lastFour: row.last_four,
    createdBy: row.created_by,
    rotatedFrom: row.rotated_from,
    replacedBy: row.replaced_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  };
}
