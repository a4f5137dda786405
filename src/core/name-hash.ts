/** What stands for an end user's name in records, the same wherever it stands: SHA-256, hex, first 32 characters; empty for no name. */
export function hashName(name: string): string {
  return name === "" ? "" : Bun.SHA256.hash(name, "hex").slice(0, 32);
}
