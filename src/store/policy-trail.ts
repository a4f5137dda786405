import type { Transaction } from "kysely";
import type { AuditNote } from "../core/audit.ts";
import { noteChanges } from "./audit-chain.ts";
import type { Announce } from "./changes/log.ts";
import type { Tables } from "./tables.ts";

/** Notes who changed what is laid over the policies, in the transaction of the change itself, and announces it. */
export function notePolicyChange(tx: Transaction<Tables>, announce: Announce, change: AuditNote): Promise<void> {
  announce("policy", change.subject);
  return noteChange(tx, change);
}

/**
 * Notes who changed what in the audit log, in the transaction of the change itself: the last thing that it does.
 *
 * Everything that changes something in the control plane calls this. `detail` holds no secret and no prompt text.
 */
export function noteChange(tx: Transaction<Tables>, change: AuditNote): Promise<void> {
  return noteChanges(tx, [change]);
}

/** The organisation of an application, deleted ones included; `null` when there is none, or for no application. */
export async function organisationOf(tx: Transaction<Tables>, applicationId: string): Promise<string | null> {
  if (applicationId === "") return null;
  const row = await tx
    .selectFrom("applications")
    .select("organisation_id")
    .where("id", "=", applicationId)
    .executeTakeFirst();
  return row?.organisation_id ?? null;
}
