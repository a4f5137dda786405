import type { Kysely, Transaction } from "kysely";
import type { EnvironmentConfig, Environments } from "../core/environments.ts";
import type { Clock } from "../core/ports.ts";
import type { Changed } from "../core/resources.ts";
import type { ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { positionIn, sorted, toPage } from "./paging.ts";
import { noteChange, organisationOf } from "./policy-trail.ts";
import { fromRestriction, toEnvironmentConfig } from "./rows.ts";
import type { Row, Tables } from "./tables.ts";
import { refusalOf } from "./versions.ts";

type ConfigRow = Row<"application_configs">;

/** Keeps in the database what applications are in their environments. */
export function createEnvironments({ db }: Engine, changes: ChangeLog, clock: Clock): Environments {
  return {
    async list(application, page) {
      const query = living(db).where("application_id", "=", application);
      const rows = await sorted(query, page, "env", "env").execute();
      return toPage(rows, page, toEnvironmentConfig, positionIn("env", "env"));
    },

    async find(application, env) {
      const row = await living(db).where("application_id", "=", application).where("env", "=", env).executeTakeFirst();
      return row === undefined ? null : toEnvironmentConfig(row);
    },

    put: (application, env, settings, version, actor) =>
      changes.transaction(async (tx, announce): Promise<Changed<EnvironmentConfig>> => {
        if (!(await isLiving(tx, application))) return { outcome: "missing" };
        const before = await find(tx, application, env);
        const stands = before === undefined || before.deleted_at !== null ? { version: 0 } : before;
        const refused = refusalOf(stands, version);
        if (refused !== null) return refused;
        const now = clock.now();
        const row: ConfigRow = {
          application_id: application,
          env,
          labels: JSON.stringify(settings.labels),
          disabled: settings.disabled ? 1 : 0,
          strict: settings.strict ? 1 : 0,
          keeps_text: settings.keepsText ? 1 : 0,
          ...fromRestriction(settings),
          deleted_at: null,
          version: (before?.version ?? 0) + 1,
          created_at: stands.version === 0 ? now : before!.created_at,
          updated_at: now,
        };
        await tx
          .insertInto("application_configs")
          .values(row)
          .onConflict((conflict) => conflict.columns(["application_id", "env"]).doUpdateSet(row))
          .execute();
        announce("application", application);
        await note(tx, row, actor, "put", { ...settings });
        return { outcome: "changed", value: toEnvironmentConfig(row) };
      }),

    remove: (application, env, version, actor) =>
      changes.transaction(async (tx, announce): Promise<Changed<EnvironmentConfig>> => {
        const current = await find(tx, application, env);
        const refused = refusalOf(current?.deleted_at === null ? current : undefined, version);
        if (refused !== null) return refused;
        const now = clock.now();
        const row: ConfigRow = { ...current!, deleted_at: now, version: current!.version + 1, updated_at: now };
        const { numUpdatedRows } = await tx
          .updateTable("application_configs")
          .set({ deleted_at: now, version: row.version, updated_at: now })
          .where("application_id", "=", application)
          .where("env", "=", env)
          .where("version", "=", current!.version)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return { outcome: "stale", version: row.version };
        announce("application", application);
        await note(tx, row, actor, "delete", {});
        return { outcome: "changed", value: toEnvironmentConfig(row) };
      }),
  };
}

/** What an application is in an environment; `null` when that is nothing of its own. */
export async function findEnvironment(
  db: Kysely<Tables>,
  application: string,
  env: string,
): Promise<EnvironmentConfig | null> {
  const row = await living(db).where("application_id", "=", application).where("env", "=", env).executeTakeFirst();
  return row === undefined ? null : toEnvironmentConfig(row);
}

function living(db: Kysely<Tables>) {
  return db.selectFrom("application_configs").selectAll().where("deleted_at", "is", null);
}

function find(tx: Transaction<Tables>, application: string, env: string): Promise<ConfigRow | undefined> {
  return tx
    .selectFrom("application_configs")
    .selectAll()
    .where("application_id", "=", application)
    .where("env", "=", env)
    .executeTakeFirst();
}

async function isLiving(tx: Transaction<Tables>, application: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable("applications")
    // Changes nothing, and keeps others from changing the application and its environments until the end.
    .set((is) => ({ version: is.ref("version") }))
    .where("id", "=", application)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

async function note(
  tx: Transaction<Tables>,
  { application_id: application, env, updated_at: at }: ConfigRow,
  actor: string,
  action: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  const organisation = await organisationOf(tx, application);
  await noteChange(tx, { at, organisation, actor, action, subject: `config ${application} ${env}`, detail });
}
