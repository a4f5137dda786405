import type { Claim, IdempotencyStore } from "../core/idempotency.ts";
import type { Clock } from "../core/ports.ts";
import type { Engine } from "./engine.ts";

/** How long a key stands for its request. */
const keptMs = 24 * 3_600_000;
/** Most keys of one operator; of more the oldest go first. */
const keptPerOperator = 10_000;

/** Keeps in the database what was made under idempotency keys. */
export function createIdempotencyStore({ db }: Engine, clock: Clock): IdempotencyStore {
  const claim: IdempotencyStore["claim"] = async ({ id, operator, fingerprint }): Promise<Claim> => {
    const now = clock.now();
    await db
      .deleteFrom("idempotency_keys")
      .where("created_at", "<=", now - keptMs)
      .execute();
    const { numInsertedOrUpdatedRows = 0n } = await db
      .insertInto("idempotency_keys")
      .values({ id, operator, fingerprint, answer: null, created_at: now })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows > 0n) {
      await forgetOldest(operator);
      return { state: "claimed" };
    }
    const row = await db.selectFrom("idempotency_keys").selectAll().where("id", "=", id).executeTakeFirst();
    // Released, or too old, since.
    if (row === undefined) return claim({ id, operator, fingerprint });
    if (row.fingerprint !== fingerprint) return { state: "other" };
    return row.answer === null
      ? { state: "running", since: row.created_at }
      : { state: "answered", sealed: row.answer };
  };

  const forgetOldest = async (operator: string): Promise<void> => {
    const last = await db
      .selectFrom("idempotency_keys")
      .select("created_at")
      .where("operator", "=", operator)
      .orderBy("created_at", "desc")
      .offset(keptPerOperator)
      .limit(1)
      .executeTakeFirst();
    if (last === undefined) return;
    await db
      .deleteFrom("idempotency_keys")
      .where("operator", "=", operator)
      .where("created_at", "<=", last.created_at)
      .execute();
  };

  return {
    claim,
    async answer(id, sealed) {
      await db.updateTable("idempotency_keys").set({ answer: sealed }).where("id", "=", id).execute();
    },
    async release(id) {
      await db.deleteFrom("idempotency_keys").where("id", "=", id).where("answer", "is", null).execute();
    },
  };
}
