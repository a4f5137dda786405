import type { AuditNote } from "../core/audit.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";

/** What is told of an act when it is noted. */
export type Act = Omit<AuditNote, "at">;

/**
 * Does what the database has no part in, or more of than one transaction holds, and notes it before: nothing is done that the
 * audit log does not tell of. When nothing comes of it a second entry says so, with `failed` in its detail.
 *
 * @throws SluiceError `database_unavailable` when it cannot be noted; it is not done then
 */
export async function doNoted<T>(
  deps: Pick<AdminDeps, "trail" | "logger">,
  act: Act,
  run: () => Promise<T>,
): Promise<T> {
  await deps.trail.note(act);
  try {
    return await run();
  } catch (error) {
    const failed = error instanceof SluiceError ? error.code : "internal";
    await noteAfter(deps, { ...act, detail: { ...act.detail, failed } });
    throw error;
  }
}

/** Notes what came of an act that is noted itself: that this fails undoes nothing, so it is logged and not thrown. */
export async function noteAfter({ trail, logger }: Pick<AdminDeps, "trail" | "logger">, act: Act): Promise<void> {
  try {
    await trail.note(act);
  } catch (error) {
    logger.error({ err: error, ...act }, "what came of an act could not be added to the audit log");
  }
}
