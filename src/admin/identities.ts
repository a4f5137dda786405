import type { Identity } from "../core/identity.ts";
import { toIdentity } from "../core/key-identity.ts";
import { unrestricted } from "../core/restrictions.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { resolveReached } from "./reach.ts";
import { found } from "./schemas.ts";

/**
 * The identity that a key of this application has in an environment, if the operator may know of it.
 *
 * @param app its id or name
 * @param key the id of a key; one that is not the application's stands for a key that is held to nothing
 * @throws SluiceError `not_found`
 */
export async function identityOf(
  deps: Pick<AdminDeps, "applications" | "environments" | "keys" | "organisations">,
  request: Request,
  app: string,
  { env = "", key = "" }: { readonly env?: string | undefined; readonly key?: string | undefined },
): Promise<Identity> {
  const application = found(await resolveReached(deps, request, app), "application", app);
  const organisation = await deps.organisations.find(application.organisation);
  if (organisation === null) throw new SluiceError("internal", { id: application.id });
  const config = env === "" ? null : await deps.environments.find(application.id, env);
  const known = key === "" ? null : await deps.keys.find(key);
  const restriction = known?.application === application.id ? known.restriction : unrestricted;
  return toIdentity({ key: { id: key, env, restriction }, application, organisation, config });
}
