import { createHmac, randomBytes } from "node:crypto";

const ofThisProcess = randomBytes(32);

/**
 * Makes a short name for a text, the same for the same text. It is keyed: without the key nobody can try out texts to see
 * which one it stands for, and it is short, so that many texts share a name.
 *
 * @param key what keys it; without one it is this process's own, so that another process has other names
 */
export function pseudonym(text: string, key?: string): string {
  return createHmac("sha256", key ?? ofThisProcess)
    .update(text)
    .digest("hex")
    .slice(0, 8);
}
