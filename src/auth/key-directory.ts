import { timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Identity } from "../core/identity.ts";
import { toIdentity } from "../core/key-identity.ts";
import type { KeyCache, KeyHolder, Keys } from "../core/keys.ts";
import type { Clock, KeyDirectory, Logger } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import { hashSecret, isKeyId, parseKey } from "./key-format.ts";

/** How a key directory works. */
export interface KeyDirectoryOptions {
  readonly keys: Keys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The one the keys were minted with. */
  readonly checkSecret: string;
  /** Most keys remembered. */
  readonly cacheSize?: number;
  /** How long a key is remembered before it is read again, for changes that nobody told of. */
  readonly ttlMs?: number;
  /** How exact the last-used time is, and how often it is stored. */
  readonly touchMs?: number;
}

/** Identifies callers; lives from start to {@link close}. */
export interface CachedKeyDirectory extends KeyDirectory, KeyCache {
  /** Keys that were remembered, and keys that had to be read. */
  readonly lookups: { readonly hits: number; readonly misses: number };
  /** Stores what is left and stops. */
  close(): Promise<void>;
}

/** A key that is there, ready to be compared and answered. */
interface KnownKey {
  readonly id: string;
  readonly secretHash: Buffer;
  readonly expiresAt: number;
  readonly refusal: "invalid_key" | "application_paused" | "environment_paused" | null;
  readonly identity: Identity;
  /** When use was last noted; the one field that changes. */
  notedAt: number;
}

/** Remembered for an id that no key has. */
const unknownKey = Symbol("unknown key");

/** What an unknown id costs to remember is nothing, but its key may be minted by another process any moment. */
const unknownTtlMs = 2000;

/** A key that could not be read again is remembered so much longer before that is tried once more. */
const awayTtlMs = 1000;

/** Longest wait for a key that is known already to be read again. */
const patienceMs = 250;

/**
 * Finds who a gateway key belongs to, in memory when it was seen lately.
 *
 * An invented key never reaches the database: its id's check characters are wrong. A key that changed gets a new
 * identity object; one that was read again unchanged keeps the one it had.
 */
