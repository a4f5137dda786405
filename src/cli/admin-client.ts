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

/**
 * Makes calls to the gateway that the verb's flags, or the environment, name. The key is the configured one, else the one
 * that the gateway keeps in its data directory.
 *
 * Ends the verb as wrongly used when there is no key.
 */
export async function adminOf(command: Command): Promise<CallAdmin> {
  const { admin_key, data_dir } = readSettings(command).values;
  const url = command.opts<{ url?: string }>().url ?? process.env.SLUICE_URL ?? defaultUrl;
  if (!URL.canParse(url)) command.error(`error: '${url}' is no URL; such as ${defaultUrl}`);
  const key = admin_key ?? (await readFile(join(data_dir, "admin-key"), "utf8").catch(() => "")).trim();
  if (key === "") {
    const advice = "give --admin-key or SLUICE_ADMIN_KEY, or name the gateway's data folder with --data-dir";
    command.error(`error: there is no admin key in ${data_dir}; ${advice}`);
  }
  return async (method, path, body) => {
    const target = new URL(`/admin/v1/${path}`, url);
    const request = {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    const answer = await fetch(target, request).catch((error: Error) => {
      const advice = "say with --url or SLUICE_URL where it listens";
      throw new AdminRefusal(0, "unreachable", `no gateway answers at ${url}; ${advice} (${error.message})`);
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as unknown;
    let problem: { code?: string; detail?: string } = {};
    try {
      problem = JSON.parse(text) as typeof problem;
    } catch {
      // Whatever answered is no gateway.
    }
    throw new AdminRefusal(answer.status, problem.code ?? "", problem.detail ?? `${target} answered ${answer.status}`);
  };
}
