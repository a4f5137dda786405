import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { AdminKeys } from "../core/admin-keys.ts";
import type { AuditLog, Trail } from "../core/audit.ts";
import type { Changes } from "../core/changes.ts";
import type { DecisionLog } from "../core/decision-log.ts";
import type { Environments } from "../core/environments.ts";
import type { IdempotencyStore } from "../core/idempotency.ts";
import type { Keys } from "../core/keys.ts";
import type { DatabaseModels, ModelStates } from "../core/models.ts";
import type { PolicyStore } from "../core/policy-store.ts";
import type { Clock } from "../core/ports.ts";
import type { RecordSink } from "../core/records.ts";
import type { RecordPurge } from "../core/retention.ts";
import type { SharedPin } from "../core/revisions.ts";
import type { Applications, Organisations, Teams } from "../core/tenants.ts";
import type { UsageLedger } from "../core/usage.ts";
import { createAdminKeys } from "./admin-keys.ts";
import { createApplications } from "./applications.ts";
import { createAuditLog } from "./audit.ts";
import { type FollowOptions, followChanges } from "./changes/follow.ts";
import { createChangeLog } from "./changes/log.ts";
import { createDecisionLog, encodeDecision, insertDecisions } from "./decisions.ts";
import type { Engine } from "./engine.ts";
import type { EngineHealth } from "./engine-health.ts";
import { createEnvironments } from "./environments.ts";
import { createIdempotencyStore } from "./idempotency.ts";
import { createKeys } from "./keys.ts";
import { type DatabaseLocation, openEngine } from "./location.ts";
import { migrate, readMigrations } from "./migrate.ts";
import { createModelStates } from "./model-states.ts";
import { createDatabaseModels } from "./models.ts";
import { createOrganisations, ensureDefaultOrganisation } from "./organisations.ts";
import { createPolicyStore } from "./policy-store.ts";
import { noteChange } from "./policy-trail.ts";
import { createRecordPurge } from "./purge.ts";
import { createSharedPin } from "./shared-pin.ts";
import { createTeams } from "./teams.ts";
import { createUsageLedger, encodeUsage, insertUsage } from "./usage.ts";

/** Where the project's own migrations are. */
export const migrationsFolder = join(import.meta.dir, "../../schema/sql");

/** Everything that is kept in the database. */
export interface Store {
  readonly organisations: Organisations;
  readonly teams: Teams;
  readonly applications: Applications;
  readonly environments: Environments;
  readonly keys: Keys;
  readonly idempotency: IdempotencyStore;
  readonly adminKeys: AdminKeys;
  readonly modelStates: ModelStates;
  readonly databaseModels: DatabaseModels;
  readonly policyStore: PolicyStore;
  readonly sharedPin: SharedPin;
  readonly audit: AuditLog;
  readonly trail: Trail;
  /** Hears, from here on, of what other processes change in this database. To be closed before the store. */
  follow(options: Omit<FollowOptions, "log" | "clock">): Promise<Changes>;
  readonly usage: UsageLedger;
  readonly decisions: DecisionLog;
  readonly purge: RecordPurge["purge"];
  readonly records: RecordSink;
  /**
   * A secret that is made at first use and the same for every process that shares the database.
   *
   * @returns 64 hex digits
   */
  sharedSecret(name: string): Promise<string>;
  /** Whether the database answers. */
  ping(): Promise<boolean>;
  /** Whether it answered lately, without asking it. */
  health(): EngineHealth;
  close(): Promise<void>;
}

/** How to open a store. */
export type StoreOptions = DatabaseLocation & {
  readonly clock: Clock;
  /** Where the migrations are; the project's own when absent. */
  readonly migrations?: string;
};

/**
 * Opens the database, brings it to the newest migration and makes the organisation `default`.
 *
 * @throws MigrationError when the database does not fit; it is left as it was
 */
export async function openStore({ clock, migrations = migrationsFolder, ...location }: StoreOptions): Promise<Store> {
  const files = await readMigrations(migrations);
  const engine = await openEngine(location);
  try {
    await migrate(engine, files, clock.now());
    await ensureDefaultOrganisation(engine, clock);
  } catch (error) {
    await engine.close();
    throw error;
  }
  return createStore(engine, clock);
}

function createStore(engine: Engine, clock: Clock): Store {
  const { db } = engine;
  const log = createChangeLog(engine, clock);
  return {
    organisations: createOrganisations(engine, log, clock),
    teams: createTeams(engine, log, clock),
    applications: createApplications(engine, log, clock),
    environments: createEnvironments(engine, log, clock),
    keys: createKeys(engine, log, clock),
    idempotency: createIdempotencyStore(engine, clock),
    adminKeys: createAdminKeys(engine, log),
    modelStates: createModelStates(engine, log, clock),
    databaseModels: createDatabaseModels(engine, log, clock),
    audit: createAuditLog(engine, log.onNoted),
    trail: { note: (change) => log.transaction((tx) => noteChange(tx, { ...change, at: clock.now() })) },
    policyStore: createPolicyStore(engine, log, clock),
    sharedPin: createSharedPin(engine),
    follow: (options) => followChanges({ ...options, log, clock }),
    usage: createUsageLedger(engine),
    decisions: createDecisionLog(engine),
    purge: createRecordPurge(engine).purge,
    records: {
      encodeUsage,
      encodeDecision,
      append: ({ usage, decisions }) => engine.insertMany([insertUsage(usage), insertDecisions(decisions)]),
    },
    async sharedSecret(name) {
      const made = randomBytes(32).toString("hex");
      await db
        .insertInto("settings")
        .values({ name, value: made })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return (await db.selectFrom("settings").select("value").where("name", "=", name).executeTakeFirstOrThrow()).value;
    },
    async ping() {
      try {
        await db.selectFrom("organisations").select("id").limit(1).execute();
        return true;
      } catch {
        return false;
      }
    },
    health: () => engine.health(),
    close: () => engine.close(),
  };
}
