import { join } from "node:path";
import { AdminKeyError } from "../auth/admin-key.ts";
import type { ConfigValues } from "../config.ts";
import { SluiceError } from "../errors.ts";
import { PluginErrors } from "../registry/registry.ts";
import { describeError } from "../store/engine-health.ts";
import { MigrationError } from "../store/migrate.ts";
import { CertificateError } from "../tls.ts";

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
  if (error instanceof PluginErrors) return { message: `the plugins were refused:\n${message}`, exitCode: 3 };
  if (error instanceof CertificateError) return { message, exitCode: 2 };
  if (error instanceof MigrationError) return { message, exitCode: 1 };
  if (error instanceof SluiceError && error.code === "database_unavailable") {
    return { message: `the database cannot be used: ${describeError(error.cause)}`, exitCode: 1 };
  }

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
