import { type Command, Option } from "commander";
import { effects } from "../core/decision.ts";
import { phases } from "../core/phases.ts";
import { AdminRefusal, addServer, adminOf, type OpenAdmin, openerOf, tellRefusals } from "./admin-client.ts";
import { printRows } from "./database.ts";

interface DecisionsOptions {
  readonly stats?: string;
  readonly export?: true;
  readonly follow?: true;
  readonly limit: number;
  readonly since?: string;
  readonly format: "text" | "json";
  readonly [filter: string]: unknown;
}

/** What is printed of a decision. */
interface Decision {
  readonly ts: string;
  readonly decision_id: string;
  readonly app: string;
  readonly env: string;
  readonly model: string;
  readonly phase: string;
  readonly decision: string;
  readonly code: string;
  readonly reasons: readonly { readonly policy: string; readonly message: string }[];
}

interface Stats {
  readonly data: readonly (Readonly<Record<string, unknown>> & { readonly group: Readonly<Record<string, string>> })[];
}

/** Flags that are filters of the same name in the admin API. */
const filters = [
  "app",
  "org",
  "env",
  "key",
  "surface",
  "model",
  "revision",
  "phase",
  "decision",
  "code",
  "policy",
] as const;
const head = ["time", "decision", "code", "app", "env", "model", "policy", "id"];
const units = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Adds `sluice decisions`. */
export function register(program: Command): void {
  const decisions = program
    .command("decisions")
    .description("List the decisions of a gateway, newest first; or count them, export them all, or follow them.")
    .option(
      "--stats <groups>",
      "Count them instead, by names with commas between, such as policy,day; all for one total.",
    )
    .option("--export", "Write all of them, a JSON record per line, as fast as they are read.")
    .option("--follow", "Write each as it is made, until it is stopped. Where it is cut off it goes on.")
    .option("--limit <number>", "How many are listed, or groups counted.", Number, 50)
    .option("--since <time>", "Only those since: a time, or so long ago as 30m, 12h or 7d.")
    .addOption(new Option("--decision <decision>", "Only what came to this.").choices(effects))
    .addOption(new Option("--phase <phase>", "Only of this phase.").choices(phases));
  for (const name of filters) {
    if (name !== "decision" && name !== "phase") decisions.option(`--${name} <${name}>`, `Only of this ${name}.`);
  }
  addServer(decisions)
    .addOption(new Option("--format <format>", "How it is printed.").choices(["text", "json"]).default("text"))
    .action(async (options: DecisionsOptions) => {
      const modes = [options.stats, options.export, options.follow].filter((mode) => mode !== undefined);
      if (modes.length > 1) decisions.error("error: give only one of --stats, --export and --follow");
      if (!Number.isInteger(options.limit) || options.limit < 1) decisions.error("error: --limit must be 1 or more");
      if (options.follow && options.revision !== undefined) {
        decisions.error("error: what is followed is of the live revision; --revision goes without --follow");
      }
      if (options.follow && options.since !== undefined) {
        decisions.error("error: what is followed is made from now on; --since goes without --follow");
      }
      const query = new URLSearchParams();
      for (const name of filters) if (options[name] !== undefined) query.set(name, String(options[name]));
      if (options.since !== undefined) query.set("from", readSince(decisions, options.since));
      await tellRefusals(async () => {
        if (options.follow) return follow(await openerOf(decisions), query, options);
        if (options.export) return write(await (await openerOf(decisions))(`decisions/export?${query}`));
        const call = await adminOf(decisions);
        if (options.stats !== undefined) {
          if (options.stats !== "all") query.set("group_by", options.stats);
          query.set("limit", String(options.limit));
          return printStats((await call("GET", `decisions/stats?${query}`)) as Stats, options);
        }
        return list((path) => call("GET", path) as Promise<Page>, query, options);
      });
    });
}

interface Page {
  readonly data: readonly Decision[];
  readonly next: string | null;
}

async function list(
  read: (path: string) => Promise<Page>,
  query: URLSearchParams,
  { limit, format }: DecisionsOptions,
) {
  const found: Decision[] = [];
  let next: string | null = "";
  while (next !== null && found.length < limit) {
    query.set("limit", String(Math.min(200, limit - found.length)));
    if (next !== "") query.set("cursor", next);
    const page: Page = await read(`decisions?${query}`);
    found.push(...page.data);
    next = page.next;
  }
  if (format === "json") process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else printRows(head, found.map(toRow), false);
}

function toRow({ ts, decision, code, app, env, model, reasons, decision_id: id }: Decision): readonly string[] {
  return [ts, decision, code, app, env, model, reasons[0]?.policy ?? "", id];
}

function printStats({ data }: Stats, { format }: DecisionsOptions): void {
  if (format === "json") {
    process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
    return;
  }
  const groups = Object.keys(data[0]?.group ?? {});
  const counts = ["decisions", "allowed", "warned", "modified", "denied", "with_errors"];
  const rows = data.map((row) => [
    ...groups.map((name) => row.group[name] ?? ""),
    ...counts.map((name) => String(row[name])),
  ]);
  printRows([...groups, ...counts], rows, false);
}

/** Writes an answer as it comes; standard output sets the pace. */
async function write(answer: Response): Promise<void> {
  const out = Bun.stdout.writer();
  for await (const chunk of answer.body!) {
    out.write(chunk);
    await out.flush();
  }
  await out.end();
}

/** How long to wait before coming again to a gateway that went away. */
const retryMs = 1000;

async function follow(open: OpenAdmin, query: URLSearchParams, { format }: DecisionsOptions): Promise<void> {
  query.set("kinds", "decision");
  let lastId = "";
  for (let first = true; ; first = false) {
    try {
      const answer = await open(`activity/stream?${query}`, lastId === "" ? {} : { "last-event-id": lastId });
      for await (const { id, event, data } of events(answer.body!)) {
        if (id !== "") lastId = id;
        if (event === "gap") process.stderr.write("warning: some decisions may be missing here\n");
        else if (data !== "")
          process.stdout.write(`${format === "json" ? data : told(JSON.parse(data) as Decision)}\n`);
      }
    } catch (error) {
      // Whoever has been let in may have been cut off, and comes again until they are let in no more.
      const isShut = error instanceof AdminRefusal && (error.status === 401 || error.status === 403);
      if (first || isShut) throw error;
    }
    await Bun.sleep(retryMs);
  }
}

function told(decision: Decision): string {
  return toRow(decision)
    .filter((cell) => cell !== "")
    .join("  ");
}

/** Server-sent events of a body. */
async function* events(body: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((text) => text.split(/: ?(.*)/s) as [string, string]));
      yield { id: fields.get("id") ?? "", event: fields.get("event") ?? "", data: fields.get("data") ?? "" };
    }
  }
}

function readSince(decisions: Command, text: string): string {
  const [, amount, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) {
    return new Date(Date.now() - Number(amount) * units[unit as keyof typeof units] * 1000).toISOString();
  }
  if (Number.isNaN(Date.parse(text)))
    decisions.error(`error: '${text}' is no time; such as 2026-01-31, 30m, 12h or 7d`);
  return text;
}
