import { createHmac, randomBytes, randomInt, timingSafeEqual } from "node:crypto";

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
const randomLength = 10;
const checkLength = 6;
const idLength = randomLength + checkLength;
/** Both kinds of keys begin with as many characters. */
const prefixLength = 4;
const secretStart = prefixLength + idLength + 1;

/** The parts of a key as presented. */
export interface PresentedKey {
  readonly id: string;
  readonly secret: string;
}

const gatewayPattern = /^slc_[a-z0-9]{16}_[A-Za-z0-9_-]{43}$/;
const adminPattern = /^sla_[a-z0-9]{16}_[A-Za-z0-9_-]{43}$/;

/** Splits `slc_<id>_<secret>`; `null` when the text does not have that form. */
export function parseKey(presented: string): PresentedKey | null {
  return gatewayPattern.test(presented) ? split(presented) : null;
}

/** Splits `sla_<id>_<secret>`; `null` when the text does not have that form. */
export function parseAdminKey(presented: string): PresentedKey | null {
  return adminPattern.test(presented) ? split(presented) : null;
}

function split(presented: string): PresentedKey {
  return { id: presented.slice(prefixLength, secretStart - 1), secret: presented.slice(secretStart) };
}

/** Puts a gateway key together. */
export function formatKey({ id, secret }: PresentedKey): string {
  return `slc_${id}_${secret}`;
}

/** Puts an admin key of the database together. */
export function formatAdminKey({ id, secret }: PresentedKey): string {
  return `sla_${id}_${secret}`;
}

/** A new random secret: 32 bytes as 43 base64url characters. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/**
 * A new key id: ten random characters and six that only holders of `checkSecret` can make.
 *
 * The check tells invented ids from real ones without asking the database, so a flood of them costs no queries. It
 * guards nothing else: what authenticates is the key's own secret.
 */
export function newKeyId(checkSecret: string): string {
  const random = Array.from({ length: randomLength }, () => alphabet[randomInt(alphabet.length)]).join("");
  return random + checkOf(random, checkSecret);
}

/** Whether an id was made by {@link newKeyId} with this secret. */
export function isKeyId(id: string, checkSecret: string): boolean {
  if (id.length !== idLength) return false;
  const check = checkOf(id.slice(0, randomLength), checkSecret);
  return timingSafeEqual(Buffer.from(check), Buffer.from(id.slice(randomLength)));
}

/** SHA-256 of a secret. */
export function hashSecret(secret: string): Buffer {
  const digest = Buffer.alloc(32);
  Bun.SHA256.hash(secret, digest);
  return digest;
}

function checkOf(random: string, checkSecret: string): string {
  const digest = createHmac("sha256", checkSecret).update(random).digest();
  let check = "";
  for (let i = 0; i < checkLength; i += 1) check += alphabet[digest[i]! % alphabet.length];
  return check;
}
