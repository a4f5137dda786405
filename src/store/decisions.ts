import { sql } from "kysely";
import type { DecisionLog, DecisionReason, StoredDecision } from "../core/control.ts";
import { decisionIdOf, type Finding, parseDecisionId } from "../core/decision.ts";
import { recordedModification } from "../core/modifiable.ts";
import { phases } from "../core/phases.ts";
import type { DecisionRow } from "../core/ports.ts";
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
] as const satisfies readonly (keyof Tables["decisions"])[];

/** Encoded decision records as they are added to the database. */
export function insertDecisions(rows: string): Insert {
  return { table: "decisions", columns, rows };
}

/** Reads the decision log from the database. */
export function createDecisionLog({ db }: Engine): DecisionLog {
  return {
    async list(page, filter) {
      const named = filter.decisionId === undefined ? undefined : parseDecisionId(filter.decisionId);
      if (named === null) return { data: [], next: null };
      let query = db
        .selectFrom("decision_log")
        .selectAll()
        .orderBy("ts", "desc")
        .orderBy("request_id", "desc")
        .orderBy("phase_order", "desc")
        .limit(page.limit + 1);
      const wanted: readonly (readonly [keyof Tables["decision_log"], string | undefined])[] = [
        ["request_id", named?.requestId],
        ["phase", named?.phase],
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
        query = query.where(sql<boolean>`(ts, request_id, phase_order) < (${after[0]}, ${after[1]}, ${after[2]})`);
      }
      const position = (row: Row<"decision_log">) => [row.ts, row.request_id, row.phase_order];
      return toPage(await query.execute(), page, toStoredDecision, position);
    },
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
    findings.length === 0 ? "[]" : JSON.stringify(findings.map(toReason)),
    findings.length === 0 ? "[]" : JSON.stringify(findings.flatMap(toChanges)),
    toThousandths(row.micros),
    row.facts === undefined ? null : JSON.stringify(row.facts),
  ]);
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
    ...(finding.override !== undefined && { override: finding.override }),
  };
}

/** What a finding changed, without values that can be parts of a prompt. */
function toChanges(finding: Finding): StoredDecision["modifications"] {
  if (finding.effect !== "modify") return [];
  return (finding.modifications ?? []).map(recordedModification);
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
  };
}
