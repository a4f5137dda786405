import type { Kysely, Transaction } from "kysely";
import type { GatewayKey, KeyFilter, Keys } from "../core/keys.ts";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import { SluiceError } from "../errors.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { findEnvironment } from "./environments.ts";
import { positionIn, sorted, toPage } from "./paging.ts";
import { noteChange, organisationOf } from "./policy-trail.ts";
import { fromRestriction, toApplication, toGatewayKey, toOrganisation } from "./rows.ts";
import type { Row, Tables } from "./tables.ts";
import { refusalOf } from "./versions.ts";

type KeyRow = Row<"gateway_keys">;

/** Keeps gateway keys in the database. */
export function createKeys({ db }: Engine, changes: ChangeLog, clock: Clock): Keys {
  const find: Keys["find"] = async (id) => {
    const row = await findRow(db, id);
    return row === undefined ? null : toGatewayKey(row);
  };

  return {
    async list(page, { order = "id", ...filter } = {}) {
      const query = sorted(selected(db, filter, clock.now()), page, order);
      return toPage(await query.execute(), page, toGatewayKey, positionIn(order));
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
      const config = await findEnvironment(db, key.application, key.env);
      return { key, application: toApplication(application), organisation: toOrganisation(organisation), config };
    },

    insert: (key, actor) =>
      changes.transaction(async (tx, announce) => {
        await tx.insertInto("gateway_keys").values(toRow(key)).execute();
        // Somebody may have tried its id in vain before.
        announce("key", key.id);
        const detail = { env: key.env, name: key.name, expires_at: toText(key.expiresAt), ...key.restriction };
        await note(tx, key, { at: key.createdAt, actor, action: "create", detail });
      }),

    update: (id, change, version, actor) =>
      changes.transaction(async (tx, announce): Promise<Changed<GatewayKey>> => {
        const current = await findRow(tx, id);
        const refused = refusalOf(current, version);
        if (refused !== null) return refused;
        if (current!.revoked_at !== null) {
          throw new SluiceError("conflict", { problem: `The key '${id}' was revoked, which is for ever.` });
        }
        const { name, expiresAt, restriction } = change;
        const changed = await write(tx, {
          ...current!,
          ...(name !== undefined && { name }),
          ...(expiresAt !== undefined && { expires_at: expiresAt }),
          ...fromRestriction({ ...toGatewayKey(current!).restriction, ...restriction }),
        });
        if (changed.outcome !== "changed") return changed;
        announce("key", id);
        const detail = {
          ...(name !== undefined && { name }),
          ...(expiresAt !== undefined && { expires_at: toText(expiresAt) }),
          ...restriction,
        };
        await note(tx, changed.value, { at: clock.now(), actor, action: "change", detail });
        return changed;
      }),

    rotate: (id, successor, { until, version, actor }) =>
      changes.transaction(async (tx, announce): Promise<Changed<GatewayKey>> => {
        const current = await findRow(tx, id);
        const refused = refusalOf(current, version);
        if (refused !== null) return refused;
        requireRotatable(current!, clock.now());
        await tx.insertInto("gateway_keys").values(toRow(successor)).execute();
        const changed = await write(tx, {
          ...current!,
          expires_at: Math.min(until, current!.expires_at ?? until),
          replaced_by: successor.id,
        });
        // Somebody was faster. What was inserted goes with the transaction.
        if (changed.outcome !== "changed") throw new SluiceError("conflict", { problem: changedMeanwhile(id) });
        announce("key", id);
        announce("key", successor.id);
        const detail = { replaced_by: successor.id, expires_at: toText(changed.value.expiresAt) };
        await note(tx, changed.value, { at: clock.now(), actor, action: "rotate", detail });
        await note(tx, successor, { at: clock.now(), actor, action: "create", detail: { in_place_of: id } });
        return changed;
      }),

    async revoke(id, at, actor) {
      await changes.transaction(async (tx, announce) => {
        const revoked = await tx
          .updateTable("gateway_keys")
          .set((is) => ({ revoked_at: at, version: is("version", "+", 1) }))
          .where("id", "=", id)
          .where("revoked_at", "is", null)
          .returning("application_id as application")
          .executeTakeFirst();
        if (revoked === undefined) return;
        announce("key", id);
        await note(tx, { id, ...revoked }, { at, actor, action: "revoke", detail: {} });
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

function findRow(db: Kysely<Tables>, id: string): Promise<KeyRow | undefined> {
  return db.selectFrom("gateway_keys").selectAll().where("id", "=", id).executeTakeFirst();
}

function selected(
  db: Kysely<Tables>,
  { organisation, application, env, status }: Omit<KeyFilter, "order">,
  now: number,
) {
  let query = db.selectFrom("gateway_keys").selectAll();
  if (application !== undefined) query = query.where("application_id", "=", application);
  if (organisation !== undefined) {
    query = query.where("application_id", "in", (is) =>
      is.selectFrom("applications").select("id").where("organisation_id", "=", organisation),
    );
  }
  if (env !== undefined) query = query.where("env", "=", env);
  if (status === "revoked") return query.where("revoked_at", "is not", null);
  if (status === undefined) return query;
  const living = query.where("revoked_at", "is", null);
  if (status === "expired") return living.where("expires_at", "<=", now);
  return living.where((is) => is.or([is("expires_at", "is", null), is("expires_at", ">", now)]));
}

/** Writes `next`, made from the row as it was read in this transaction. */
async function write(tx: Transaction<Tables>, next: KeyRow): Promise<Changed<GatewayKey>> {
  const { id, version: was, name, expires_at, replaced_by, surfaces, models, networks } = next;
  const version = was + 1;
  // Not what use changes, which may be noted at the same time.
  const columns = { name, expires_at, replaced_by, surfaces, models, networks, version };
  const { numUpdatedRows } = await tx
    .updateTable("gateway_keys")
    .set(columns)
    .where("id", "=", id)
    .where("version", "=", was)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return { outcome: "stale", version };
  return { outcome: "changed", value: toGatewayKey({ ...next, version }) };
}

/** @throws SluiceError `conflict` */
function requireRotatable({ id, revoked_at, expires_at, replaced_by }: KeyRow, now: number): void {
  const problem =
    revoked_at !== null
      ? `The key '${id}' was revoked; mint a new one.`
      : replaced_by !== null
        ? `The key '${id}' was replaced by '${replaced_by}' already; rotate that one.`
        : expires_at !== null && expires_at <= now
          ? `The key '${id}' has expired; mint a new one.`
          : null;
  if (problem !== null) throw new SluiceError("conflict", { problem });
}

function changedMeanwhile(id: string): string {
  return `The key '${id}' was changed by somebody else meanwhile; read it again and retry.`;
}

async function note(
  tx: Transaction<Tables>,
  { id, application }: Pick<GatewayKey, "id" | "application">,
  { detail, ...change }: { at: number; actor: string; action: string; detail: Readonly<Record<string, unknown>> },
): Promise<void> {
  const organisation = await organisationOf(tx, application);
  await noteChange(tx, { ...change, organisation, subject: `key ${id}`, detail: { application, ...detail } });
}

function toText(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

function toRow(key: GatewayKey): KeyRow {
  return {
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
    ...fromRestriction(key.restriction),
    replaced_by: key.replacedBy === "" ? null : key.replacedBy,
    version: key.version,
  };
}
