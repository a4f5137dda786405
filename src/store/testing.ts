import { decisionIdOf } from "../core/decision.ts";
import type { Clock, DecisionRow, Logger, UsageRow } from "../core/ports.ts";
import { openStore, type Store } from "./store.ts";
import { temporaryDatabase } from "./testing-engines.ts";

export { temporaryFolder, testEngines } from "./testing-engines.ts";

/** A time for tests to begin at. */
export const testStart = Date.UTC(2026, 0, 31, 12);

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  ms = testStart;
  now(): number {
    return this.ms;
  }
}

/** A logger that keeps its lines. */
export function createTestLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const log = (level: string) => (fields: object, message: string) => {
    lines.push(
      `${level} ${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? value.message : value))}`,
    );
  };
  return { lines, debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

/** A store over a database of its own, closed and gone when the test is: of the engine that the test is run with. */
export async function temporaryStore() {
  const database = await temporaryDatabase();
  const clock = new TestClock();
  const store = await openStore({ ...database.location, clock });
  return {
    ...store,
    clock,
    database,
    /** The SQLite file; empty of a database of PostgreSQL. */
    path: "path" in database.location ? database.location.path : "",
    folder: database.folder,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Stores records in one batch. */
export function append(
  { records }: Store,
  { usage = [], decisions = [] }: { readonly usage?: readonly UsageRow[]; readonly decisions?: readonly DecisionRow[] },
): Promise<void> {
  return records.append({
    usage: usage.map(records.encodeUsage).join(","),
    decisions: decisions.map(records.encodeDecision).join(","),
  });
}

/** An id as requests have. */
function newRequestId(): string {
  return `req_${Bun.randomUUIDv7("base64url")}`;
}

/** A ledger row; `over` replaces members. */
export function usageRow(over: Partial<UsageRow> = {}): UsageRow {
  return {
    requestId: newRequestId(),
    ts: testStart,
    org: "default",
    team: "",
    app: "chat",
    env: "prod",
    key: "k1",
    userHash: "",
    surface: "chat",
    provider: "openai",
    model: "gpt-4o",
    servedModel: "gpt-4o-2024-08-06",
    stream: false,
    usage: {
      promptTokens: 400,
      completionTokens: 100,
      totalTokens: 500,
      cachedTokens: 50,
      cacheWriteTokens: null,
      reasoningTokens: 0,
    },
    costNanoUsd: 2_000_000,
    priceDate: "2026-01-01",
    provenance: "provider",
    requestBytes: 1800,
    responseBytes: 900,
    latencyMs: 812.25,
    ttftMs: 100.5,
    status: 200,
    decision: "allow",
    code: "",
    ...over,
  };
}

/** A decision record of a denied request; `over` replaces members. */
export function decisionRow(over: Partial<Omit<DecisionRow, "decisionId">> = {}): DecisionRow {
  const { requestId = newRequestId(), phase = "request" } = over;
  return {
    decisionId: decisionIdOf(requestId, phase),
    requestId,
    ts: testStart,
    phase,
    revision: "sha256:test",
    org: "default",
    app: "chat",
    env: "prod",
    key: "k1",
    surface: "chat",
    model: "gpt-4o",
    decision: {
      phase: "request",
      effect: "deny",
      outcome: "ok",
      findings: [
        {
          policy: "org/cap",
          rule: "over",
          kind: "hit",
          mode: "enforce",
          effect: "deny",
          would: "deny",
          code: "token_cap",
          message: "asked for 21000 tokens, the cap is 16000",
          status: 403,
          priority: 100,
        },
      ],
      tally: { decided: 2, notApplicable: 1, errors: 0 },
    },
    micros: 14.5,
    ...over,
  };
}
