import { type RawBuilder, sql } from "kysely";
import type { RecordPurge, RetainedLog } from "../core/retention.ts";
import type { Engine } from "./engine.ts";
import { usageRollup } from "./usage-sums.ts";

/** For each log, how its oldest rows before a time are deleted. All of it is found by an index that begins with the time. */
const statements: Readonly<Record<RetainedLog, (before: number, limit: number) => RawBuilder<unknown>>> = {
  usage: (before, limit) => sql`
    delete from usage where request_id in (select request_id from usage where ts < ${before} order by ts limit ${limit})`,
  decisions: (before, limit) => sql`
    delete from decisions where (request_id, phase_order) in (
      select request_id, phase_order from decisions where ts < ${before} order by ts limit ${limit}
    )`,
  // Those of a day stay until all of it is too old.
  rollups: (before, limit) => sql`
    delete from usage_rollups
    where (day, org, team, app, env, key_id, surface, provider, model, decision) in (
      select day, org, team, app, env, key_id, surface, provider, model, decision
      from usage_rollups where day <= ${before - usageRollup.period.ms} order by day limit ${limit}
    )`,
};

/** Deletes old records from the database. */
export function createRecordPurge({ db }: Engine): RecordPurge {
  return {
    async purge(log, before, limit) {
      // In a transaction, which waits for its turn without holding up anything else.
      const { numAffectedRows } = await db.transaction().execute((tx) => statements[log](before, limit).execute(tx));
      return Number(numAffectedRows ?? 0);
    },
  };
}
