/** What an operator may do in the control plane. Every route needs one of these. */
export const adminScopes = [
  "policy:read",
  "policy:write",
  "policy:activate",
  "policy:simulate",
  "app:write",
  "key:write",
  "model:write",
  "usage:read",
  "audit:read",
  "system:write",
] as const;

/** One of the {@link adminScopes}. */
export type AdminScope = (typeof adminScopes)[number];

/** The roles, each with what it may do. `policy:read` covers all that is not a record: who and what there is. */
export const roleScopes = {
  viewer: ["policy:read", "usage:read"],
  auditor: ["policy:read", "usage:read", "audit:read", "policy:simulate"],
  author: ["policy:read", "usage:read", "policy:simulate", "policy:write"],
  operator: [
    "policy:read",
    "usage:read",
    "policy:simulate",
    "policy:write",
    "policy:activate",
    "app:write",
    "key:write",
    "model:write",
  ],
  owner: adminScopes,
} as const satisfies Record<string, readonly AdminScope[]>;

/** A name for a set of scopes. */
export type Role = keyof typeof roleScopes;

/** The roles, least first. */
export const roles = ["viewer", "auditor", "author", "operator", "owner"] as const satisfies readonly Role[];

/** Who is at the admin surface. */
export interface Operator {
  /** Names the credential, never shows it. */
  readonly id: string;
  readonly scopes: ReadonlySet<AdminScope>;
  /** The one organisation whose things it sees and changes; `null` for all, and for what belongs to none. */
  readonly organisation: string | null;
}

/** Knows the credentials of the admin surface. */
export interface OperatorDirectory {
  /**
   * @param authorization the header as sent; `null` when there is none
   * @param address where it came from, by which failed attempts are counted; empty when that is not known
   * @returns `null` when the credential is missing or not valid
   * @throws SluiceError `too_many_failures` instead, when too many credentials from that address were not valid;
   *   `authority_unavailable` when it is a token whose keys cannot be had now
   */
  identify(authorization: string | null, address: string): Operator | null | Promise<Operator | null>;
}
