import type { Selectable } from "kysely";

// The rows as they are stored, in the portable types of schema/sql: text, integers for times and truth values.

interface VersionedTable {
  id: string;
  version: number;
  created_at: number;
  updated_at: number;
}

interface OrganisationTable extends VersionedTable {
  name: string;
  time_zone: string;
  labels: string;
  deleted_at: number | null;
}

interface TeamTable extends VersionedTable {
  organisation_id: string;
  name: string;
  labels: string;
  deleted_at: number | null;
}

interface ApplicationTable extends VersionedTable {
  organisation_id: string;
  team_id: string | null;
  name: string;
  labels: string;
  disabled: number;
  deleted_at: number | null;
}

interface GatewayKeyTable {
  id: string;
  application_id: string;
  env: string;
  name: string;
  secret_hash: string;
  last_four: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
  surfaces: string | null;
  models: string | null;
  networks: string | null;
  replaced_by: string | null;
  version: number;
}

interface ApplicationConfigTable extends Omit<VersionedTable, "id"> {
  application_id: string;
  env: string;
  labels: string;
  disabled: number;
  strict: number;
  keeps_text: number;
  surfaces: string | null;
  models: string | null;
  networks: string | null;
  deleted_at: number | null;
}

interface IdempotencyKeyTable {
  id: string;
  operator: string;
  fingerprint: string;
  answer: string | null;
  created_at: number;
}

interface AdminKeyTable {
  id: string;
  name: string;
  role: string;
  organisation_id: string | null;
  secret_hash: string;
  last_four: string;
  created_by: string;
  rotated_from: string | null;
  replaced_by: string | null;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
}

interface UsageTable {
  ts: number;
  request_id: string;
  org: string;
  team: string;
  app: string;
  env: string;
  key_id: string;
  user_hash: string;
  surface: string;
  provider: string;
  model: string;
  served_model: string;
  stream: number;
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cached_tokens: number | null;
  cache_write_tokens: number | null;
  reasoning_tokens: number | null;
  cost_nano_usd: number | null;
  price_date: string;
  provenance: string;
  request_bytes: number;
  response_bytes: number;
  latency_ms: number;
  ttft_ms: number;
  status: number;
  decision: string;
  code: string;
  revision: string | null;
  outcome: string | null;
  decided: number | null;
  not_applicable: number | null;
  errors: number | null;
  micros: number | null;
}

/** Sums over the ledger's rows of one UTC day, which begins at `day`. Times are sums, too. */
interface UsageRollupTable {
  day: number;
  org: string;
  team: string;
  app: string;
  env: string;
  key_id: string;
  surface: string;
  provider: string;
  model: string;
  decision: string;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cached_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
  cost_nano_usd: number;
  unpriced_requests: number;
  failed_requests: number;
  latency_ms: number;
  ttft_ms: number;
}

interface DecisionTable {
  ts: number;
  request_id: string;
  phase_order: number;
  phase: string;
  revision: string;
  org: string;
  app: string;
  env: string;
  key_id: string;
  surface: string;
  model: string;
  effect: string;
  outcome: string;
  code: string;
  decided: number;
  not_applicable: number;
  errors: number;
  reasons: string;
  modifications: string;
  micros: number;
  facts: string | null;
  text: string | null;
  policy: string;
  rule: string;
}

interface DatabasePolicyTable extends VersionedTable {
  content: string;
  status: string;
  enabled: number;
  deleted_at: number | null;
  actor: string;
}

interface PolicyVersionTable {
  policy_id: string;
  version: number;
  content: string;
  status: string;
  enabled: number;
  action: string;
  actor: string;
  at: number;
}

interface PolicyItemTable extends Omit<VersionedTable, "id"> {
  kind: "binding" | "setting";
  policy_id: string;
  application_id: string;
  params: string;
  mode: string | null;
  deleted_at: number | null;
  actor: string;
}

interface InterventionTable {
  id: string;
  kind: "break_glass" | "maintenance";
  policy_id: string;
  rule: string;
  scope: string;
  action: string;
  message: string;
  retry_after_seconds: number | null;
  reason: string;
  actor: string;
  created_at: number;
  expires_at: number;
  ended_at: number | null;
  ended_by: string;
}

interface AuditTable {
  seq: number;
  at: number;
  organisation: string | null;
  actor: string;
  action: string;
  subject: string;
  detail: string;
  prev: string;
  hash: string;
}

interface ChangeTable {
  seq: number;
  topic: string;
  subject: string;
  origin: string;
  at: number;
}

interface ModelStateTable extends VersionedTable {
  enabled: number;
  reason: string;
  actor: string;
}

interface ModelTable extends VersionedTable {
  targets: string;
  price: string | null;
  price_waived: number;
  actor: string;
}

interface PinnedRevisionTable {
  name: string;
  revision: string;
  actor: string;
  reason: string;
  pinned_at: number;
  files: string;
}

/** Every table, by name: what Kysely checks queries against. */
export interface Tables {
  organisations: OrganisationTable;
  teams: TeamTable;
  applications: ApplicationTable;
  gateway_keys: GatewayKeyTable;
  application_configs: ApplicationConfigTable;
  idempotency_keys: IdempotencyKeyTable;
  admin_keys: AdminKeyTable;
  settings: { name: string; value: string };
  db_policies: DatabasePolicyTable;
  policy_versions: PolicyVersionTable;
  policy_items: PolicyItemTable;
  interventions: InterventionTable;
  audit: AuditTable;
  audit_head: { name: string; last_seq: number; last_hash: string };
  change_count: { name: string; last_seq: number };
  changes: ChangeTable;
  model_states: ModelStateTable;
  pinned_revision: PinnedRevisionTable;
  models: ModelTable;
  usage: UsageTable;
  usage_rollups: UsageRollupTable;
  decisions: DecisionTable;
  /** A view: the decisions and those that stand in the ledger. */
  decision_log: DecisionTable;
}

/** A row of a table as it is read. */
export type Row<T extends keyof Tables> = Selectable<Tables[T]>;
