import type { EnvironmentConfig } from "./environments.ts";
import type { Changed, Page, PageRequest } from "./resources.ts";
import type { Restriction } from "./restrictions.ts";
import type { Application, Organisation } from "./tenants.ts";

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
