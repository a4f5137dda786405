import type { Command } from "commander";
import { AdminRefusal, addServer, adminOf } from "./admin-client.ts";

/** Exit codes by what was refused; anything else is 1. */
const exitCodes: Readonly<Record<string, number>> = {
  unauthenticated: 2,
  not_found: 2,
  conflict: 2,
  invalid_input: 2,
  revision_refused: 3,
};

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
    try {
      const path = `revisions/${encodeURIComponent(revision)}/activate`;
      const { files, pin, waiting } = (await call("POST", path, { reason })) as Activated;
      const waits = waiting === null ? "" : `; the policies folder holds ${waiting}, which waits`;
      console.log(pin === null ? `${files} is live; nothing is pinned` : `${files} is live and pinned${waits}`);
    } catch (error) {
      if (!(error instanceof AdminRefusal)) throw error;
      console.error(`error: ${error.message}`);
      process.exitCode = exitCodes[error.code] ?? 1;
    }
  });
}
