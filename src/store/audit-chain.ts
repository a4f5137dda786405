import type { Transaction } from "kysely";
import type { AuditHead, AuditNote } from "../core/audit.ts";
import type { Row, Tables } from "./tables.ts";

/** What stands for the hash of the entry before the first. */
export const noHash = "0".repeat(64);

/** The head of a log without entries. */
export const emptyHead: AuditHead = { seq: 0, hash: noHash };

/** Transactions in which entries were added. Weak: they go with them. */
const noted = new WeakSet<Transaction<Tables>>();

/** Whether a transaction added entries. */
export function hasNoted(tx: Transaction<Tables>): boolean {
  return noted.has(tx);
}

/**
 * The hash of an entry: over all its columns but the hash, in one fixed form.
 *
 * Columns are taken as the database gives them, so that a number that became a text is another entry, too.
 */
export function hashEntry(row: Readonly<Record<Exclude<keyof Tables["audit"], "hash">, unknown>>): string {
  const { seq, at, organisation, actor, action, subject, detail, prev } = row;
  const text = JSON.stringify([seq, at, organisation, actor, action, subject, detail, prev]);
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

/**
 * Adds entries to the audit log, in the transaction of the changes that they tell of.
 *
 * From here to the end of the transaction everybody else who adds entries waits, in other processes as well: that makes
 * one chain. So it is the last thing that a transaction does, or it waits for nothing after it.
 */
export async function noteChanges(tx: Transaction<Tables>, changes: readonly AuditNote[]): Promise<void> {
  if (changes.length === 0) return;
  const { last_seq, last_hash } = await tx
    .updateTable("audit_head")
    .set((is) => ({ last_seq: is("last_seq", "+", changes.length) }))
    .where("name", "=", "audit")
    .returning(["last_seq", "last_hash"])
    .executeTakeFirstOrThrow();
  const before = Number(last_seq) - changes.length;
  let prev = last_hash;
  const rows = changes.map(({ at, organisation = null, action, detail, ...change }, i): Row<"audit"> => {
    const seq = before + i + 1;
    const actor = storable(change.actor);
    const subject = storable(bounded(change.subject));
    const row = { seq, at, organisation, actor, action, subject, detail: JSON.stringify(detail), prev };
    prev = hashEntry(row);
    return { ...row, hash: prev };
  });
  // Few at a time: databases bound how many values one statement may have.
  for (let i = 0; i < rows.length; i += 100) {
    await tx
      .insertInto("audit")
      .values(rows.slice(i, i + 100))
      .execute();
  }
  await tx.updateTable("audit_head").set({ last_hash: prev }).where("name", "=", "audit").execute();
  noted.add(tx);
}

/** A text as every database gives it back: what PostgreSQL cannot store would be hashed and then read as something else. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

/** Databases bound what an index can hold, in bytes. Names are far shorter than this; what operators make up may not be. */
const maxSubjectLength = 640;

function bounded(subject: string): string {
  return subject.length <= maxSubjectLength ? subject : `${subject.slice(0, maxSubjectLength - 1)}…`;
}
