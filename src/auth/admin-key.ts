import { randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, link, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { adminScopes } from "../core/operators.ts";
import { hashSecret } from "./key-format.ts";
import type { ConfiguredKey } from "./operators.ts";

const keyPattern = /^sla_[A-Za-z0-9_-]{43}$/;
const leastLength = 16;

/** An admin key that cannot be used, with what to do about it. */
export class AdminKeyError extends Error {
  override readonly name = "AdminKeyError";
}

/**
 * The key of the admin surface: the configured one, else the one kept in `admin-key` in the data directory (mode
 * 0600), which is made when it is not there.
 *
 * @returns `created` when the key was made now, which is the time to show it
 * @throws AdminKeyError when the configured key is too short, or a gateway key, or the file does not hold a key
 */
export async function ensureAdminKey(
  dataDir: string,
  configured?: string,
): Promise<{ readonly key: string; readonly created: boolean }> {
  if (configured !== undefined && configured !== "") {
    if (configured.length < leastLength) {
      throw new AdminKeyError(
        `SLUICE_ADMIN_KEY has ${configured.length} characters; at least ${leastLength} are needed.`,
      );
    }
    if (/\s/.test(configured)) {
      throw new AdminKeyError("SLUICE_ADMIN_KEY has blanks, which a credential in a header cannot have.");
    }
    if (configured.startsWith("slc_")) {
      throw new AdminKeyError("SLUICE_ADMIN_KEY is a gateway key (slc_…); an admin key must be another secret.");
    }
    return { key: configured, created: false };
  }
  const file = join(dataDir, "admin-key");
  const key = `sla_${randomBytes(32).toString("base64url")}`;
  // Whole before it has its name, which is given only where none is: of two processes that start at once one makes the
  // key, and the other one reads it.
  const draft = `${file}.${randomBytes(8).toString("hex")}`;
  try {
    await writeFile(draft, `${key}\n`, { flag: "wx", mode: 0o600 });
    await link(draft, file);
    return { key, created: true };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const kept = (await readFile(file, "utf8")).trim();
  if (!keyPattern.test(kept)) {
    throw new AdminKeyError(
      `The file 'admin-key' in the data directory does not hold an admin key (sla_…). Remove it to have a new one made.`,
    );
  }
  await chmod(file, 0o600);
  return { key: kept, created: false };
}

/**
 * A shorter one may be a word that people think of. Nobody finds a longer one by asking over the network, one address at
 * a time or many.
 */
const guessableLength = 24;

/** Knows the one operator who holds the configured admin key: every scope, all organisations. */
export function createConfiguredKey(adminKey: string): ConfiguredKey {
  const expected = hashSecret(adminKey);
  const holder = { id: "admin-key", scopes: new Set(adminScopes), organisation: null };
  return {
    guessable: adminKey.length < guessableLength,
    identify: (presented) => (timingSafeEqual(hashSecret(presented), expected) ? holder : null),
  };
}