export function createKeyDirectory({
  keys,
  clock,
  logger,
  checkSecret,
  cacheSize = 10_000,
  ttlMs = 30_000,
  touchMs = 60_000,
}: KeyDirectoryOptions): CachedKeyDirectory {
  const cache = new LRUCache<string, KnownKey | typeof unknownKey>({
    max: cacheSize,
    ttl: ttlMs,
    ttlResolution: 0,
    perf: clock,
  });
  /**
   * What the cache held before it was too old: to keep the identity object of a key that did not change, and to go on
   * while the database is away. What somebody said has changed is not in here.
   */
  const previous = new LRUCache<string, KnownKey>({ max: cacheSize });
  const loading = new Map<string, Promise<KnownKey | typeof unknownKey>>();
  const lookups = { hits: 0, misses: 0 };
  let away = false;
  let used = new Map<string, number>();

  const load = async (id: string): Promise<KnownKey | typeof unknownKey> => {
    const holder = await keys.holder(id);
    if (holder === null) return unknownKey;
    const known = toKnownKey(holder);
    const before = previous.get(id);
    return before !== undefined && Bun.deepEquals(before.identity, known.identity)
      ? { ...known, identity: before.identity, notedAt: before.notedAt }
      : known;
  };

  /** Reads a key once, however many requests ask for it at the same time. */
  const loadOnce = (id: string) => {
    const running = loading.get(id);
    if (running !== undefined) return running;
    const started = load(id)
      .then(
        (found) => {
          away = false;
          // Invalidated meanwhile: what was read may be from before the change, so it answers but is not remembered.
          if (loading.get(id) !== started) return found;
          cache.set(id, found, found === unknownKey ? { ttl: unknownTtlMs } : {});
          // What is known to be gone must not come back while the database is away.
          if (found === unknownKey) previous.delete(id);
          else previous.set(id, found);
          return found;
        },
        (error: unknown) => {
          const known = previous.get(id);
          if (known === undefined) throw error;
          if (!away) logger.warn({ err: error }, "keys cannot be read: those that are known go on as they were");
          away = true;
          cache.set(id, known, { ttl: awayTtlMs });
          return known;
        },
      )
      .finally(() => {
        if (loading.get(id) === started) loading.delete(id);
      });
    loading.set(id, started);
    return started;
  };

  /** Waits for a key to be read, but not for long where one can go on with what it was a moment ago. */
  const patiently = (id: string, reading: ReturnType<typeof loadOnce>): ReturnType<typeof loadOnce> => {
    const known = previous.get(id);
    if (known === undefined) return reading;
    const { promise, resolve, reject } = Promise.withResolvers<KnownKey | typeof unknownKey>();
    const timer = setTimeout(() => {
      // Somebody said meanwhile that it has changed: then it must be read.
      if (previous.get(id) !== known) return;
      if (!away) logger.warn({}, "keys are not read in time: those that are known go on as they were");
      away = true;
      cache.set(id, known, { ttl: awayTtlMs });
      resolve(known);
    }, patienceMs);
    reading.then(resolve, reject).finally(() => clearTimeout(timer));
    return promise;
  };

  const admit = (known: KnownKey | typeof unknownKey, secret: string): Identity => {
    // The secret is compared first: only who has it learns what became of the key.
    if (known === unknownKey || !timingSafeEqual(hashSecret(secret), known.secretHash)) {
      throw new SluiceError("invalid_key");
    }
    if (known.refusal === "invalid_key") throw new SluiceError("invalid_key");
    const now = clock.now();
    if (now >= known.expiresAt) {
      throw new SluiceError("expired_key", { expired: new Date(known.expiresAt).toISOString() });
    }
    if (known.refusal !== null) {
      throw new SluiceError(known.refusal, { application: known.identity.app.name, env: known.identity.env });
    }
    if (now - known.notedAt >= touchMs) {
      known.notedAt = now;
      used.set(known.id, now);
    }
    return known.identity;
  };

  const flush = async () => {
    if (used.size === 0) return;
    const noted = used;
    used = new Map();
    try {
      await keys.touch(noted);
    } catch (error) {
      // A last-used time is not worth more than a line in the log; the next use notes it again.
      logger.warn({ err: error, keys: noted.size }, "the last-used times of keys could not be stored");
    }
  };

  const forget = (id: string) => {
    cache.delete(id);
    previous.delete(id);
  };

  const forgetAll = (concerns: (known: KnownKey) => boolean) => {
    for (const known of [...cache.values(), ...previous.values()]) {
      if (known !== unknownKey && concerns(known)) forget(known.id);
    }
    // Whose the keys being read are is not known yet.
    loading.clear();
  };

  const timer = setInterval(() => void flush(), touchMs);
  timer.unref();

  return {
    lookups,
    identify(presented) {
      const key = parseKey(presented);
      if (key === null) throw new SluiceError("invalid_key");
      const known = cache.get(key.id);
      if (known !== undefined) {
        lookups.hits += 1;
        return admit(known, key.secret);
      }
      if (!isKeyId(key.id, checkSecret)) throw new SluiceError("invalid_key");
      lookups.misses += 1;
      return patiently(key.id, loadOnce(key.id)).then((loaded) => admit(loaded, key.secret));
    },
    invalidate(keyId) {
      if (keyId === undefined) {
        cache.clear();
        previous.clear();
        loading.clear();
      } else {
        forget(keyId);
        loading.delete(keyId);
      }
    },
    invalidateApplication: (applicationId) => forgetAll(({ identity }) => identity.app.id === applicationId),
    invalidateOrganisation: (organisationId) => forgetAll(({ identity }) => identity.org.id === organisationId),
    flush,
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

function toKnownKey(holder: KeyHolder): KnownKey {
  const { key } = holder;
  return {
    id: key.id,
    secretHash: Buffer.from(key.secretHash, "hex"),
    expiresAt: key.expiresAt ?? Number.POSITIVE_INFINITY,
    refusal: refusalOf(holder),
    identity: deepFreeze(toIdentity(holder)),
    notedAt: key.lastUsedAt ?? 0,
  };
}

function refusalOf({ key, application, config }: Omit<KeyHolder, "organisation">): KnownKey["refusal"] {
  if (key.revokedAt !== null) return "invalid_key";
  if (application.disabled) return "application_paused";
  return config?.disabled ? "environment_paused" : null;
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
