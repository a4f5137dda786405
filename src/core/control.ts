import type { AuditNote } from "./audit.ts";
import type { CelQuestion, CelReport } from "./cel-check.ts";
import type { Mode, OnError } from "./decision.ts";
import type { DecisionGroup, DecisionTotals } from "./decision-stats.ts";
import type { EnvironmentConfig } from "./environments.ts";
import type { Phase } from "./phases.ts";
import type { DecisionRow, UsageRow } from "./ports.ts";
import type { RecordedFacts } from "./recorded-facts.ts";
import type { Restriction } from "./restrictions.ts";
import type { Pin } from "./revisions.ts";
import type { Snapshot } from "./snapshot.ts";

/** Text labels, as policies select by them. */
export type Labels = Readonly<Record<string, string>>;

/** What every stored resource has. `version` grows by one with each change and is what an ETag shows. */
export interface Versioned {
  readonly id: string;
  readonly version: number;
  /** Milliseconds since the epoch, like every time here. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A tenant. The organisation `default` is always there. */
export interface Organisation extends Versioned {
  readonly name: string;
  /** IANA name of the zone in which its days and months begin. */
  readonly timeZone: string;
  readonly labels: Labels;
}

/** A group of applications inside an organisation. */
export interface Team extends Versioned {
  readonly organisation: string;
  readonly name: string;
  readonly labels: Labels;
}

/** A program that calls the gateway. */
export interface Application extends Versioned {
  readonly organisation: string;
  /** Empty when it belongs to no team. */
  readonly team: string;
  readonly name: string;
  readonly labels: Labels;
  /** A disabled application's keys are refused. */
  readonly disabled: boolean;
}

/** A gateway key as it is kept: never the secret, only its digest. */
export interface GatewayKey {
  readonly id: string;
  readonly application: string;
  readonly env: string;
  readonly name: string;
  /** SHA-256 of the secret, lower-case hex. */
  readonly secretHash: string;
  readonly lastFour: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** Coarse, to about a minute. */
  readonly lastUsedAt: number | null;
  /** Grows by one with each change; being used is none. */
  readonly version: number;
  readonly restriction: Restriction;
  /** The key that was minted in its place when it was rotated; empty while there is none. */
  readonly replacedBy: string;
}

/** A key with all that its identity is made of. */
export interface KeyHolder {
  readonly key: GatewayKey;
  readonly application: Application;
  readonly organisation: Organisation;
  /** Of the key's environment; `null` when it has none of its own. */
  readonly config: EnvironmentConfig | null;
}

/** Which part of a list is asked for. */
export interface PageRequest {
  /** 1 to 200. */
  readonly limit: number;
  /** Where the page before ended, as its `next` said; `null` for the first page. */
  readonly after: string | null;
}

/** One page of a list and where the next one begins; `null` when there is none. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly next: string | null;
}

/** What the lists of resources can be sorted by; the other way round with a `-` before it. */
export const resourceOrders = [
  "id",
  "-id",
  "name",
  "-name",
  "created_at",
  "-created_at",
  "updated_at",
  "-updated_at",
] as const;

/** One of the {@link resourceOrders}. */
export type ResourceOrder = (typeof resourceOrders)[number];

/** What can be changed in an organisation. Absent means unchanged. */
export interface OrganisationChange {
  readonly name?: string;
  readonly timeZone?: string;
  readonly labels?: Labels;
}

/** Keeps organisations. A deleted one is gone from here, while its id stays taken and its records stay readable. */
export interface Organisations {
  list(
    page: PageRequest,
    filter?: { readonly id?: string; readonly name?: string; readonly order?: ResourceOrder },
  ): Promise<Page<Organisation>>;
  find(id: string): Promise<Organisation | null>;
  /** @throws SluiceError `conflict` when there is one of that name */
  create(input: { name: string; timeZone: string; labels: Labels }, actor: string): Promise<Organisation>;
  /**
   * @param version the version the change was made for; `null` for whatever stands
   * @throws SluiceError `conflict` when another one has the new name
   */
  update(id: string, change: OrganisationChange, version: number | null, actor: string): Promise<Changed<Organisation>>;
  /** @throws SluiceError `conflict` while something is in it, and for the default one */
  remove(id: string, version: number | null, actor: string): Promise<Changed<Organisation>>;
}

/** What can be changed in a team. Absent means unchanged. */
export interface TeamChange {
  readonly name?: string;
  readonly labels?: Labels;
}

/** Keeps teams. A deleted one is gone from here, while its id stays taken and its records stay readable. */
export interface Teams {
  list(
    page: PageRequest,
    filter?: { readonly organisation?: string; readonly name?: string; readonly order?: ResourceOrder },
  ): Promise<Page<Team>>;
  find(id: string): Promise<Team | null>;
  /** The organisation's team with this id or name; it is made when there is none. */
  ensure(organisation: string, idOrName: string, actor: string): Promise<Team>;
  /** @throws SluiceError `conflict` when the organisation has one of that name, `invalid_input` without the organisation */
  create(input: { organisation: string; name: string; labels: Labels }, actor: string): Promise<Team>;
  /**
   * @param version the version the change was made for; `null` for whatever stands
   * @throws SluiceError `conflict` when another team of the organisation has the new name
   */
  update(id: string, change: TeamChange, version: number | null, actor: string): Promise<Changed<Team>>;
  /** @throws SluiceError `conflict` while it has applications */
  remove(id: string, version: number | null, actor: string): Promise<Changed<Team>>;
}

/** What can be changed in an application. Absent means unchanged; an empty `team` takes it out of its team. */
export interface ApplicationChange {
  readonly name?: string;
  readonly team?: string;
  readonly labels?: Labels;
  readonly disabled?: boolean;
}

/** The outcome of a change that names the version it was made for. */
export type Changed<T> =
  | { readonly outcome: "changed"; readonly value: T }
  | { readonly outcome: "missing" }
  | { readonly outcome: "stale"; readonly version: number };

/** Selects applications. */
export interface ApplicationFilter {
  readonly organisation?: string;
  readonly team?: string;
  readonly name?: string;
  readonly disabled?: boolean;
  readonly order?: ResourceOrder;
}

/** Keeps applications. `actor` is who the audit log names for a change. A deleted one is gone from here, while its id stays taken and its records stay readable. */
export interface Applications {
  list(page: PageRequest, filter?: ApplicationFilter): Promise<Page<Application>>;
  find(id: string): Promise<Application | null>;
  /**
   * By id, else by a name that only one application has.
   *
   * @param organisation where it is looked for; everywhere when absent
   */
  resolve(idOrName: string, organisation?: string): Promise<Application | null>;
  /** The organisation of an application, deleted ones included; `null` when there never was one. */
  organisationOf(id: string): Promise<string | null>;
  /** @throws SluiceError `conflict` when the organisation has an application of that name */
  create(
    input: { organisation: string; team: string; name: string; labels: Labels },
    actor: string,
  ): Promise<Application>;
  /**
   * @param version the version the change was made for; `null` for whatever stands
   * @throws SluiceError `conflict` when another application has the new name
   */
  update(id: string, change: ApplicationChange, version: number | null, actor: string): Promise<Changed<Application>>;
  /** Deletes the application and revokes its keys. */
  remove(id: string, version: number | null, actor: string): Promise<Changed<Application>>;
  /** Whether there ever was one, deleted ones included. */
  any(): Promise<boolean>;
}

/** What the list of keys can be sorted by; the other way round with a `-` before it. */
export const keyOrders = ["id", "-id", "name", "-name", "created_at", "-created_at"] as const;

/** What a key can be: usable, or why it is not. */
export const keyStatuses = ["active", "expired", "revoked"] as const;

/** One of the {@link keyStatuses}. */
export type KeyStatus = (typeof keyStatuses)[number];

/** Selects gateway keys. */
export interface KeyFilter {
  readonly organisation?: string;
  readonly application?: string;
  readonly env?: string;
  readonly status?: KeyStatus;
  readonly order?: (typeof keyOrders)[number];
}

/** What can be changed in a key. Absent means unchanged. */
export interface KeyChange {
  readonly name?: string;
  readonly expiresAt?: number | null;
  readonly restriction?: Partial<Restriction>;
}

/** How a key is rotated. Times are milliseconds since the epoch. */
export interface KeyRotation {
  /** When the old key ends, unless it does so earlier. */
  readonly until: number;
  /** When the new one ends; `null` for never. */
  readonly expiresAt: number | null;
  /** The version of the old key that it was asked for; `null` for whatever stands. */
  readonly version: number | null;
  readonly actor: string;
}

/** Keeps gateway keys. What changes in one is announced to all replicas. */
export interface Keys {
  list(page: PageRequest, filter?: KeyFilter): Promise<Page<GatewayKey>>;
  find(id: string): Promise<GatewayKey | null>;
  /** A key with its application and organisation; `null` when there is none or its application was deleted. */
  holder(id: string): Promise<KeyHolder | null>;
  insert(key: GatewayKey, actor: string): Promise<void>;
  /** @throws SluiceError `conflict` when it was revoked, which is for ever */
  update(id: string, change: KeyChange, version: number | null, actor: string): Promise<Changed<GatewayKey>>;
  /**
   * Puts a new key in the place of an old one, which ends with the rotation's overlap.
   *
   * @returns the old one as it is then
   * @throws SluiceError `conflict` when the old one is revoked, has expired or was replaced before
   */
  rotate(id: string, successor: GatewayKey, rotation: KeyRotation): Promise<Changed<GatewayKey>>;
  /** Revokes for ever. A second call keeps the first time. `null` when there is no such key. */
  revoke(id: string, at: number, actor: string): Promise<GatewayKey | null>;
  /** Notes when keys were last used. */
  touch(used: ReadonlyMap<string, number>): Promise<void>;
}

/** What a new key is for. */
export interface KeyRequest {
  readonly application: string;
  readonly env: string;
  readonly name: string;
  readonly expiresAt: number | null;
  /** Who wants it, for the audit log. */
  readonly actor: string;
  /** Absent for anything. */
  readonly restriction?: Restriction;
}

/** A key that was just made. `secret` is the whole key as the client presents it, and is not to be had again. */
export interface MintedKey {
  readonly key: GatewayKey;
  readonly secret: string;
}

/** Makes gateway keys. */
export interface KeyMint {
  /** Stores a new key. */
  mint(request: KeyRequest): Promise<MintedKey>;
  /** Stores a new key in the place of `old`, for the same and held to the same. Throws as {@link Keys.rotate}. */
  rotate(
    old: GatewayKey,
    rotation: KeyRotation,
  ): Promise<Changed<{ readonly old: GatewayKey; readonly minted: MintedKey }>>;
}

/** What the control plane tells the key directory. */
export interface KeyCache {
  /** Forgets one key, or all, so that the next request reads it anew. */
  invalidate(keyId?: string): void;
  /** Forgets every key of an application. */
  invalidateApplication(applicationId: string): void;
  /** Forgets every key of an organisation. */
  invalidateOrganisation(organisationId: string): void;
  /** Stores the last-used times noted so far. */
  flush(): Promise<void>;
}

/**
 * Stores batches of records: all of a batch or nothing. Storing a row a second time changes nothing.
 *
 * Rows are encoded one by one as they are taken, so that until they are stored each is a piece of text, not objects.
 */
export interface RecordSink {
  encodeUsage(row: UsageRow): string;
  encodeDecision(row: DecisionRow): string;
  append(batch: RecordBatch): Promise<void>;
}

/** Records on their way to the store: the texts that the sink made of its rows, joined by commas. */
export interface RecordBatch {
  readonly usage: string;
  readonly decisions: string;
}

/** Selects ledger rows. Times are milliseconds; `from` is included, `to` is not. */
export interface UsageFilter {
  readonly requestId?: string;
  readonly org?: string;
  readonly team?: string;
  readonly app?: string;
  readonly env?: string;
  readonly key?: string;
  /** As {@link UsageRow.userHash}. */
  readonly userHash?: string;
  readonly model?: string;
  readonly provider?: string;
  readonly decision?: UsageRow["decision"];
  readonly from?: number;
  readonly to?: number;
}

/** What usage can be summed by. Users are their hashes; `day` and `hour` are UTC. */
export const usageGroups = [
  "org",
  "team",
  "app",
  "env",
  "key",
  "user",
  "model",
  "provider",
  "surface",
  "day",
  "hour",
] as const;

/** One of the {@link usageGroups}. */
export type UsageGroup = (typeof usageGroups)[number];

/** Sums over ledger rows. */
export interface UsageTotals {
  readonly requests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  readonly reasoningTokens: number;
  readonly totalTokens: number;
  /** Of the requests that have a price. */
  readonly costNanoUsd: number;
  /** Requests whose cost is unknown because their model has no price. */
  readonly unpricedRequests: number;
}

/** The sums of one group: the values it stands for, and its totals. `day` and `hour` are ISO 8601. */
export interface UsageGroupTotals extends UsageTotals {
  readonly group: Readonly<Partial<Record<UsageGroup, string>>>;
}

/** The sums of one hour or day, and how its requests went. */
export interface UsageMetrics extends UsageTotals {
  /** Its beginning, and its end, which it does not include. */
  readonly from: number;
  readonly to: number;
  readonly deniedRequests: number;
  /** Those that were answered with a status of 500 or more. */
  readonly failedRequests: number;
  readonly meanLatencyMs: number;
  /** Until the first byte of the answer. */
  readonly meanTtftMs: number;
}

/** Reads the usage ledger. */
export interface UsageLedger {
  /** Newest first. */
  list(page: PageRequest, filter: UsageFilter): Promise<Page<UsageRow>>;
  totals(filter: UsageFilter): Promise<UsageTotals>;
  /** At most `limit` groups, those with the most requests first. */
  grouped(filter: UsageFilter, by: readonly UsageGroup[], limit: number): Promise<readonly UsageGroupTotals[]>;
  /** The hours or days (UTC) in which there were requests, oldest first. */
  metrics(filter: UsageFilter, interval: "hour" | "day"): Promise<readonly UsageMetrics[]>;
}

/** Selects decision records. Times are milliseconds; `from` is included, `to` is not. */
export interface DecisionFilter {
  readonly decisionId?: string;
  readonly requestId?: string;
  readonly org?: string;
  readonly app?: string;
  readonly env?: string;
  readonly key?: string;
  readonly surface?: DecisionRow["surface"];
  readonly model?: string;
  readonly revision?: string;
  readonly phase?: Phase;
  readonly decision?: DecisionRow["decision"]["effect"];
  readonly outcome?: DecisionRow["decision"]["outcome"];
  /** Of the reason that explains the decision. */
  readonly code?: string;
  /** A policy that one of the reasons is of. */
  readonly policy?: string;
  readonly from?: number;
  readonly to?: number;
}

/** One reason of a decision as it is kept. */
export interface DecisionReason {
  readonly policy: string;
  readonly rule: string;
  readonly kind: "hit" | "error";
  readonly mode: Mode;
  readonly effect: UsageRow["decision"];
  readonly would: UsageRow["decision"];
  readonly code: string;
  readonly message: string;
  /** What kept it from its effect; absent when nothing did. */
  readonly override?: string;
}

/** A decision record as it is read back. */
export interface StoredDecision extends Omit<DecisionRow, "decision" | "facts"> {
  readonly effect: DecisionRow["decision"]["effect"];
  readonly outcome: DecisionRow["decision"]["outcome"];
  /** Code of the reason that explains the effect; empty without one. */
  readonly code: string;
  readonly tally: DecisionRow["decision"]["tally"];
  readonly reasons: readonly DecisionReason[];
  /** What was changed in the request, without values that can be parts of a prompt. */
  readonly modifications: readonly { readonly op: string; readonly path: string; readonly value?: unknown }[];
  /** What the rules read; `null` when it was not kept. */
  readonly facts: RecordedFacts | null;
}

/** Reads the decision log. */
export interface DecisionLog {
  /** Newest first, and of one request the last phase first. */
  list(page: PageRequest, filter: DecisionFilter): Promise<Page<StoredDecision>>;
  /** At most `limit` groups, those with the most decisions first; without groups one total of all. */
  stats(filter: DecisionFilter, by: readonly DecisionGroup[], limit: number): Promise<readonly DecisionTotals[]>;
}

/** A problem found in a policy file. Lines and columns count from 1. */
export interface PolicyProblem {
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** Of what is probably not meant and keeps nothing from being live; absent of everything else. */
  readonly severity?: "warning";
}

/** Where a policy came from. */
export interface PolicySource {
  /** Relative to the policies folder. */
  readonly path: string;
  readonly text: string;
  /** Who answers for it; empty when the file does not say. */
  readonly owner: string;
}

/** Which policy set is live and how the last load went. */
export interface PolicyState {
  readonly revision: string;
  /** 0 while none was loaded yet. */
  readonly loadedAt: number;
  /** `degraded` while the files have problems and an earlier set stays live, `invalid` when there is none. */
  readonly state: "ready" | "degraded" | "invalid";
  readonly problems: readonly PolicyProblem[];
  /** What is probably not meant in the live set. */
  readonly warnings: readonly PolicyProblem[];
  /** Id of the retained revision whose files are live; `none` while none are. */
  readonly files: string;
  /** Whether those files were in the policies folder or were retained from an earlier time. */
  readonly origin: "folder" | "retained" | "none";
  /** What stays live whatever the folder holds; `null` when the folder decides. */
  readonly pin: Pin | null;
  /** Id of what the folder holds in good order and is not live because of the pin; `null` when nothing waits. */
  readonly waiting: string | null;
}

/** One policy type: a plugin as it describes itself. */
export interface PolicyType {
  readonly name: string;
  readonly summary: string;
  readonly phases: readonly Phase[];
  readonly onError: OnError;
  /** JSON Schema of `with`. */
  readonly config: object;
  readonly reads: readonly string[];
  /** The facts that it finds out for rules of other policies. */
  readonly provides: readonly string[];
  readonly reasons: Readonly<
    Record<string, { readonly code: string; readonly status: number; readonly message: string }>
  >;
  readonly examples: readonly unknown[];
  /** The same for people, in Markdown. */
  readonly docs: string;
}

/** The policies of the running gateway, as the control plane looks at them. */
export interface PolicyDirectory {
  /** The set that new requests are judged by. */
  snapshot(): Snapshot;
  /** Where a policy of that set came from; `null` when it has no file. */
  source(policyId: string): PolicySource | null;
  state(): PolicyState;
  types(): readonly PolicyType[];
  /**
   * Checks a policy file's text as if it stood at `path`, without touching what is live.
   *
   * @returns every problem found, warnings included; none that is more than a warning means it would load
   */
  validate(content: string, path: string): readonly PolicyProblem[] | Promise<readonly PolicyProblem[]>;
  /** Checks one CEL expression as a policy's would be, without touching what is live. */
  validateCel(question: CelQuestion): Promise<CelReport>;
}

/** One setting with where its value came from. */
export interface Setting {
  readonly name: string;
  /** `null` when it is not set; of a secret anything else says that it is. */
  readonly value: string | number | boolean | null;
  /** Where the value came from, such as `env SLUICE_PORT` or `default`. */
  readonly source: string;
  /** Its value is never shown, only whether it is set. */
  readonly secret: boolean;
  readonly description: string;
}

/** How the gateway is. */
export interface Status {
  readonly status: "ready" | "degraded" | "not_ready";
  readonly version: string;
  readonly startedAt: number;
  /** Live replicas that share the counters' store, this one included, as it was last known; `null` without one. */
  readonly replicas: number | null;
  readonly parts: readonly { readonly name: string; readonly state: string; readonly detail: string }[];
}

/** Notes who did what in the control plane, for what the repositories do not note by themselves. */
export interface Trail {
  note(change: Omit<AuditNote, "at">): Promise<void>;
}
