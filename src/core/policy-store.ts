import type { Mode } from "./decision.ts";
import type {
  BreakGlass,
  DatabasePolicy,
  Maintenance,
  ParamValues,
  PolicyBinding,
  PolicyOverlay,
  PolicySetting,
  PolicyStatus,
} from "./overlay.ts";
import type { Changed, Page, PageRequest } from "./resources.ts";

/** What can be changed in a database policy. Absent means unchanged. */
export interface PolicyEdit {
  readonly content?: string;
  readonly status?: PolicyStatus;
  readonly enabled?: boolean;
}

/** How a database policy stood after one change. */
export interface PolicyVersion {
  readonly policy: string;
  readonly version: number;
  readonly content: string;
  readonly status: PolicyStatus;
  readonly enabled: boolean;
  /** What was done, such as `update` or `rollback`. */
  readonly action: string;
  readonly actor: string;
  readonly at: number;
}

/** What a break-glass is made of. */
export type NewBreakGlass = Pick<BreakGlass, "policy" | "rule" | "scope" | "action" | "reason" | "expiresAt">;

/** What a maintenance is made of. */
export type NewMaintenance = Pick<Maintenance, "scope" | "message" | "retryAfterSeconds" | "reason" | "expiresAt">;

/** Which break-glass entries are wanted. `open`: neither ended nor expired. */
export interface BreakGlassFilter {
  readonly policy?: string;
  readonly state?: "open" | "closed";
}

/**
 * Keeps what the control plane lays over the policies of git. Each change and the note of who made it are stored
 * together or not at all.
 *
 * A `version` is the one that a change was made for; `null` for whatever stands.
 */
export interface PolicyStore {
  /** All that is to be laid over git at this moment. */
  overlay(now: number): Promise<PolicyOverlay>;

  /** @throws SluiceError `conflict` when there is one of that id */
  createPolicy(
    input: Pick<DatabasePolicy, "id" | "content" | "status" | "enabled">,
    actor: string,
  ): Promise<DatabasePolicy>;
  findPolicy(id: string): Promise<DatabasePolicy | null>;
  /** @param action what the change is called in the policy's versions */
  changePolicy(
    id: string,
    edit: PolicyEdit,
    version: number | null,
    by: { readonly actor: string; readonly action: string },
  ): Promise<Changed<DatabasePolicy>>;
  /** Deletes a policy with its bindings and settings. Its versions stay. */
  removePolicy(id: string, version: number | null, actor: string): Promise<Changed<DatabasePolicy>>;
  /** Newest first. */
  versions(id: string, page: PageRequest): Promise<Page<PolicyVersion>>;
  findVersion(id: string, version: number): Promise<PolicyVersion | null>;

  /** Attaches a policy to an application, or changes the params of what is attached. */
  attach(
    policy: string,
    application: string,
    params: ParamValues,
    version: number | null,
    actor: string,
  ): Promise<Changed<PolicyBinding>>;
  detach(policy: string, application: string, version: number | null, actor: string): Promise<Changed<PolicyBinding>>;

  findSetting(policy: string, application: string): Promise<PolicySetting | null>;
  /** @param application empty for all */
  tune(
    policy: string,
    application: string,
    change: { readonly params?: ParamValues; readonly mode?: Mode | null },
    version: number | null,
    actor: string,
  ): Promise<Changed<PolicySetting>>;

  /** Newest first. */
  listBreakGlass(page: PageRequest, filter: BreakGlassFilter): Promise<Page<BreakGlass>>;
  findBreakGlass(id: string): Promise<BreakGlass | null>;
  beginBreakGlass(input: NewBreakGlass, actor: string): Promise<BreakGlass>;
  /** Ends one before its time; `null` when there is none that is open. */
  endBreakGlass(id: string, actor: string): Promise<BreakGlass | null>;

  /** Begins a maintenance and ends the one before it. */
  beginMaintenance(input: NewMaintenance, actor: string): Promise<Maintenance>;
  /** Ends the maintenance; `null` when there is none. */
  endMaintenance(actor: string): Promise<Maintenance | null>;

  /** Notes the end of those whose time has come. Each is answered once, whoever asks. */
  expire(now: number): Promise<readonly (BreakGlass | Maintenance)[]>;
}
