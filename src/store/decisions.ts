import { sql } from "kysely";
import type { DecisionLog, DecisionReason, StoredDecision } from "../core/control.ts";
import type { Finding } from "../core/decision.ts";
import { phases } from "../core/phases.ts";
import type { DecisionRow } from "../core/ports.ts";
import type { Engine, Insert } from "./engine.ts";
import { readCursor, toPage } from "./paging.ts";
import type { Row, Tables } from "./tables.ts";

const columns = [
  "ts",
  "decision_id",
  "phase_order",
  "phase",
  "request_id",
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
] as const satisfies readonly (keyof Tables["decisions"])[];

/** Decision records as they are added to the database. */
export function insertDecisions(rows: readonly DecisionRow[]): Insert {
  return { table: "decisions", columns, rows: rows.map(toValues) };
}

/** Reads the decision log from the database. */
export function createDecisionLog({ db }: Engine): DecisionLog {
  return {
    async list(page, filter) {
      let query = db
        .selectFrom("decisions")
        .selectAll()
        .orderBy("ts", "desc")
        .orderBy("decision_id", "desc")
        .orderBy("phase_order", "desc")
        .limit(page.limit + 1);
      const wanted: readonly (readonly [keyof Tables["decisions"], string | undefined])[] = [
        ["decision_id", filter.decisionId],
        ["request_id", filter.requestId],
        ["org", filter.org],
        ["app", filter.app],
        ["phase", filter.phase],
        ["effect", filter.decision],
      ];
      for (const [column, value] of wanted) {
        if (value !== undefined) query = query.where(column, "=", value);
      }
      if (filter.from !== undefined) query = query.where("ts", ">=", filter.from);
      if (filter.to !== undefined) query = query.where("ts", "<", filter.to);
      const after = readCursor(page, ["number", "string", "number"]);
      if (after !== null) {
        query = query.where(sql<boolean>`(ts, decision_id, phase_order) < (${after[0]}, ${after[1]}, ${after[2]})`);
      }
      const position = (row: Row<"decisions">) => [row.ts, row.decision_id, row.phase_order];
      return toPage(await query.execute(), page, toStoredDecision, position);
    },
  };
}

// Written out rather than looked up by name: this runs for every phase of every request.
function toValues(row: DecisionRow): (string | number | null)[] {
  const { decision } = row;
  const { findings, tally } = decision;
  return [
    row.ts,
    row.decisionId,
    phases.indexOf(row.phase),
    row.phase,
    row.requestId,
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
    findings.length === 0 ? "[]" : JSON.stringify(findings.map(toReason)),
    findings.length === 0 ? "[]" : JSON.stringify(findings.flatMap(toChanges)),
    row.micros,
  ];
}

function toReason(finding: Finding): DecisionReason {
  return {
    policy: finding.policy,
    rule: finding.rule,
    kind: finding.kind,
    mode: finding.mode,
    effect: finding.effect,
    would: finding.would,
    code: finding.code,
    message: finding.message,
  };
}

/** What a finding changed, without the values: they can be parts of a prompt. */
function toChanges(finding: Finding): StoredDecision["modifications"] {
  if (finding.effect !== "modify") return [];
  return (finding.modifications ?? []).map(({ op, path }) => ({ op, path }));
}

function toStoredDecision(row: Row<"decisions">): StoredDecision {
  return {
    decisionId: row.decision_id,
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
  };
}
