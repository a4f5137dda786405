import type { ModelState, ModelStates } from "../core/models.ts";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { noteChange } from "./policy-trail.ts";
import type { Row } from "./tables.ts";

/** Keeps in the database which models are switched off. */
export function createModelStates({ db }: Engine, changes: ChangeLog, clock: Clock): ModelStates {
  return {
    async all() {
      return (await db.selectFrom("model_states").selectAll().orderBy("id").execute()).map(toModelState);
    },

    change: (id, { enabled, reason, actor }, version) =>
      changes.transaction(async (tx, announce): Promise<Changed<ModelState>> => {
        const current = await tx.selectFrom("model_states").selectAll().where("id", "=", id).executeTakeFirst();
        const own = current?.version ?? 0;
        const model = await tx.selectFrom("models").select("version").where("id", "=", id).executeTakeFirst();
        const stands = own + (model?.version ?? 0);
        if (version !== null && version !== stands) return { outcome: "stale", version: stands };
        const now = clock.now();
        const row: Row<"model_states"> = {
          id,
          enabled: enabled ? 1 : 0,
          reason,
          actor,
          version: own + 1,
          created_at: current?.created_at ?? now,
          updated_at: now,
        };
        await tx
          .insertInto("model_states")
          .values(row)
          .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
          .execute();
        announce("model", id);
        const action = enabled ? "enable" : "disable";
        await noteChange(tx, { at: now, actor, action, subject: `model ${id}`, detail: { reason } });
        return { outcome: "changed", value: toModelState(row) };
      }),
  };
}

function toModelState(row: Row<"model_states">): ModelState {
  return {
    id: row.id,
    enabled: row.enabled !== 0,
    reason: row.reason,
    actor: row.actor,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
