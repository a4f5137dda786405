import type { Mode } from "./decision.ts";
import type { Scope } from "./policy.ts";
import type { Versioned } from "./resources.ts";

/** A value that a param can have. */
export type ParamValue = string | number | boolean | readonly string[];

/** Values of params by name. */
export type ParamValues = Readonly<Record<string, ParamValue>>;

/** Where a database policy stands: a draft is checked and never asked, a deprecated one is asked and not to be attached to more applications. */
export const policyStatuses = ["draft", "active", "deprecated"] as const;
/** One of the {@link policyStatuses}. */
export type PolicyStatus = (typeof policyStatuses)[number];

/** A policy that the admin API made: the content of a `*.policy.yaml` that stands in the database. */
export interface DatabasePolicy extends Versioned {
  /** `db/<name>`. */
  readonly id: string;
  /** YAML, as a file would hold it. */
  readonly content: string;
  readonly status: PolicyStatus;
  readonly enabled: boolean;
  /** Who changed it last. */
  readonly actor: string;
}

/** A policy attached to an application: it applies to it beside its own scope. */
export interface PolicyBinding extends Versioned {
  readonly policy: string;
  /** Id of the application. */
  readonly application: string;
  /** Values for this application, within the bounds that the policy declares; those that it leaves out are not changed. */
  readonly params: ParamValues;
  readonly actor: string;
}

/** What was tuned in a policy of git, or of the database. */
export interface PolicySetting extends Versioned {
  readonly policy: string;
  /** Id of the application it is for; empty for all. */
  readonly application: string;
  /** Values within the bounds that the policy declares; those that it leaves out are not changed. */
  readonly params: ParamValues;
  /** Never looser than the file says; `null` for what the file says. */
  readonly mode: Mode | null;
  readonly actor: string;
}

/**
 * What a break-glass does: `allow` lets what fires have no effect; `skip` also takes nothing from the policy's limits.
 * Either way all that fires is recorded, with the break-glass that kept it from its effect.
 */
export const breakGlassActions = ["allow", "skip"] as const;
/** One of the {@link breakGlassActions}. */
export type BreakGlassAction = (typeof breakGlassActions)[number];

/** Longest time that a break-glass may last, in milliseconds. */
export const maxBreakGlassMs = 24 * 60 * 60 * 1000;

/** Something temporary, with who began it and who ended it. Times are milliseconds since the epoch. */
export interface Temporary {
  readonly id: string;
  readonly reason: string;
  readonly actor: string;
  readonly createdAt: number;
  /** It has no effect from here on, whether or not anything was loaded again. */
  readonly expiresAt: number;
  /** When it was ended, or had expired; `null` while it is open. */
  readonly endedAt: number | null;
  /** Who ended it before its time; empty when it expired. */
  readonly endedBy: string;
}

/** A temporary, recorded override of one policy, or of one of its rules. */
export interface BreakGlass extends Temporary {
  readonly policy: string;
  /** Empty for all rules of the policy. */
  readonly rule: string;
  /** The requests it is for; an empty scope for all of them. */
  readonly scope: Scope;
  readonly action: BreakGlassAction;
}

/** A time in which requests are refused with 503 and told when to come back. */
export interface Maintenance extends Temporary {
  /** The requests it is for; an empty scope for all of them. */
  readonly scope: Scope;
  /** Said to clients. */
  readonly message: string;
  /** What `retry-after` says, in seconds; `null` for the time that is left. */
  readonly retryAfterSeconds: number | null;
}

/**
 * What the control plane lays over the policies of git: it adds, attaches, tunes within declared bounds and tightens.
 * Only a break-glass loosens, for a time. Immutable: a change makes another one.
 */
export interface PolicyOverlay {
  readonly policies: readonly DatabasePolicy[];
  readonly bindings: readonly PolicyBinding[];
  readonly settings: readonly PolicySetting[];
  /** Those that were neither ended nor expired when this was read. */
  readonly breakGlass: readonly BreakGlass[];
  /** As for break-glass; `null` when there is none. */
  readonly maintenance: Maintenance | null;
}

/** An overlay that changes nothing. */
export const emptyOverlay: PolicyOverlay = Object.freeze({
  policies: [],
  bindings: [],
  settings: [],
  breakGlass: [],
  maintenance: null,
});

/** A part of an overlay that does not fit the policies it is laid over, and what became of it. */
export interface OverlayProblem {
  /** A numbered check, C060 and on; of a database policy that does not compile, the check that it fails. */
  readonly code: string;
  /** The part, such as `policy db/cap` or `binding org/cap on chat`. */
  readonly item: string;
  readonly message: string;
  /** Where it is in the content of a database policy; from 1. Absent for other parts. */
  readonly at?: { readonly file: string; readonly line: number; readonly column: number };
}

/** Where a param's value comes from. */
export type ParamOrigin = "default" | "tuned" | "tuned for the application" | "binding";

/** Where a policy, its params and its mode come from. */
export interface PolicyProvenance {
  readonly origin: "git" | "database" | "maintenance";
  /** Ids of the applications it was attached to, of those that this copy of it is for. */
  readonly attachedTo: readonly string[];
  readonly params: Readonly<Record<string, { readonly value: ParamValue; readonly from: ParamOrigin }>>;
  readonly modeFrom: "file" | "tuned" | "tuned for the application";
  /** The break-glass entries that may keep its hits from their effect. */
  readonly breakGlass: readonly BreakGlass[];
}
