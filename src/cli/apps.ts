import type { Command } from "commander";
import { all, printRows, withStore } from "./database.ts";
import { addSettings } from "./settings.ts";

/** Adds `sluice apps list`. */
export function register(program: Command): void {
  const apps = program.command("apps").description("Show the applications in the database.");
  const list = apps.command("list").description("List the applications.");
  addSettings(list, "data_dir", "database_url")
    .option("--json", "Print JSON.", false)
    .action(({ json }: { json: boolean }) =>
      withStore(list, async (store) => {
        const found = await all((page) => store.applications.list(page));
        const rows = found.map(({ id, name, organisation, team, labels, disabled }) => {
          const labelled = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
          return [id, name, organisation, team, labelled.join(","), disabled ? "paused" : "active"];
        });
        printRows(["id", "name", "organisation", "team", "labels", "status"], rows, json);
      }),
    );
}
