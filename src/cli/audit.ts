import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AuditHead } from "../core/audit.ts";
import { createAuditAnchor } from "../records/audit-anchor.ts";
import { withStore } from "./database.ts";
import { addSettings, readSettings } from "./settings.ts";

interface Flags {
  readonly head: readonly AuditHead[];
  readonly format: "text" | "json";
}

/** Adds `sluice audit verify`. */
export function register(program: Command): void {
  const audit = program.command("audit").description("Look at the log of who changed what.");
  const verify = audit
    .command("verify")
    .description("Look at every entry of the audit log; exit 3 when one is not as it was written, or not there.");
  addSettings(verify, "data_dir", "database_url")
    .option("--head <seq:hash>", "A head that the log had and that was kept elsewhere; can be repeated.", toHeads, [])
    .addOption(new Option("--format <format>", "How it is printed.").choices(["text", "json"]).default("text"))
    .action(({ head: heads, format }: Flags) =>
      withStore(verify, async (store) => {
        const anchor = createAuditAnchor(join(readSettings(verify).values.data_dir, "audit-head"));
        const kept = await anchor.read();
        const report = await store.audit.verify(kept === null ? heads : [...heads, kept]);
        if (report.valid && report.head.seq > 0) await anchor.keep(report.head);
        if (!report.valid) process.exitCode = 3;
        const { head, firstBad, entries } = report;
        // In the words of the admin API.
        const told = { valid: report.valid, entries, head, first_bad: firstBad };
        if (format === "json") return console.log(JSON.stringify(told, null, 2));
        if (firstBad === null) console.log(`${entries} entries are in order; the head is ${head.seq}:${head.hash}`);
        else console.log(`entry ${firstBad.seq} is not in order: ${firstBad.problem}; ${entries} before it are`);
      }),
    );
}

function toHeads(text: string, before: readonly AuditHead[]): readonly AuditHead[] {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (hash === undefined) throw new InvalidArgumentError("It is a number and a hash, as 'audit verify' prints them.");
  return [...before, { seq: Number(seq), hash }];
}
