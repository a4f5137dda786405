import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { effects } from "../core/decision.ts";
import { surfaces } from "../core/phases.ts";
import { addServer, adminOf, tellRefusals } from "./admin-client.ts";
import { type Explanation, explanationLines } from "./explain-text.ts";

interface EvaluateOptions {
  readonly batch?: true;
  readonly surface: string;
  readonly app?: string;
  readonly env?: string;
  readonly header: readonly string[];
  readonly address?: string;
  readonly at?: string;
  readonly policy: readonly string[];
  readonly explain?: true;
  readonly expect?: string;
  readonly format: "text" | "json";
}

/** What the admin API answers of one request, as far as it is printed. */
interface Evaluated {
  readonly decision: string;
  readonly code: string;
  readonly revision: string;
  readonly evaluated: { readonly decided: number; readonly not_applicable: number; readonly errors: number };
  readonly reasons: readonly {
    readonly policy: string;
    readonly rule: string;
    readonly effect: string;
    readonly message: string;
  }[];
  readonly refusal: { readonly status: number; readonly message: string } | null;
  readonly modified_body: object | null;
  readonly explanation: Explanation | null;
}

interface Batch {
  readonly revision: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly data: readonly {
    readonly decision: Evaluated | null;
    readonly problem: { readonly code: string; readonly detail: string } | null;
  }[];
}

/** Requests that are sent at once. */
const perCall = 100;
/** The exit code when a decision is not the expected one. */
const unexpected = 4;
/** The exit code when some of a batch could not be decided. */
const undecided = 2;

/** Adds `sluice evaluate`. */
export function register(program: Command): void {
  const collect = (value: string, all: readonly string[]) => [...all, value];
  const evaluate = program
    .command("evaluate")
    .description(
      "Find out how a request would be decided: by the gateway that runs, limits included. Nothing is sent, counted or recorded.",
    )
    .argument("<body>", "a file with the request's body; - is standard input")
    .option(
      "--batch",
      "The file has a request per line: a body, or {surface, app, env, headers, body}. Exit with 2 when one cannot be decided.",
    )
    .addOption(new Option("--surface <surface>", "The wire format of the body.").choices(surfaces).default("chat"))
    .option("--app <app>", "The application that would send it, by id or name.")
    .option("--env <env>", "The environment of its gateway key.")
    .option("--header <name=value>", "A header that policies may read, or sluice-user; may be repeated.", collect, [])
    .option("--address <ip>", "The address that it would come from.")
    .option("--at <time>", "When it would come; now if it is not said.")
    .option(
      "--policy <file>",
      "A policy file to ask in the place of the live one of the same path; may be repeated. It is never live.",
      collect,
      [],
    )
    .option("--explain", "Tell every rule considered, with values, and what would have passed.")
    .addOption(new Option("--expect <decision>", "Exit with 4 when another one is made.").choices(effects));
  addServer(evaluate)
    .addOption(new Option("--format <format>", "How it is printed.").choices(["text", "json"]).default("text"))
    .action(async (file: string, options: EvaluateOptions) => {
      const text = await readInput(evaluate, file);
      const candidate = await readCandidates(evaluate, options.policy);
      const requests = options.batch
        ? text.split("\n").flatMap((line, i) => readLine(evaluate, line, `${file}:${i + 1}`, options))
        : [toRequest(readJson(evaluate, text, file), readShared(evaluate, options))];
      const shared = { ...(options.explain && { explain: true }), ...(candidate.length > 0 && { candidate }) };
      const call = await adminOf(evaluate);
      await tellRefusals(async () => {
        if (!options.batch) {
          const answer = (await call("POST", "evaluate", { ...requests[0], ...shared })) as Evaluated;
          print(options.format === "json" ? [JSON.stringify(answer, null, 2)] : lines(answer));
          if (options.expect !== undefined && answer.decision !== options.expect) process.exitCode = unexpected;
          return;
        }
        let code = 0;
        for (let from = 0; from < requests.length; from += perCall) {
          const part = { requests: requests.slice(from, from + perCall), ...shared };
          const { data } = (await call("POST", "evaluate/batch", part)) as Batch;
          print(data.map((one, i) => (options.format === "json" ? JSON.stringify(one) : line(one, from + i + 1))));
          const { expect } = options;
          if (expect !== undefined && data.some(({ decision }) => decision?.decision !== expect)) code = unexpected;
          else if (code === 0 && data.some(({ decision }) => decision === null)) code = undecided;
        }
        process.exitCode = code;
      });
    });
}

