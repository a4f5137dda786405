import { timingSafeEqual } from "node:crypto";
import type { AdminKeys } from "../core/admin-keys.ts";
import { type AdminScope, type Operator, type Role, roleScopes, roles } from "../core/operators.ts";
import type { Clock, Logger } from "../core/ports.ts";
import { hashSecret, isKeyId, parseAdminKey } from "./key-format.ts";

/** What a keyring needs. */
export interface AdminKeyringOptions {
  readonly keys: AdminKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The one the keys were minted with. */
  readonly checkSecret: string;
  /** How exact the last-used time is, and how often it is stored. */
  readonly touchMs?: number;
}

/** Knows the admin keys of the database. */
export interface AdminKeyring {
  /** @returns `null` for what is no such key, or one that is revoked or expired */
  identify(presented: string): Promise<Operator | null>;
  /** Stores the last-used times noted so far. */
  flush(): Promise<void>;
  /** Stores what is left and stops. */
  close(): Promise<void>;
}

const scopesOf = new Map<Role, ReadonlySet<AdminScope>>(roles.map((role) => [role, new Set(roleScopes[role])]));

/** Compared with where there is no key, so that this takes as long. */
const noHash = Buffer.alloc(32);

/**
 * Opens the keyring.
 *
 * Keys are read from the database for each request and remembered nowhere, so that one that is revoked on one replica is
 * dead on all of them from that moment on. An invented key is found out by its check characters, before that.
 */
export function createAdminKeyring({
  keys,
  clock,
  logger,
  checkSecret,
  touchMs = 60_000,
}: AdminKeyringOptions): AdminKeyring {
  let used = new Map<string, number>();

  const flush = async () => {
    if (used.size === 0) return;
    const noted = used;
    used = new Map();
    try {
      await keys.touch(noted);
    } catch (error) {
      logger.warn({ err: error, keys: noted.size }, "the last-used times of admin keys could not be stored");
    }
  };

  const timer = setInterval(() => void flush(), touchMs);
  timer.unref();

  return {
    async identify(presented) {
      const parts = parseAdminKey(presented);
      if (parts === null || !isKeyId(parts.id, checkSecret)) return null;
      const key = await keys.find(parts.id);
      const expected = key === null ? noHash : Buffer.from(key.secretHash, "hex");
      const same = timingSafeEqual(hashSecret(parts.secret), expected);
      if (key === null || !same || key.revokedAt !== null) return null;
      const now = clock.now();
      if (key.expiresAt !== null && now >= key.expiresAt) return null;
      const scopes = scopesOf.get(key.role);
      if (scopes === undefined) return null;
      if (now - (key.lastUsedAt ?? 0) >= touchMs) used.set(key.id, now);
      return { id: `admin-key:${key.id}`, scopes, organisation: key.organisation };
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}
