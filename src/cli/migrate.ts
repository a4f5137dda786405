import type { Command } from "commander";
import { configuredLocation, openEngine } from "../store/location.ts";
import { migrate, readMigrations } from "../store/migrate.ts";
import { migrationsFolder } from "../store/store.ts";
import { explainingDatabase } from "./database.ts";
import { addSettings, readSettings } from "./settings.ts";

/** Adds `sluice migrate`. */
export function register(program: Command): void {
  const verb = program
    .command("migrate")
    .description(
      "Bring the database to this version's migrations, as 'sluice start' does; make it if it is not there.",
    );
  addSettings(verb, "data_dir", "database_url").action(() =>
    explainingDatabase(async () => {
      const engine = await openEngine(configuredLocation(readSettings(verb).values));
      try {
        const applied = await migrate(engine, await readMigrations(migrationsFolder), Date.now());
        for (const name of applied) console.log(`applied ${name}`);
        console.log(`${engine.health().detail} is up to date`);
      } finally {
        await engine.close();
      }
    }),
  );
}
