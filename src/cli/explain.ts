import { type Command, Option } from "commander";
import { AdminRefusal, addServer, adminOf } from "./admin-client.ts";
import { type Explanation, explanationLines } from "./explain-text.ts";

/** Refusals that are about how the verb was used; anything else is an internal failure. */
const usageCodes: readonly string[] = ["unauthenticated", "not_found", "invalid_input"];

/** Adds `sluice explain`. */
export function register(program: Command): void {
  const explain = program
    .command("explain")
    .description("Explain a recorded decision: every rule considered, with values, and what would have passed.")
    .argument("<decision>", "the decision's id, as refusals and the header sluice-decision-id have it");
  addServer(explain)
    .addOption(new Option("--format <format>", "How it is printed.").choices(["text", "json"]).default("text"))
    .action(async (id: string, { format }: { format: "text" | "json" }) => {
      const call = await adminOf(explain);
      try {
        const explanation = (await call("GET", `explain/${encodeURIComponent(id)}`)) as Explanation;
        const lines = format === "json" ? [JSON.stringify(explanation, null, 2)] : explanationLines(explanation);
        process.stdout.write(`${lines.join("\n")}\n`);
      } catch (error) {
        if (!(error instanceof AdminRefusal)) throw error;
        process.stderr.write(`error: ${error.message}\n`);
        process.exitCode = usageCodes.includes(error.code) ? 2 : 1;
      }
    });
}
