import type { EnvironmentConfig } from "./environments.ts";
import type { Identity } from "./identity.ts";
import type { KeyHolder } from "./keys.ts";
import { type HeldTo, isUnrestricted, type Restriction } from "./restrictions.ts";

/** What an identity is made of. */
export interface IdentifiedKey extends Pick<KeyHolder, "application" | "organisation" | "config"> {
  readonly key: { readonly id: string; readonly env: string; readonly restriction: Restriction };
}

/** Who calls with a gateway key. */
export function toIdentity({ key, application, organisation, config }: IdentifiedKey): Identity {
  const heldTo = [
    { of: "gateway key" as const, ...key.restriction },
    ...(config === null ? [] : [toHeld(config)]),
  ].filter((held) => !isUnrestricted(held));
  return {
    org: { id: organisation.id, labels: organisation.labels, timeZone: organisation.timeZone },
    team: { id: application.team },
    app: { id: application.id, name: application.name, labels: { ...application.labels, ...config?.labels } },
    env: key.env,
    key: { id: key.id },
    ...(heldTo.length > 0 && { heldTo }),
    ...(config?.strict && { strict: true }),
    ...(config?.keepsText && { keepsText: true }),
  };
}

function toHeld({ surfaces, models, networks }: EnvironmentConfig): HeldTo {
  return { of: "environment", surfaces, models, networks };
}
