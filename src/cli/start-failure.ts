import { join } from "node:path";
import { AdminKeyError } from "../auth/admin-key.ts";
import { TokenSettingError } from "../auth/token-setting-error.ts";
import type { ConfigValues } from "../config.ts";
import { CertificateError } from "../edge/tls.ts";
import { PluginErrors } from "../registry/registry.ts";
import { explainDatabaseError } from "./database.ts";

/** Why Sluice could not start, for whoever runs it. */
export interface StartFailure {
  /** One sentence, or a line for each thing that is wrong. */
  readonly message: string;
  readonly exitCode: 1 | 2 | 3;
}

type Settings = Pick<ConfigValues, "host" | "port" | "data_dir">;

/** What an operator can put right, in words; `null` for anything else, which is a bug and wants its stack. */
export function explainStartFailure(error: unknown, { host, port, data_dir }: Settings): StartFailure | null {
  if (!(error instanceof Error)) return null;
  const { message } = error;
  if (error instanceof AdminKeyError) return { message, exitCode: 2 };
  if (error instanceof TokenSettingError) return { message, exitCode: 2 };
  if (error instanceof PluginErrors) return { message: `the plugins were refused:\n${message}`, exitCode: 3 };
  if (error instanceof CertificateError) return { message, exitCode: 2 };
  const database = explainDatabaseError(error);
  if (database !== null) return { message: database, exitCode: 1 };

  const { code = "", syscall, path } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    const advice = "stop what listens there, or choose another with --port; 0 picks a free one";
    return { message: `port ${port} of ${host} is in use; ${advice}`, exitCode: 1 };
  }
  if (syscall === "listen") return { message: `it is not possible to listen on ${host}:${port}: ${code}`, exitCode: 1 };
  if (code.startsWith("SQLITE_")) {
    return { message: `the database ${join(data_dir, "sluice.db")} cannot be used: ${message}`, exitCode: 1 };
  }
  if (path !== undefined && code !== "") return { message: `${path} cannot be used: ${code}`, exitCode: 1 };
  return null;
}
