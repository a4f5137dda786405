import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { surfaces } from "../core/phases.ts";
import { addServer, adminOf, type CallAdmin, tellRefusals } from "./admin-client.ts";
import { type Explanation, explanationLines } from "./explain-text.ts";

interface ExplainOptions {
  readonly format: "text" | "json";
  readonly body?: string;
  readonly surface: string;
  readonly app?: string;
  readonly env?: string;
}

/** Adds `sluice explain`. */
export function register(program: Command): void {
  const explain = program
    .command("explain")
    .description(
      "Explain a recorded decision, or how a request would be decided now: every rule considered, with values, and what would have passed.",
    )
    .argument("[decision]", "the decision's id, as refusals and the header sluice-decision-id have it")
    .option("--body <file>", "A request's body, to be explained instead of a recorded decision; nothing is sent.")
    .addOption(new Option("--surface <surface>", "The wire format of the body.").choices(surfaces).default("chat"))
    .option("--app <app>", "The application that would send the body, by id or name.")
    .option("--env <env>", "The environment of its gateway key.");
  addServer(explain)
    .addOption(new Option("--format <format>", "How it is printed.").choices(["text", "json"]).default("text"))
    .action(async (id: string | undefined, options: ExplainOptions) => {
      if ((id === undefined) === (options.body === undefined)) {
        explain.error("error: give either the id of a decision or --body");
      }
      const dry = id === undefined ? await dryRequest(explain, options) : undefined;
      const call = await adminOf(explain);
      await tellRefusals(async () => {
        const explanation = await ask(call, id, dry);
        const isJson = options.format === "json";
        const lines = isJson ? [JSON.stringify(explanation, null, 2)] : explanationLines(explanation);
        process.stdout.write(`${lines.join("\n")}\n`);
      });
    });
}

async function ask(call: CallAdmin, id: string | undefined, dry: object | undefined): Promise<Explanation> {
  const answer =
    id === undefined ? await call("POST", "explain", dry) : await call("GET", `explain/${encodeURIComponent(id)}`);
  return answer as Explanation;
}

async function dryRequest(explain: Command, { body, surface, app, env }: ExplainOptions): Promise<object> {
  const text = await readFile(body!, "utf8").catch((error: NodeJS.ErrnoException) => {
    return explain.error(`error: '${body}' cannot be read: ${error.code ?? error.message}`);
  });
  try {
    const parsed = JSON.parse(text) as object;
    return { surface, ...(app !== undefined && { app }), ...(env !== undefined && { env }), body: parsed };
  } catch (error) {
    return explain.error(`error: '${body}' is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
