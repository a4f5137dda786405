import type { Kysely, Transaction } from "kysely";
import type { PolicyChange } from "../core/policy-store.ts";
import type { Announce } from "./changes/log.ts";
import { timeOrderedId } from "./ids.ts";
import type { Row, Tables } from "./tables.ts";

/** Notes who changed what is laid over the policies, in the transaction of the change itself, and announces it. */
export function notePolicyChange(
  tx: Kysely<Tables> | Transaction<Tables>,
  announce: Announce,
  change: Omit<PolicyChange, "id">,
): Promise<void> {
  announce("policy", change.subject);
  return noteChange(tx, change);
}

/** Notes who changed what, in the transaction of the change itself. */
export async function noteChange(
  tx: Kysely<Tables> | Transaction<Tables>,
  change: Omit<PolicyChange, "id">,
): Promise<void> {
  const { at, actor, action, subject, detail } = change;
  const id = `chg_${timeOrderedId(at)}`;
  await tx
    .insertInto("policy_changes")
    .values({ id, at, actor, action, subject, detail: JSON.stringify(detail) })
    .execute();
}

/** A change as stored, as the core knows it. */
export function toPolicyChange({ detail, ...row }: Row<"policy_changes">): PolicyChange {
  return { ...row, detail: JSON.parse(detail) as PolicyChange["detail"] };
}
