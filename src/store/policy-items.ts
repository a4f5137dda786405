import type { Kysely } from "kysely";
import type { Mode } from "../core/decision.ts";
import type { ParamValues, PolicyBinding, PolicySetting } from "../core/overlay.ts";
import type { PolicyStore } from "../core/policy-store.ts";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { notePolicyChange, organisationOf } from "./policy-trail.ts";
import type { Row, Tables } from "./tables.ts";

type Item = Row<"policy_items">;
type Key = Pick<Item, "kind" | "policy_id" | "application_id">;
type PolicyItems = Pick<PolicyStore, "attach" | "detach" | "findSetting" | "tune">;

/** Keeps what is attached to which application, and what was tuned. */
export function createPolicyItems({ db }: Engine, changes: ChangeLog, clock: Clock): PolicyItems {
  return {
    attach: (policy, application, params, version, actor) =>
      put(
        { kind: "binding", policy_id: policy, application_id: application },
        version,
        { params: JSON.stringify(params), deleted_at: null, actor },
        { action: "attach", detail: { application, params } },
        toBinding,
      ),

    async detach(policy, application, version, actor) {
      const key: Key = { kind: "binding", policy_id: policy, application_id: application };
      const current = await read(db, key);
      if (current === undefined || current.deleted_at !== null) return { outcome: "missing" };
      const change = { deleted_at: clock.now(), actor };
      return put(key, version ?? current.version, change, { action: "detach", detail: { application } }, toBinding);
    },

    async findSetting(policy, application) {
      const row = await read(db, { kind: "setting", policy_id: policy, application_id: application });
      return row === undefined ? null : toSetting(row);
    },

    tune: (policy, application, { params, mode }, version, actor) =>
      put(
        { kind: "setting", policy_id: policy, application_id: application },
        version,
        {
          ...(params !== undefined && { params: JSON.stringify(params) }),
          ...(mode !== undefined && { mode }),
          actor,
        },
        {
          action: "tune",
          detail: { application, ...(params !== undefined && { params }), ...(mode !== undefined && { mode }) },
        },
        toSetting,
      ),
  };

  /** Writes an item, which may be new. No version that is asked for is that of an item that is not there. */
  function put<T>(
    key: Key,
    version: number | null,
    change: Partial<Item> & Pick<Item, "actor">,
    { action, detail }: { readonly action: string; readonly detail: Readonly<Record<string, unknown>> },
    toValue: (row: Item) => T,
  ): Promise<Changed<T>> {
    return changes.transaction(async (tx, announce): Promise<Changed<T>> => {
      const current = await read(tx, key);
      const there = current !== undefined && current.deleted_at === null;
      const stands = there ? current.version : 0;
      if (version !== null && version !== stands) return { outcome: "stale", version: stands };
      const now = clock.now();
      const row: Item = {
        ...key,
        params: "{}",
        mode: null,
        deleted_at: null,
        created_at: now,
        ...(there && current),
        ...change,
        version: (current?.version ?? 0) + 1,
        updated_at: now,
      };
      await tx
        .insertInto("policy_items")
        .values(row)
        .onConflict((conflict) => conflict.columns(["kind", "policy_id", "application_id"]).doUpdateSet(row))
        .execute();
      const organisation = await organisationOf(tx, key.application_id);
      const { actor } = row;
      await notePolicyChange(tx, announce, { at: now, organisation, actor, action, subject: key.policy_id, detail });
      return { outcome: "changed", value: toValue(row) };
    });
  }
}

function read(db: Kysely<Tables>, key: Key): Promise<Item | undefined> {
  return db
    .selectFrom("policy_items")
    .selectAll()
    .where("kind", "=", key.kind)
    .where("policy_id", "=", key.policy_id)
    .where("application_id", "=", key.application_id)
    .executeTakeFirst();
}

/** A binding as stored, as the core knows it. */
export function toBinding(row: Item): PolicyBinding {
  return {
    id: `${row.policy_id} on ${row.application_id}`,
    policy: row.policy_id,
    application: row.application_id,
    params: JSON.parse(row.params) as ParamValues,
    actor: row.actor,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** A setting as stored, as the core knows it. */
export function toSetting(row: Item): PolicySetting {
  return { ...toBinding(row), mode: row.mode as Mode | null };
}
