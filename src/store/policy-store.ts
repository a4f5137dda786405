import type { PolicyStore } from "../core/policy-store.ts";
import type { Clock } from "../core/ports.ts";
import type { ChangeLog } from "./changes/log.ts";
import { createDatabasePolicies, living, toDatabasePolicy } from "./db-policies.ts";
import type { Engine } from "./engine.ts";
import { createInterventions, toBreakGlass, toMaintenance } from "./interventions.ts";
import { createPolicyItems, toBinding, toSetting } from "./policy-items.ts";

/** Keeps what the control plane lays over the policies of git. */
export function createPolicyStore(engine: Engine, log: ChangeLog, clock: Clock): PolicyStore {
  return {
    ...createDatabasePolicies(engine, log, clock),
    ...createPolicyItems(engine, log, clock),
    ...createInterventions(engine, log, clock),

    overlay: (now) =>
      // One moment for all of it.
      engine.snapshot(async (tx) => {
        const policies = await living(tx).orderBy("id").execute();
        const items = await tx
          .selectFrom("policy_items")
          .selectAll()
          .where("deleted_at", "is", null)
          .orderBy("policy_id")
          .orderBy("application_id")
          .execute();
        const open = await tx
          .selectFrom("interventions")
          .selectAll()
          .where("ended_at", "is", null)
          .where("expires_at", ">", now)
          .orderBy("id")
          .execute();
        const maintenance = open.findLast(({ kind }) => kind === "maintenance");
        return {
          policies: policies.map(toDatabasePolicy),
          bindings: items.filter(({ kind }) => kind === "binding").map(toBinding),
          settings: items.filter(({ kind }) => kind === "setting").map(toSetting),
          breakGlass: open.filter(({ kind }) => kind === "break_glass").map(toBreakGlass),
          maintenance: maintenance === undefined ? null : toMaintenance(maintenance),
        };
      }),
  };
}
