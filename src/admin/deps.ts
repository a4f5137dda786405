import type { Activity } from "../core/activity.ts";
import type { AdminKeyMint, AdminKeys } from "../core/admin-keys.ts";
import type { AuditLog, Trail } from "../core/audit.ts";
import type { Candidates } from "../core/candidates.ts";
import type { DecisionLog } from "../core/decision-log.ts";
import type { Environments } from "../core/environments.ts";
import type { Evaluations } from "../core/evaluate.ts";
import type { DryRuns, Explanations } from "../core/explain.ts";
import type { IdempotencyStore } from "../core/idempotency.ts";
import type { KeyCache, KeyMint, Keys } from "../core/keys.ts";
import type { Counters } from "../core/limits.ts";
import type { ModelDirectory } from "../core/models.ts";
import type { OperatorDirectory } from "../core/operators.ts";
import type { PolicyControl } from "../core/policy-control.ts";
import type { PolicyDirectory } from "../core/policy-directory.ts";
import type { PolicyStore } from "../core/policy-store.ts";
import type { Clock, Logger, Recorder, TargetStatus } from "../core/ports.ts";
import type { Retention } from "../core/retention.ts";
import type { Revisions } from "../core/revisions.ts";
import type { Setting, Status } from "../core/status.ts";
import type { Applications, Organisations, Teams } from "../core/tenants.ts";
import type { UsageLedger } from "../core/usage.ts";

/** Everything the control plane works on. Nothing here is called before the first request. */
export interface AdminDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Networks of the proxies before the control plane, whose `x-forwarded-for` is believed. */
  readonly trustedProxies: readonly string[];
  readonly operators: OperatorDirectory;
  readonly adminKeys: AdminKeys;
  readonly adminKeyMint: AdminKeyMint;
  /** Stores when admin keys were last used, as far as it is noted. */
  readonly flushAdminKeys: () => Promise<void>;
  readonly organisations: Organisations;
  readonly teams: Teams;
  readonly applications: Applications;
  readonly environments: Environments;
  readonly keys: Keys;
  readonly idempotency: IdempotencyStore;
  readonly mint: KeyMint;
  readonly keyCache: KeyCache;
  readonly models: ModelDirectory;
  /** How the targets are that models lead to, as far as they were asked. */
  readonly targets: () => readonly TargetStatus[];
  readonly policies: PolicyDirectory;
  readonly policyControl: PolicyControl;
  readonly policyStore: PolicyStore;
  readonly revisions: Revisions;
  readonly usage: UsageLedger;
  readonly decisions: DecisionLog;
  readonly activity: Activity;
  /** How often streams of the activity say that they are there; 15,000 when absent. */
  readonly heartbeatMs?: number;
  readonly explanations: Explanations;
  readonly dryRuns: DryRuns;
  readonly evaluations: Evaluations;
  readonly candidates: Candidates;
  /** The counters that requests are limited by. */
  readonly counters: Pick<Counters, "inspect" | "reset">;
  /** The calendar window that an instant lies in, in a time zone; milliseconds, the end not included. */
  readonly windowOf: (
    now: number,
    every: "hour" | "day" | "week" | "month",
    timeZone: string,
  ) => { readonly start: number; readonly end: number };
  readonly trail: Trail;
  readonly audit: AuditLog;
  readonly retention: Pick<Retention, "days" | "last" | "run">;
  readonly recorder: Pick<Recorder, "flush" | "dropped">;
  /** How often something was kept from its effect since the start, by what kept it, as `Finding.override` says it. */
  readonly overrideUses: (override: string) => number;
  readonly status: () => Status | Promise<Status>;
  readonly settings: () => readonly Setting[];
}
