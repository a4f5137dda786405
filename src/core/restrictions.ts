import { compileGlobs } from "./glob.ts";
import { compileNetworks } from "./networks.ts";
import type { Surface } from "./phases.ts";

/** What something may be used for; each `null` for anything. An empty list is never kept. */
export interface Restriction {
  readonly surfaces: readonly Surface[] | null;
  /** Globs over the names that clients use, as those of a policy's scope. */
  readonly models: readonly string[] | null;
  /** Networks in CIDR notation, or single addresses, that requests may come from. */
  readonly networks: readonly string[] | null;
}

/** A {@link Restriction} and whose it is, as the messages of refusals name it. */
export interface HeldTo extends Restriction {
  readonly of: "gateway key" | "environment";
}

/** No restriction at all. */
export const unrestricted: Restriction = Object.freeze({ surfaces: null, models: null, networks: null });

/** Whether it holds to nothing. */
export function isUnrestricted({ surfaces, models, networks }: Restriction): boolean {
  return surfaces === null && models === null && networks === null;
}

/** A {@link Restriction} that is ready to be asked. */
export interface CompiledRestriction {
  surface(surface: Surface): boolean;
  model(name: string): boolean;
  /** `false` for what is no address: who cannot say where it comes from is not let in. */
  address(address: string): boolean;
}

/** Makes a restriction ready. Its networks have passed `networkProblem`. */
export function compileRestriction({ surfaces, models, networks }: Restriction): CompiledRestriction {
  const allowed = surfaces === null ? null : new Set<string>(surfaces);
  return {
    surface: allowed === null ? anything : (surface) => allowed.has(surface),
    model: models === null ? anything : compileGlobs(models),
    address: networks === null ? anything : compileNetworks(networks),
  };
}

function anything(): boolean {
  return true;
}
