import type { Scope } from "../core/policy.ts";
import type { PolicyDocument } from "./document.ts";
import type { PolicyFileContent } from "./schema.ts";

const folderKeys = { teams: "teams", apps: "apps" } as const;

/**
 * The scope of a policy: what its file says, inside what its folder allows. A file in `teams/<team>/` applies to that
 * team and one in `apps/<app>/` to that application, whether it says so or not.
 */
export function compileScopeOf(
  content: { readonly scope?: PolicyFileContent["scope"] | Scope | undefined },
  path: string,
  document: Pick<PolicyDocument, "report">,
): Scope {
  const [layer = "", owner = ""] = path.split("/");
  const given = (content.scope ?? {}) as Scope;
  const key = folderKeys[layer as keyof typeof folderKeys];
  if (key === undefined) return given;
  const listed = given[key] ?? [];
  for (const [i, name] of listed.entries()) {
    if (name === owner) continue;
    const message = `a file in ${layer}/${owner}/ applies only to ${owner}, not to '${name}'; move it to ${layer}/${name}/ or org/`;
    document.report("C024", ["scope", key, i], message);
  }
  return { ...given, [key]: [owner] };
}

/** Whether a request may be in both scopes. Says yes when in doubt. */
export function overlap(a: Scope, b: Scope): boolean {
  for (const key of ["orgs", "teams", "apps", "env", "keys", "surfaces"] as const) {
    const [left, right] = [a[key] as readonly string[] | undefined, b[key] as readonly string[] | undefined];
    if (left !== undefined && right !== undefined && !left.some((item) => right.includes(item))) return false;
  }
  if (
    a.models !== undefined &&
    b.models !== undefined &&
    [...a.models, ...b.models].every((name) => !/[*?]/.test(name))
  ) {
    const names = b.models.map((name) => name.toLowerCase());
    return a.models.some((name) => names.includes(name.toLowerCase()));
  }
  return true;
}
