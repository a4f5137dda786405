import { compileGlobs } from "../core/glob.ts";
import { surfaces } from "../core/phases.ts";
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

/** Whether every request in the inner scope is in the outer one. Says no when in doubt. */
export function contains(outer: Scope, inner: Scope): boolean {
  for (const key of ["orgs", "teams", "apps", "env", "keys", "surfaces"] as const) {
    const wide = outer[key] as readonly string[] | undefined;
    const narrow: readonly string[] | undefined = inner[key] ?? (key === "surfaces" ? surfaces : undefined);
    if (wide !== undefined && !(narrow?.every((item) => wide.includes(item)) ?? false)) return false;
  }
  if (outer.models !== undefined && !(inner.models !== undefined && covers(outer.models, inner.models))) return false;
  const labels = Object.entries(outer.labels ?? {});
  if (!labels.every(([name, value]) => inner.labels?.[name] === value)) return false;
  const { except } = outer;
  return except === undefined || isSame(except, inner.except) || !overlap(except, inner);
}

/** Whether every name that fits the narrow globs fits the wide ones: a glob's own text fits what is wider. */
function covers(wide: readonly string[], narrow: readonly string[]): boolean {
  const same = new Set(wide.map((glob) => glob.toLowerCase()));
  const fits = compileGlobs(wide.filter((glob) => !glob.includes("?")));
  return narrow.every((glob) => same.has(glob.toLowerCase()) || fits(glob));
}

function isSame(a: object, b: object | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
