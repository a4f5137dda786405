import { BlockList, isIP } from "node:net";
import { compileGlobs } from "./glob.ts";
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

/** Makes a restriction ready. Its networks have passed {@link networkProblem}. */
export function compileRestriction({ surfaces, models, networks }: Restriction): CompiledRestriction {
  const allowed = surfaces === null ? null : new Set<string>(surfaces);
  return {
    surface: allowed === null ? anything : (surface) => allowed.has(surface),
    model: models === null ? anything : compileGlobs(models),
    address: networks === null ? anything : compileNetworks(networks),
  };
}

/**
 * A test whether an address lies in one of the networks. IPv4 addresses that are written as IPv6 (`::ffff:10.0.0.1`) are
 * those IPv4 addresses.
 */
export function compileNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const { address, prefix, family } = parseNetwork(network)!;
    list.addSubnet(address, prefix, family);
  }
  return (text) => {
    // The interface of a link-local address is not a part of it.
    const zone = text.indexOf("%");
    const address = zone < 0 ? text : text.slice(0, zone);
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
  };
}

/** What is wrong with a network; `undefined` for one in order. */
export function networkProblem(text: string): string | undefined {
  if (parseNetwork(text) !== null) return undefined;
  return `got '${text}', want an address such as 192.0.2.7 or a network such as 10.0.0.0/8 or 2001:db8::/32`;
}

interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

function parseNetwork(text: string): Network | null {
  const [, address = "", bits] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return null;
  const most = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? most : Number(bits);
  return prefix > most ? null : { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

function anything(): boolean {
  return true;
}
