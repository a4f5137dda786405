import { type Command, Option } from "commander";
import type { Revision } from "../core/revisions.ts";
import { lastLive } from "../policy/revision-directory.ts";
import { createRevisionStore } from "../policy/revisions.ts";
import { printRows } from "./database.ts";
import { addSettings, readSettings } from "./settings.ts";

/** Adds `sluice revisions`. */
export function register(program: Command): void {
  const revisions = program
    .command("revisions")
    .description("List the policy sets kept in the data folder, the last to go live first.");
  addSettings(revisions, "data_dir", "policies_dir")
    .addOption(new Option("--format <format>", "How it is printed.").choices(["text", "json"]).default("text"))
    .action(async ({ format }: { format: "text" | "json" }) => {
      const { data_dir: dataDir, policies_dir: policiesDir } = readSettings(revisions).values;
      const store = createRevisionStore({ dataDir, policiesDir, clock: Date });
      const known = await store.list();
      // An empty table looks like one of a folder that gateways use.
      if (known.length === 0) console.error(`no revisions are kept in ${dataDir}; --data-dir names another folder`);
      const pin = await store.pin().catch((error: Error) => {
        console.error(`warning: ${error.message}`);
        return null;
      });
      const live = lastLive(known, pin);
      const state = ({ id }: Revision) => (id === pin?.revision ? "pinned" : id === live ? "live" : "");
      const asJson = format === "json";
      printRows(
        ["revision", "state", "live_at", "policies", "commit", "author", "by"],
        known.map((revision) => toRow(revision, state(revision), asJson)),
        asJson,
      );
    });
}

/** Digests and commits are shortened for people, and whole for programs. */
function toRow({ id, liveAt, policies, git, actor }: Revision, state: string, whole: boolean): readonly string[] {
  const commit = git === null ? "" : `${whole ? git.commit : git.commit.slice(0, 12)}${git.clean ? "" : " (edited)"}`;
  const live = liveAt === null ? "never" : new Date(liveAt).toISOString();
  return [whole ? id : id.slice(0, 19), state, live, String(policies), commit, git?.author ?? "", actor];
}
