import { resolve } from "node:path";
import type { Command } from "commander";
import { backUp } from "../store/backup.ts";
import { configuredLocation } from "../store/location.ts";
import { explainingDatabase } from "./database.ts";
import { addSettings, readSettings } from "./settings.ts";

/** Adds `sluice backup`. */
export function register(program: Command): void {
  const verb = program
    .command("backup")
    .description("Write the whole database, as it is at one moment, to a new file. Gateways go on meanwhile.")
    .argument("<file>", "the file, which must not be there yet");
  addSettings(verb, "data_dir", "database_url").action((file: string) =>
    explainingDatabase(async () => {
      const path = resolve(file);
      const bytes = await backUp(configuredLocation(readSettings(verb).values), path);
      console.log(`${path}: ${bytes} bytes; it holds what the records hold and the hashes of keys, so keep it as safe`);
    }),
  );
}
