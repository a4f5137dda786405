import { type SelectQueryBuilder, sql } from "kysely";
import { decisionIdOf, parseDecisionId } from "../core/decision.ts";
import type { DecisionFilter, DecisionLog, StoredDecision } from "../core/decision-log.ts";
import type { DecisionGroup, DecisionTotals } from "../core/decision-stats.ts";
import { phases } from "../core/phases.ts";
import type { DecisionRow } from "../core/ports.ts";
import { recordedChanges, recordedReason } from "../core/recorded-decision.ts";
import { type Engine, encodeRow, type Insert, toThousandths } from "./engine.ts";
import { readCursor, toPage } from "./paging.ts";
import type { Row, Tables } from "./tables.ts";

const columns = [
  "ts",
  "request_id",
  "phase_order",
  "phase",
  "revision",
  "org",
  "app",
  "env",
  "key_id",
  "surface",
  "model",
  "effect",
  "outcome",
  "code",
  "decided",
  "not_applicable",
  "errors",
  "reasons",
  "modifications",
  "micros",
  "facts",
  "policy",
  "rule",
  "text",
] as const satisfies readonly (keyof Tables["decisions"])[];

/** Encoded decision records as they are added to the database. */
export function insertDecisions(rows: string): Insert {
  return { table: "decisions", columns, rows };
}

type Log = SelectQueryBuilder<Tables, "decision_log", object>;

/** Reads the decision log from the database. */
export function createDecisionLog({ db }: Engine): DecisionLog {
  return {
    async list(page, filter) {
      let query = selected(db.selectFrom("decision_log"), filter);
      if (query === null) return { data: [], next: null };
      const after = readCursor(page, ["number", "string", "number"]);
      if (after !== null) {
        query = query.where(sql<boolean>`(ts, request_id, phase_order) < (${after[0]}, ${after[1]}, ${after[2]})`);
      }
      const rows = await query
        .selectAll()
        .orderBy("ts", "desc")
        .orderBy("request_id", "desc")
        .orderBy("phase_order", "desc")
        .limit(page.limit + 1)
        .execute();
      return toPage(rows, page, toStoredDecision, (row) => [row.ts, row.request_id, row.phase_order]);
    },

    async stats(filter, by, limit) {
      const query = selected(db.selectFrom("decision_log"), filter);
      if (query === null) return [];
      const groups = by.map((group) => [group, groupColumn(group)] as const);
      const counted = query.select(totals).select(groups.map(([group, column]) => column.as(`by_${group}`)));
      const rows = await groups
        .reduce((grouped, [, column]) => grouped.groupBy(column), counted)
        .orderBy("decisions", "desc")
        .orderBy(sql.raw(by.length === 0 ? "1" : by.map((group) => `by_${group}`).join(", ")))
        .limit(limit)
        .execute();
      return rows.map((row) => toTotals(row, by));
    },
  };
}

/** The records that a filter selects; `null` when it can select none. */
function selected(log: Log, filter: DecisionFilter): Log | null {
  const named = filter.decisionId === undefined ? undefined : parseDecisionId(filter.decisionId);
  if (named === null) return null;
  const wanted: readonly (readonly [keyof Tables["decision_log"], string | undefined])[] = [
    ["request_id", named?.requestId],
    ["phase", named?.phase],
    ["request_id", filter.requestId],
    ["org", filter.org],
    ["app", filter.app],
    ["env", filter.env],
    ["key_id", filter.key],
    ["surface", filter.surface],
    ["model", filter.model],
    ["revision", filter.revision],
    ["phase", filter.phase],
    ["effect", filter.decision],
    ["outcome", filter.outcome],
    ["code", filter.code],
  ];
  let query = log;
  for (const [column, value] of wanted) {
    if (value !== undefined) query = query.where(column, "=", value);
  }
  if (filter.policy !== undefined) {
    // Whether the text is in there, in the SQL of every engine, and without wildcards.
    const reason = `"policy":${JSON.stringify(filter.policy)}`;
    query = query.where(sql<boolean>`replace(reasons, ${reason}, '') <> reasons`);
  }
  if (filter.from !== undefined) query = query.where("ts", ">=", filter.from);
  if (filter.to !== undefined) query = query.where("ts", "<", filter.to);
  return query;
}

