import type { Role } from "./operators.ts";
import type { Page, PageRequest } from "./resources.ts";

/** A key of the admin surface as it is kept: never the secret, only its digest. Times are milliseconds. */
export interface AdminKey {
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly role: Role;
  /** The one organisation that it is for; `null` for all. */
  readonly organisation: string | null;
  /** SHA-256 of the secret, lower-case hex. */
  readonly secretHash: string;
  readonly lastFour: string;
  /** The operator who made it. */
  readonly createdBy: string;
  /** The key that it took the place of; `null` when it is nobody's successor. */
  readonly rotatedFrom: string | null;
  /** The key that took its place; `null` while none did. */
  readonly replacedBy: string | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** Coarse, to about a minute. */
  readonly lastUsedAt: number | null;
}

/** Keeps admin keys. They are read anew for each request, so that every replica obeys a change at once. */
export interface AdminKeys {
  /** @param filter `organisation` selects the keys of that one alone */
  list(page: PageRequest, filter?: { readonly organisation?: string }): Promise<Page<AdminKey>>;
  find(id: string): Promise<AdminKey | null>;
  insert(key: AdminKey, actor: string): Promise<void>;
  /**
   * Adds the successor of a key and lets the key itself expire, at `until` at the latest: both or neither. Of several at
   * once one does.
   *
   * @returns `false`, and nothing is changed, when there is no such key, or it is revoked or has a successor
   */
  rotate(id: string, successor: AdminKey, until: number, actor: string): Promise<boolean>;
  /** Revokes for ever. A second call keeps the first time. `null` when there is no such key. */
  revoke(id: string, at: number, actor: string): Promise<AdminKey | null>;
  /** Notes when keys were last used. */
  touch(used: ReadonlyMap<string, number>): Promise<void>;
}

/** What a new admin key is for. */
export interface AdminKeyRequest extends Pick<AdminKey, "name" | "role" | "organisation" | "expiresAt"> {
  /** Who makes it. */
  readonly actor: string;
}

/** A new key. `secret` is the whole key as it is presented, and is not to be had again. */
export interface MintedAdminKey {
  readonly key: AdminKey;
  readonly secret: string;
}

/** Makes admin keys. */
export interface AdminKeyMint {
  mint(request: AdminKeyRequest): Promise<MintedAdminKey>;
  /**
   * Makes a successor with the same name, role and organisation. The key itself is good until `until`, unless it expires
   * before.
   *
   * @returns `null` when there is no such key, or it is revoked or has a successor
   */
  rotate(
    id: string,
    request: { readonly until: number; readonly expiresAt: number | null; readonly actor: string },
  ): Promise<MintedAdminKey | null>;
}
