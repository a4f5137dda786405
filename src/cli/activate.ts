import type { Command } from "commander";
import { addServer, adminOf, tellRefusals } from "./admin-client.ts";

interface Activated {
  readonly files: string;
  readonly pin: { readonly revision: string } | null;
  readonly waiting: string | null;
}

/** Adds `sluice activate`. */
export function register(program: Command): void {
  const activate = program
    .command("activate")
    .description("Make a retained policy set live in a running gateway, and pin it; 'latest' takes the pin off.")
    .argument("<revision>", "the beginning of its digest, 'previous' to roll back, or 'latest' for the policies folder")
    .option("--reason <text>", "Why, for whoever finds it pinned.", "");
  addServer(activate).action(async (revision: string, { reason }: { reason: string }) => {
    const call = await adminOf(activate);
    await tellRefusals(async () => {
      const path = `revisions/${encodeURIComponent(revision)}/activate`;
      const { files, pin, waiting } = (await call("POST", path, { reason })) as Activated;
      const waits = waiting === null ? "" : `; the policies folder holds ${waiting}, which waits`;
      console.log(pin === null ? `${files} is live; nothing is pinned` : `${files} is live and pinned${waits}`);
    });
  });
}
