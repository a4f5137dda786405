import { existsSync, mkdirSync, renameSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Command } from "commander";
import { restore } from "../store/backup.ts";
import { configuredLocation } from "../store/location.ts";
import { readMigrations } from "../store/migrate.ts";
import { migrationsFolder, openStore } from "../store/store.ts";
import { actor, explainingDatabase } from "./database.ts";
import { addSettings, readSettings } from "./settings.ts";

/** Adds `sluice restore`. */
export function register(program: Command): void {
  const verb = program
    .command("restore")
    .description("Put a backup in the place of the database, which no gateway may be using, and bring it up to date.")
    .argument("<file>", "what 'sluice backup' wrote")
    .option("--replace", "Do so although the database holds something.", false);
  addSettings(verb, "data_dir", "database_url").action((file: string, { replace }: { replace: boolean }) =>
    explainingDatabase(async () => {
      const { values } = readSettings(verb);
      const location = configuredLocation(values);
      mkdirSync(values.data_dir, { recursive: true, mode: 0o700 });
      await restore(location, { file: resolve(file), replace, migrations: await readMigrations(migrationsFolder) });
      // It tells of entries that may not be in the backup: kept for whoever wants to know which.
      const anchor = join(values.data_dir, "audit-head");
      if (existsSync(anchor)) renameSync(anchor, `${anchor}.replaced`);

      const store = await openStore({ ...location, clock: Date });
      try {
        const { seq, hash } = await store.audit.head();
        const detail = { file: basename(file), audit_head: `${seq}:${hash}` };
        await store.trail.note({ actor: actor(), action: "restore", subject: "database", detail });
        console.log(`${store.health().detail} is as the backup has it; its audit log ended at ${seq}:${hash}`);
      } finally {
        await store.close();
      }
    }),
  );
}
