import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { addSettings, readSettings } from "./settings.ts";

/** Where a gateway listens unless it is said otherwise. */
const defaultUrl = "http://127.0.0.1:8787";

/** A call to the admin API that was refused, or that no gateway answered. */
export class AdminRefusal extends Error {
  override readonly name = "AdminRefusal";
  /** 0 when there was no answer. */
  readonly status: number;
  /** A code of the error catalogue, or `unreachable`. */
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Calls the admin API of a running gateway: answers the JSON, or throws {@link AdminRefusal}. */
export type CallAdmin = (method: string, path: string, body?: object) => Promise<unknown>;

/** Gives a verb the flags by which a running gateway is found. */
export function addServer(command: Command): Command {
  return addSettings(
    command.option("--url <url>", `Where the gateway listens; SLUICE_URL. (default: ${defaultUrl})`),
    "admin_key",
    "data_dir",
  );
}

/** Opens an answer of the admin API that is read as it comes, or throws {@link AdminRefusal}. */
export type OpenAdmin = (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>;

/**
 * Makes calls to the gateway that the verb's flags, or the environment, name. The key is the configured one, else the one
 * that the gateway keeps in its data directory.
 *
 * Ends the verb as wrongly used when there is no key.
 */
export async function adminOf(command: Command): Promise<CallAdmin> {
  const ask = await askerOf(command);
  return async (method, path, body) => {
    const answer = await ask(path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
    return answer.json();
  };
}

/** {@link adminOf}, for answers that have no end, or a long way to it. */
export async function openerOf(command: Command): Promise<OpenAdmin> {
  const ask = await askerOf(command);
  return (path, headers = {}) => ask(path, { headers });
}

type Asking = Readonly<{ method?: string; headers?: Readonly<Record<string, string>>; body?: string }>;

async function askerOf(command: Command): Promise<(path: string, asking: Asking) => Promise<Response>> {
  const { admin_key, data_dir } = readSettings(command).values;
  const url = command.opts<{ url?: string }>().url ?? process.env.SLUICE_URL ?? defaultUrl;
  if (!URL.canParse(url)) command.error(`error: '${url}' is no URL; such as ${defaultUrl}`);
  const key = admin_key ?? (await readFile(join(data_dir, "admin-key"), "utf8").catch(() => "")).trim();
  if (key === "") {
    const advice = "give --admin-key or SLUICE_ADMIN_KEY, or name the gateway's data folder with --data-dir";
    command.error(`error: there is no admin key in ${data_dir}; ${advice}`);
  }
  return async (path, { headers = {}, ...asking }) => {
    const target = new URL(`/admin/v1/${path}`, url);
    const authorized = { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers };
    const answer = await fetch(target, { ...asking, headers: authorized }).catch((error: Error) => {
      // Bun tells it by its code alone.
      const untrusted = /CERT|certificate/i.test(`${(error as { code?: unknown }).code} ${error.message}`);
      const advice = untrusted
        ? "name the file of its certificate's authority in NODE_EXTRA_CA_CERTS"
        : "say with --url or SLUICE_URL where it listens";
      throw new AdminRefusal(0, "unreachable", `no gateway answers at ${url}; ${advice} (${error.message})`);
    });
    if (!/json|event-stream/.test(answer.headers.get("content-type") ?? "")) {
      const advice = "say with --url or SLUICE_URL where one listens";
      throw new AdminRefusal(answer.status, "", `what answers at ${url} (${answer.status}) is no gateway; ${advice}`);
    }
    if (answer.ok) return answer;
    const problem = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string };
    throw new AdminRefusal(answer.status, problem.code ?? "", problem.detail ?? `${target} answered ${answer.status}`);
  };
}

/** Refusals of policies, as of those that `sluice check` refuses. */
const policyCodes: readonly string[] = ["policy_refused", "revision_refused"];

/** Refusals that are about how a verb was used; anything else is an internal failure. */
const usageCodes: readonly string[] = [
  "unauthenticated",
  "insufficient_scope",
  "not_found",
  "conflict",
  "invalid_input",
  "invalid_request",
  "malformed_json",
  "model_not_found",
];

/** Runs what a verb does with a gateway: a refusal is told in one line, with the exit code for it. */
export async function tellRefusals(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof AdminRefusal)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = policyCodes.includes(error.code) ? 3 : usageCodes.includes(error.code) ? 2 : 1;
  }
}
