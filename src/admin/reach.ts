import type { GatewayKey } from "../core/keys.ts";
import type { Application } from "../core/tenants.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { operatorOf, reaches } from "./operator.ts";
import { found } from "./schemas.ts";

/**
 * The organisation that a list is confined to: the wanted one, else the operator's own; `undefined` for all.
 *
 * @returns `null` when the operator may know of nothing in the wanted one, so that the list is empty
 */
export function confine(request: Request, wanted: string | undefined): string | undefined | null {
  const organisation = wanted ?? operatorOf(request).organisation ?? undefined;
  return organisation === undefined || reaches(request, organisation) ? organisation : null;
}

/** What a list answers that there is nothing in. */
export const emptyPage = { data: [], next: null };

/**
 * The organisation that something new is for: the named one, else the operator's own, else the default one.
 *
 * @throws SluiceError `invalid_input` when there is none, as far as the operator may know
 */
export async function organisationFor(
  deps: Pick<AdminDeps, "organisations">,
  request: Request,
  named: string | undefined,
): Promise<string> {
  const organisation = named ?? operatorOf(request).organisation ?? "default";
  if (reaches(request, organisation) && (await deps.organisations.find(organisation)) !== null) return organisation;
  throw new SluiceError("invalid_input", { problem: `There is no organisation '${organisation}'.` });
}

/**
 * An application by its id, that the operator may know of.
 *
 * @throws SluiceError `not_found`
 */
export async function reachedApplication(
  deps: Pick<AdminDeps, "applications">,
  request: Request,
  id: string,
): Promise<Application> {
  const application = await deps.applications.find(id);
  const known = application !== null && reaches(request, application.organisation) ? application : null;
  return found(known, "application", id);
}

/**
 * A gateway key by its id, whose application the operator may know of; those of a deleted one stay readable.
 *
 * @throws SluiceError `not_found`
 */
export async function reachedKey(
  deps: Pick<AdminDeps, "applications" | "keys">,
  request: Request,
  id: string,
): Promise<GatewayKey> {
  const key = await deps.keys.find(id);
  const organisation = key === null ? null : await deps.applications.organisationOf(key.application);
  return found(organisation !== null && reaches(request, organisation) ? key : null, "key", id);
}

/** An application by its id or name, of those that the operator may know of; `null` when there is none. */
export async function resolveReached(
  deps: Pick<AdminDeps, "applications">,
  request: Request,
  idOrName: string,
): Promise<Application | null> {
  const application = await deps.applications.resolve(idOrName, operatorOf(request).organisation ?? undefined);
  return application !== null && reaches(request, application.organisation) ? application : null;
}
