import type { SeesFile } from "../core/policy-directory.ts";
import { type Confinement, createConfinement, type Owners } from "./confined.ts";
import type { AdminDeps } from "./deps.ts";
import { listPolicies, type policySchema } from "./policy-view.ts";
import type { Shown } from "./schemas.ts";

type View = Shown<typeof policySchema>;
type Deps = Owners & Pick<AdminDeps, "policyControl">;

/**
 * The policies that the operator may know of: those that can apply to his organisation, without what they say of others.
 * Those of the database that are not live are for operators of all organisations alone.
 */
export async function confinePolicies<V extends View>(
  deps: Deps,
  request: Request,
  policies: readonly V[],
): Promise<readonly V[]> {
  const confinement = createConfinement(deps, request);
  if (confinement.own === null) return policies;
  const shown = await Promise.all(policies.map((policy) => confinePolicy(deps, confinement, policy)));
  return shown.flatMap((policy) => policy ?? []);
}

/**
 * The files of the policies folder that the operator may know of: those of policies that he may know of, and lists and
 * tables that all share or that stand with what he asks about. `undefined` for all.
 *
 * @param path of what he asks about
 */
export async function seenFiles(deps: AdminDeps, request: Request, path: string): Promise<SeesFile | undefined> {
  const { own, confine } = createConfinement(deps, request);
  if (own === null) return undefined;
  const policies = await confinePolicies(deps, request, listPolicies(deps));
  const paths = new Set(policies.map(({ source }) => source));
  const [folder, layer, owner = ""] = /(?<=^|\/)(teams|apps)\/([^/]+)\//.exec(path) ?? [];
  const isOwn =
    folder !== undefined && (await confine(layer === "teams" ? { teams: [owner] } : { apps: [owner] })) !== null;
  return (file) =>
    paths.has(file) || (/\.data\.\w+$/.test(file) && (file.startsWith("org/") || (isOwn && file.startsWith(folder))));
}

async function confinePolicy<V extends View>(
  { policyControl }: Deps,
  { confine, knows }: Confinement,
  policy: V,
): Promise<V | null> {
  if (!policy.live) return null;
  const attached = await filter(policy.attached_to, knows);
  const confined = await confine(policy.scope);
  if (confined === null && attached.length === 0) return null;
  const { exceptions, overlay } = { exceptions: policyControl.exceptions(), overlay: policyControl.overlay() };
  const concerns = async (entries: readonly { readonly id: string; readonly scope: View["scope"] }[], id: string) => {
    const entry = entries.find((one) => one.id === id);
    return entry !== undefined && (await confine(entry.scope)) !== null;
  };
  const whole = confined?.whole === true && attached.length === policy.attached_to.length;
  return {
    ...policy,
    scope: { ...(confined?.scope ?? { apps: attached }) },
    attached_to: attached,
    exceptions: await filter(policy.exceptions, (id) => concerns(exceptions, id)),
    break_glass: await filter(policy.break_glass, ({ id }) => concerns(overlay.breakGlass, id)),
    // The text says what was left out of the rest.
    ...(!whole && "text" in policy && { text: "" }),
  };
}

async function filter<T>(values: readonly T[], wanted: (value: T) => Promise<boolean>): Promise<T[]> {
  const found = await Promise.all(values.map(async (value) => ((await wanted(value)) ? [value] : [])));
  return found.flat();
}