const countOf = (effect: string) => sql<number>`sum(case when effect = ${sql.lit(effect)} then 1 else 0 end)`;

const totals = [
  sql<number>`count(*)`.as("decisions"),
  countOf("allow").as("allowed"),
  countOf("warn").as("warned"),
  countOf("modify").as("modified"),
  countOf("deny").as("denied"),
  sql<number>`sum(case when errors > 0 then 1 else 0 end)`.as("with_errors"),
  sql<number>`avg(micros)`.as("mean_micros"),
  sql<number>`max(micros)`.as("max_micros"),
];

const periodMs = { day: 86_400_000, hour: 3_600_000 } as const;

function groupColumn(group: DecisionGroup) {
  if (group === "day" || group === "hour") return sql<number | string>`(ts - ts % ${sql.lit(periodMs[group])})`;
  return sql<number | string>`${sql.ref(group === "key" ? "key_id" : group === "decision" ? "effect" : group)}`;
}

function toGroupValue(group: DecisionGroup, value: unknown): string {
  if (group === "day") return new Date(Number(value)).toISOString().slice(0, 10);
  if (group === "hour") return new Date(Number(value)).toISOString();
  return String(value);
}

function toTotals(row: Readonly<Record<string, unknown>>, by: readonly DecisionGroup[]): DecisionTotals {
  return {
    group: Object.fromEntries(by.map((group) => [group, toGroupValue(group, row[`by_${group}`])])),
    decisions: Number(row.decisions),
    allowed: Number(row.allowed),
    warned: Number(row.warned),
    modified: Number(row.modified),
    denied: Number(row.denied),
    withErrors: Number(row.with_errors),
    meanMicros: Number(row.mean_micros),
    maxMicros: Number(row.max_micros),
  };
}

/** Encodes a decision record. Of modifications it keeps no values that can be parts of a prompt. */
export function encodeDecision(row: DecisionRow): string {
  const { decision } = row;
  const { findings, tally } = decision;
  return encodeRow([
    row.ts,
    row.requestId,
    phases.indexOf(row.phase),
    row.phase,
    row.revision,
    row.org,
    row.app,
    row.env,
    row.key,
    row.surface,
    row.model,
    decision.effect,
    decision.outcome,
    findings[0]?.code ?? "",
    tally.decided,
    tally.notApplicable,
    tally.errors,
    findings.length === 0 ? "[]" : JSON.stringify(findings.map(recordedReason)),
    findings.length === 0 ? "[]" : JSON.stringify(findings.flatMap(recordedChanges)),
    toThousandths(row.micros),
    row.facts === undefined ? null : JSON.stringify(row.facts),
    findings[0]?.policy ?? "",
    findings[0]?.rule ?? "",
    row.text === undefined ? null : JSON.stringify(row.text),
  ]);
}

function toStoredDecision(row: Row<"decision_log">): StoredDecision {
  return {
    decisionId: decisionIdOf(row.request_id, row.phase as StoredDecision["phase"]),
    requestId: row.request_id,
    ts: row.ts,
    phase: row.phase as StoredDecision["phase"],
    revision: row.revision,
    org: row.org,
    app: row.app,
    env: row.env,
    key: row.key_id,
    surface: row.surface as StoredDecision["surface"],
    model: row.model,
    effect: row.effect as StoredDecision["effect"],
    outcome: row.outcome as StoredDecision["outcome"],
    code: row.code,
    tally: { decided: row.decided, notApplicable: row.not_applicable, errors: row.errors },
    reasons: JSON.parse(row.reasons) as StoredDecision["reasons"],
    modifications: JSON.parse(row.modifications) as StoredDecision["modifications"],
    micros: row.micros,
    facts: row.facts === null ? null : (JSON.parse(row.facts) as StoredDecision["facts"]),
    ...(row.text !== null && { text: JSON.parse(row.text) as NonNullable<StoredDecision["text"]> }),
  };
}
