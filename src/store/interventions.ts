import type { Transaction } from "kysely";
import type { AuditNote } from "../core/audit.ts";
import type { BreakGlass, BreakGlassAction, Maintenance, Temporary } from "../core/overlay.ts";
import type { Scope } from "../core/policy.ts";
import type { PolicyStore } from "../core/policy-store.ts";
import type { Clock } from "../core/ports.ts";
import { noteChanges } from "./audit-chain.ts";
import type { Announce, ChangeLog } from "./changes/log.ts";
import type { Engine } from "./engine.ts";
import { timeOrderedId } from "./ids.ts";
import { readCursor, toPage } from "./paging.ts";
import type { Row, Tables } from "./tables.ts";

type Intervention = Row<"interventions">;
type Interventions = Pick<
  PolicyStore,
  | "listBreakGlass"
  | "findBreakGlass"
  | "beginBreakGlass"
  | "endBreakGlass"
  | "beginMaintenance"
  | "endMaintenance"
  | "expire"
>;

/** Keeps break-glass and maintenance. */
export function createInterventions({ db }: Engine, changes: ChangeLog, clock: Clock): Interventions {
  return {
    async listBreakGlass(page, { policy, state }) {
      const now = clock.now();
      let query = db
        .selectFrom("interventions")
        .selectAll()
        .where("kind", "=", "break_glass")
        .orderBy("id", "desc")
        .limit(page.limit + 1);
      if (policy !== undefined) query = query.where("policy_id", "=", policy);
      if (state === "open") query = query.where("ended_at", "is", null).where("expires_at", ">", now);
      if (state === "closed") {
        query = query.where((is) => is.or([is("ended_at", "is not", null), is("expires_at", "<=", now)]));
      }
      const after = readCursor(page, ["string"]);
      if (after !== null) query = query.where("id", "<", String(after[0]));
      return toPage(await query.execute(), page, toBreakGlass, (row) => [row.id]);
    },

    async findBreakGlass(id) {
      const row = await db
        .selectFrom("interventions")
        .selectAll()
        .where("kind", "=", "break_glass")
        .where("id", "=", id)
        .executeTakeFirst();
      return row === undefined ? null : toBreakGlass(row);
    },

    beginBreakGlass: ({ policy, rule, scope, action, reason, expiresAt }, actor) =>
      changes.transaction(async (tx, announce) =>
        toBreakGlass(
          await begin(tx, announce, {
            kind: "break_glass",
            policy_id: policy,
            rule,
            scope: JSON.stringify(scope),
            action,
            message: "",
            retry_after_seconds: null,
            reason,
            actor,
            expires_at: expiresAt,
          }),
        ),
      ),

    endBreakGlass: (id, actor) =>
      changes.transaction(async (tx, announce) => {
        const [row] = await end(tx, announce, "break_glass", actor, id);
        return row === undefined ? null : toBreakGlass(row);
      }),

    beginMaintenance: ({ scope, message, retryAfterSeconds, reason, expiresAt }, actor) =>
      // In one transaction: where one takes the place of another there is no moment without.
      changes.transaction(async (tx, announce) => {
        await end(tx, announce, "maintenance", actor);
        return toMaintenance(
          await begin(tx, announce, {
            kind: "maintenance",
            policy_id: "",
            rule: "",
            scope: JSON.stringify(scope),
            action: "",
            message,
            retry_after_seconds: retryAfterSeconds,
            reason,
            actor,
            expires_at: expiresAt,
          }),
        );
      }),

    endMaintenance: (actor) =>
      changes.transaction(async (tx, announce) => {
        const [row] = await end(tx, announce, "maintenance", actor);
        return row === undefined ? null : toMaintenance(row);
      }),

    expire: (now) =>
      changes.transaction(async (tx, announce) => {
        const rows = await tx
          .updateTable("interventions")
          .set((is) => ({ ended_at: is.ref("expires_at"), ended_by: "" }))
          .where("ended_at", "is", null)
          .where("expires_at", "<=", now)
          .returningAll()
          .execute();
        await noteAll(tx, announce, rows, { at: now, actor: "", action: "expire" });
        return rows.map(toIntervention);
      }),
  };

  async function begin(
    tx: Transaction<Tables>,
    announce: Announce,
    input: Omit<Intervention, "id" | "created_at" | "ended_at" | "ended_by">,
  ): Promise<Intervention> {
    const now = clock.now();
    const prefix = input.kind === "break_glass" ? "bg" : "mnt";
    const id = `${prefix}_${timeOrderedId(now)}`;
    const row: Intervention = { ...input, id, created_at: now, ended_at: null, ended_by: "" };
    await tx.insertInto("interventions").values(row).execute();
    await noteAll(tx, announce, [row], { at: now, actor: row.actor, action: "begin" });
    return row;
  }

  /** Ends the open ones of a kind, or the one of this id. */
  async function end(
    tx: Transaction<Tables>,
    announce: Announce,
    kind: Intervention["kind"],
    actor: string,
    id?: string,
  ): Promise<Intervention[]> {
    const now = clock.now();
    let query = tx
      .updateTable("interventions")
      .set({ ended_at: now, ended_by: actor })
      .where("kind", "=", kind)
      .where("ended_at", "is", null)
      .where("expires_at", ">", now);
    if (id !== undefined) query = query.where("id", "=", id);
    const rows = await query.returningAll().execute();
    await noteAll(tx, announce, rows, { at: now, actor, action: "end" });
    return rows;
  }
}

async function noteAll(
  tx: Transaction<Tables>,
  announce: Announce,
  rows: readonly Intervention[],
  what: Pick<AuditNote, "at" | "actor" | "action">,
): Promise<void> {
  for (const { id } of rows) announce("policy", id);
  await noteChanges(
    tx,
    rows.map((row) => ({ ...what, subject: row.id, detail: detailOf(row) })),
  );
}

function detailOf({ kind, policy_id: policy, rule, reason, expires_at }: Intervention) {
  const about = kind === "break_glass" ? { policy, ...(rule !== "" && { rule }) } : {};
  return { kind, ...about, reason, expires_at: new Date(expires_at).toISOString() };
}

function toTemporary(row: Intervention): Temporary & { readonly scope: Scope } {
  return {
    id: row.id,
    scope: JSON.parse(row.scope) as Scope,
    reason: row.reason,
    actor: row.actor,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    endedAt: row.ended_at,
    endedBy: row.ended_by,
  };
}

/** A break-glass as stored, as the core knows it. */
export function toBreakGlass(row: Intervention): BreakGlass {
  return { ...toTemporary(row), policy: row.policy_id, rule: row.rule, action: row.action as BreakGlassAction };
}

/** A maintenance as stored, as the core knows it. */
export function toMaintenance(row: Intervention): Maintenance {
  return { ...toTemporary(row), message: row.message, retryAfterSeconds: row.retry_after_seconds };
}

function toIntervention(row: Intervention): BreakGlass | Maintenance {
  return row.kind === "break_glass" ? toBreakGlass(row) : toMaintenance(row);
}