function print(all: readonly string[]): void {
  if (all.length > 0) process.stdout.write(`${all.join("\n")}\n`);
}

function lines(answer: Evaluated): readonly string[] {
  const { decision, code, revision, evaluated, reasons, refusal, modified_body: modified, explanation } = answer;
  if (explanation !== null) return explanationLines(explanation);
  const { decided, not_applicable: skipped, errors } = evaluated;
  return [
    `result    ${decision}${code === "" ? "" : ` (${code})`}`,
    `policies  ${decided} decided, ${skipped} not applicable, ${errors} failed`,
    `revision  ${revision}`,
    ...reasons.map(({ policy, rule, effect, message }) => `${effect.padEnd(9)} ${policy} (${rule}): ${message}`),
    ...(refusal === null ? [] : [`told      ${refusal.status} ${refusal.message}`]),
    ...(modified === null ? [] : [`sent as   ${JSON.stringify(modified)}`]),
  ];
}

function line({ decision, problem }: Batch["data"][number], number: number): string {
  if (decision === null) return `${number}  failed  ${problem!.code}  ${problem!.detail}`;
  const { reasons, code } = decision;
  return [number, decision.decision, code, reasons[0]?.policy ?? ""].join("  ").trimEnd();
}

async function readInput(evaluate: Command, file: string): Promise<string> {
  if (file === "-") return Bun.stdin.text();
  return readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    return evaluate.error(`error: '${file}' cannot be read: ${error.code ?? error.message}`);
  });
}

function readJson(evaluate: Command, text: string, where: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    return evaluate.error(`error: '${where}' is no JSON object`);
  } catch (error) {
    return evaluate.error(`error: '${where}' is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What the flags say of every request. */
function readShared(evaluate: Command, { surface, app, env, header, address, at }: EvaluateOptions): object {
  const headers = Object.fromEntries(
    header.map((text) => {
      const [, name, value] = /^([A-Za-z0-9-]+)=(.*)$/s.exec(text) ?? [];
      if (name === undefined) evaluate.error(`error: '${text}' is no header; such as sluice-user=ann`);
      return [name!.toLowerCase(), value!];
    }),
  );
  const given = { app, env, address, at, ...(header.length > 0 && { headers }) };
  return { surface, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

function toRequest(body: object, shared: object): object {
  return { ...shared, body };
}

function readLine(evaluate: Command, text: string, where: string, options: EvaluateOptions): object[] {
  if (text.trim() === "") return [];
  const value = readJson(evaluate, text, where);
  const shared = readShared(evaluate, options);
  return ["body" in value && typeof value.body === "object" ? { ...shared, ...value } : toRequest(value, shared)];
}

async function readCandidates(evaluate: Command, files: readonly string[]): Promise<object[]> {
  return Promise.all(
    files.map(async (file) => {
      // Where it stands in its policies folder is what it is.
      const path = /(?:^|[\\/])((?:org|teams|apps|db|library)[\\/].*|sluice\.yaml)$/.exec(file)?.[1];
      if (path === undefined) evaluate.error(`error: '${file}' stands in no org/, teams/, apps/ or db/`);
      return { path: path!.replaceAll("\\", "/"), content: await readInput(evaluate, file) };
    }),
  );
}
