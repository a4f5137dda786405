import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { AuditAnchor, AuditHead, AuditLog } from "../core/audit.ts";
import type { Logger } from "../core/ports.ts";

/**
 * Keeps the head of the audit log in a file, which whoever can write to the database alone cannot change: by it, a log
 * whose end was cut off, or that was written anew, is found.
 *
 * A file that cannot be read is not taken for none: `read` rejects.
 */
export function createAuditAnchor(path: string): AuditAnchor {
  const read = async (): Promise<AuditHead | null> => {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
    const [, seq, hash] = /^(\d+) ([0-9a-f]{64})\n$/.exec(text) ?? [];
    if (hash === undefined)
      throw new Error(`${path} does not hold the head of an audit log: remove it if that is meant`);
    return { seq: Number(seq), hash };
  };

  let writing = Promise.resolve();
  const write = async (head: AuditHead) => {
    const kept = await read();
    if (kept !== null && kept.seq >= head.seq) return;
    // Whole or not at all, whenever the process ends, and whoever writes at the same time: containers share process ids.
    const next = `${path}.${randomUUID()}`;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(next, `${head.seq} ${head.hash}\n`, { mode: 0o600 });
    await rename(next, path);
  };

  return {
    read,
    keep(head) {
      const written = writing.then(() => write(head));
      writing = written.catch(() => undefined);
      return written;
    },
  };
}

/** An audit log whose head is kept elsewhere, too. */
export interface AnchoredAudit extends AuditLog {
  /** Resolves when the heads of all changes so far are kept. */
  settled(): Promise<void>;
}

/**
 * Has the head of a log kept by an anchor after each change of this process, and looked for by each verification. Each
 * head is logged as well: where logs are collected elsewhere, they are one more anchor.
 *
 * A head takes the place of another only while that one's entry is there: a log that was cut off stays found, however
 * much is added to it.
 */
export function anchorAudit(audit: AuditLog, anchor: AuditAnchor, logger: Logger): AnchoredAudit {
  let keeping = Promise.resolve();
  const keep = async () => {
    try {
      const kept = await anchor.read();
      if (kept !== null && !(await holds(audit, kept))) {
        logger.error({ seq: kept.seq, hash: kept.hash }, "the audit log is not the one whose head was kept: verify it");
        return;
      }
      const head = await audit.head();
      logger.info({ seq: head.seq, hash: head.hash }, "the audit log has grown");
      await anchor.keep(head);
    } catch (error) {
      logger.error({ err: error }, "the head of the audit log could not be kept");
    }
  };
  audit.onAdded(() => {
    keeping = keeping.then(keep);
  });
  return {
    ...audit,
    async verify(heads = []) {
      await keeping;
      const kept = await anchor.read();
      const report = await audit.verify(kept === null ? heads : [...heads, kept]);
      if (report.valid && report.head.seq > 0) await anchor.keep(report.head);
      return report;
    },
    settled: () => keeping,
  };
}

/** Whether a log has the entry that was its head. */
async function holds(audit: AuditLog, { seq, hash }: AuditHead): Promise<boolean> {
  const [entry] = await audit.after(seq - 1, 1);
  return seq === 0 || (entry?.seq === seq && entry.hash === hash);
}
