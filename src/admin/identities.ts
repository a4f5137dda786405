import type { Identity } from "../core/identity.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { resolveReached } from "./reach.ts";
import { found } from "./schemas.ts";

/**
 * The identity that a key of this application has in an environment, if the operator may know of it.
 *
 * @param app its id or name
 * @throws SluiceError `not_found`
 */
export async function identityOf(
  deps: Pick<AdminDeps, "applications" | "environments" | "organisations">,
  request: Request,
  app: string,
  { env = "", key = "" }: { readonly env?: string | undefined; readonly key?: string | undefined },
): Promise<Identity> {
  const application = found(await resolveReached(deps, request, app), "application", app);
  const organisation = await deps.organisations.find(application.organisation);
  if (organisation === null) throw new SluiceError("internal", { id: application.id });
  const config = env === "" ? null : await deps.environments.find(application.id, env);
  return {
    org: { id: organisation.id, labels: organisation.labels, timeZone: organisation.timeZone },
    team: { id: application.team },
    app: { id: application.id, name: application.name, labels: { ...application.labels, ...config?.labels } },
    env,
    key: { id: key },
  };
}
