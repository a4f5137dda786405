import { sql } from "kysely";
import type { AuditEntry, AuditHead, AuditLog, AuditReport } from "../core/audit.ts";
import { emptyHead, hashEntry } from "./audit-chain.ts";
import type { Engine } from "./engine.ts";
import { readCursor, toPage } from "./paging.ts";
import type { Row } from "./tables.ts";

/** Entries that are read at once while all are looked at. */
const batch = 1000;

/**
 * Reads the audit log from the database.
 *
 * @param listen sets up a callback for after each committed change that was noted
 */
export function createAuditLog({ db }: Engine, listen: AuditLog["onAdded"]): AuditLog {
  const rowsAfter = (seq: number, limit: number) =>
    db.selectFrom("audit").selectAll().where("seq", ">", seq).orderBy("seq").limit(limit).execute();

  const readHead = async (): Promise<AuditHead> => {
    const row = await db.selectFrom("audit_head").selectAll().where("name", "=", "audit").executeTakeFirst();
    return row === undefined ? emptyHead : { seq: row.last_seq, hash: row.last_hash };
  };

  /** The head and the numbers of the first and the last entry, at one moment. */
  const readEnd = async () => {
    const row = await db
      .selectNoFrom((is) => [
        is
          .selectFrom("audit")
          .select((one) => one.fn.min("seq").as("oldest"))
          .as("oldest"),
        is
          .selectFrom("audit")
          .select((one) => one.fn.max("seq").as("newest"))
          .as("newest"),
        is.selectFrom("audit_head").select("last_seq").where("name", "=", "audit").as("seq"),
        is.selectFrom("audit_head").select("last_hash").where("name", "=", "audit").as("hash"),
      ])
      .executeTakeFirstOrThrow();
    const { oldest, newest, seq, hash } = row;
    const head: AuditHead | null = seq === null || hash === null ? null : { seq, hash };
    return { head, oldest: Number(oldest ?? 1), newest: Number(newest ?? 0) };
  };

  return {
    async list(page, { organisation, actor, action, subject, from, to }) {
      let query = db
        .selectFrom("audit")
        .selectAll()
        .orderBy("seq", "desc")
        .limit(page.limit + 1);
      const wanted = { organisation, actor, action, subject };
      for (const [column, value] of Object.entries(wanted)) {
        if (value !== undefined) query = query.where(sql.ref<string>(column), "=", value);
      }
      if (from !== undefined) query = query.where("at", ">=", from);
      if (to !== undefined) query = query.where("at", "<", to);
      const after = readCursor(page, ["number"]);
      if (after !== null) query = query.where("seq", "<", Number(after[0]));
      return toPage(await query.execute(), page, toAuditEntry, (row) => [row.seq]);
    },

    after: async (seq, limit) => (await rowsAfter(seq, limit)).map(toAuditEntry),

    head: readHead,

    async verify(heads = []) {
      const known = new Map(heads.map((head) => [head.seq, head.hash]));
      let last = emptyHead;
      const bad = async (seq: number, problem: string): Promise<AuditReport> => ({
        valid: false,
        entries: Math.max(0, Math.min(last.seq, seq - 1)),
        head: await readHead(),
        firstBad: { seq, problem },
      });
      for (;;) {
        const rows = await rowsAfter(last.seq, batch);
        for (const row of rows) {
          const problem = problemOf(row, last, known);
          if (problem !== null) return bad(last.seq + 1, problem);
          last = { seq: row.seq, hash: row.hash };
        }
        if (rows.length === batch) continue;
        const { head, oldest, newest } = await readEnd();
        // Added since they were read.
        if (newest > last.seq) continue;
        const promised = Math.max(head?.seq ?? 0, ...known.keys());
        if (promised > last.seq) return bad(last.seq + 1, `it is missing: the log had ${promised} entries`);
        if (oldest < 1) return bad(oldest, "entries are numbered from 1");
        if (head === null) return bad(last.seq, "the head of the log is missing");
        if (head.seq < last.seq) return bad(head.seq + 1, "the head of the log does not know of it");
        if (head.hash !== last.hash) return bad(last.seq, "the head of the log has another hash for it");
        return { valid: true, entries: last.seq, head, firstBad: null };
      }
    },

    onAdded: listen,
  };
}

/** What is wrong with an entry; `null` when it follows the one before. */
function problemOf(row: Row<"audit">, last: AuditHead, known: ReadonlyMap<number, string>): string | null {
  if (row.seq !== last.seq + 1) return "it is missing";
  if (row.prev !== last.hash) return "it does not name the hash of the entry before it";
  if (row.hash !== hashEntry(row)) return "its hash is not that of what it says";
  if ((known.get(row.seq) ?? row.hash) !== row.hash) return "it was another one when its hash was kept elsewhere";
  return null;
}

function toAuditEntry({ detail, ...row }: Row<"audit">): AuditEntry {
  return { ...row, detail: JSON.parse(detail) as AuditEntry["detail"] };
}
