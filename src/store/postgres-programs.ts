import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Where Debian keeps what each version of PostgreSQL has of its own. */
const debianFolder = "/usr/lib/postgresql";

/**
 * Finds one of PostgreSQL's own programs, such as `pg_dump` or `initdb`: of the newest version of Debian's that is
 * installed, or else on the path.
 */
export function findPostgresProgram(name: string): string | null {
  let versions: readonly string[] = [];
  try {
    versions = readdirSync(debianFolder).sort((a, b) => Number(b) - Number(a));
  } catch {
    // Not Debian.
  }
  for (const version of versions) {
    const found = Bun.which(name, { PATH: join(debianFolder, version, "bin") });
    if (found !== null) return found;
  }
  return Bun.which(name);
}
