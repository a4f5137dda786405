import type { Transaction } from "kysely";
import type { ChangeTopic } from "../../core/changes.ts";
import type { Clock } from "../../core/ports.ts";
import { hasNoted } from "../audit-chain.ts";
import type { Engine } from "../engine.ts";
import type { Tables } from "../tables.ts";

/** Says, inside a transaction, what it changes that replicas remember. */
export type Announce = (topic: ChangeTopic, subject: string) => void;

/** One change as it is read back. */
export interface LoggedChange {
  readonly seq: number;
  readonly topic: string;
  readonly subject: string;
  /** The process that made it. */
  readonly origin: string;
}

/** The changes that the processes of one database made, numbered in the order in which they became visible. */
export interface ChangeLog {
  /** This process's name in the log, different from all others'. */
  readonly origin: string;
  /**
   * Runs a transaction. What it announces is stored with it; {@link onCommitted} is told once others can see it.
   * A transaction that rejects has announced nothing.
   */
  transaction<T>(act: (tx: Transaction<Tables>, announce: Announce) => Promise<T>): Promise<T>;
  /** Number of the newest change; 0 before the first. */
  last(): Promise<number>;
  /** The changes after a number, oldest first. Those of long ago are not kept. */
  after(seq: number, limit: number): Promise<readonly LoggedChange[]>;
  /** Sets who is told of each transaction that announced something. */
  onCommitted(told: () => void): void;
  /** Calls back after each transaction that noted something in the audit log. Returns how to stop that. */
  onNoted(listener: () => void): () => void;
}

/** How many changes are kept at least: more than a replica ever reads at once. */
const kept = 10_000;

/** Opens the log of changes. */
export function createChangeLog({ db }: Engine, clock: Clock): ChangeLog {
  const origin = Bun.randomUUIDv7("base64url");
  let told: () => void = () => undefined;
  const listeners = new Set<() => void>();

  return {
    origin,
    async transaction(act) {
      const announced = new Map<string, { topic: ChangeTopic; subject: string }>();
      let notes = false;
      const result = await db.transaction().execute(async (tx) => {
        const value = await act(tx, (topic, subject) => announced.set(`${topic}\n${subject}`, { topic, subject }));
        if (announced.size > 0) await append(tx, [...announced.values()]);
        notes = hasNoted(tx);
        return value;
      });
      if (announced.size > 0) told();
      if (notes) for (const listener of listeners) listener();
      return result;
    },
    async last() {
      const { last_seq } = await db.selectFrom("change_count").select("last_seq").executeTakeFirstOrThrow();
      return Number(last_seq);
    },
    async after(seq, limit) {
      const rows = await db
        .selectFrom("changes")
        .select(["seq", "topic", "subject", "origin"])
        .where("seq", ">", seq)
        .orderBy("seq")
        .limit(limit)
        .execute();
      return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
    },
    onCommitted(next) {
      told = next;
    },
    onNoted(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };

  /** The last thing that a transaction does: from here to its commit, others that announce something wait. */
  async function append(
    tx: Transaction<Tables>,
    changes: readonly { readonly topic: ChangeTopic; readonly subject: string }[],
  ): Promise<void> {
    const { last_seq } = await tx
      .updateTable("change_count")
      .set((is) => ({ last_seq: is("last_seq", "+", changes.length) }))
      .where("name", "=", "changes")
      .returning("last_seq")
      .executeTakeFirstOrThrow();
    const last = Number(last_seq);
    const first = last - changes.length + 1;
    const rows = changes.map((change, i) => ({ ...change, seq: first + i, origin, at: clock.now() }));
    // Few at a time: databases bound how many values one statement may have.
    for (let i = 0; i < rows.length; i += 100) {
      await tx
        .insertInto("changes")
        .values(rows.slice(i, i + 100))
        .execute();
    }
    await tx
      .deleteFrom("changes")
      .where("seq", "<=", last - kept)
      .execute();
  }
}
