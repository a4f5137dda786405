/**
 * An IP address as eight numbers of 16 bits. IPv4 addresses are those of IPv6 that stand for them (`::ffff:10.0.0.1`), so
 * that it does not matter in which way one is written.
 */
type Address = readonly number[];

/** The addresses that begin with the first so many bits of this one. */
interface Network {
  readonly address: Address;
  readonly bits: number;
}

const octets = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const group = /^[0-9A-Fa-f]{1,4}$/;
const groups = 8;
/** Bits of an IPv6 address that say that it stands for one of IPv4. */
const mappedBits = 96;
const allOfIPv4: Network = { address: [0, 0, 0, 0, 0, 0xffff, 0, 0], bits: mappedBits };

/**
 * A test whether an address lies in one of the networks; what is no address lies in none.
 *
 * @param networks have passed {@link networkProblem}
 */
export function compileNetworks(networks: readonly string[]): (address: string) => boolean {
  const all = networks.map((text) => parseNetwork(text)!);
  return (text) => {
    const address = readAddress(text);
    return address !== null && all.some((network) => holds(network, address));
  };
}

/**
 * Who has an address, as far as that can be told: an IPv4 address in its usual form, or the network of 64 bits that
 * whoever has one IPv6 address has all of. What is no address stands for itself.
 */
export function holderOf(text: string): string {
  const address = readAddress(text);
  if (address === null) return text;
  if (holds(allOfIPv4, address))
    return address
      .slice(6)
      .flatMap((pair) => [pair >> 8, pair & 0xff])
      .join(".");
  const network = address.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(":")}::/64`;
}

function readAddress(text: string): Address | null {
  // The interface of a link-local address is not a part of it.
  const zone = text.indexOf("%");
  return parseAddress(zone < 0 ? text : text.slice(0, zone));
}

/** What is wrong with a network; `undefined` for one in order. */
export function networkProblem(text: string): string | undefined {
  if (parseNetwork(text) !== null) return undefined;
  return `got '${text}', want an address such as 192.0.2.7 or a network such as 10.0.0.0/8 or 2001:db8::/32`;
}

function holds({ address, bits }: Network, asked: Address): boolean {
  for (let i = 0, left = bits; left > 0; i += 1, left -= 16) {
    const unused = Math.max(0, 16 - left);
    if (address[i]! >> unused !== asked[i]! >> unused) return false;
  }
  return true;
}

function parseNetwork(text: string): Network | null {
  const [, written = "", prefix] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseAddress(written);
  if (address === null) return null;
  const before = written.includes(":") ? 0 : mappedBits;
  const bits = before + Number(prefix ?? 128 - before);
  return bits > 128 ? null : { address, bits };
}

function parseAddress(text: string): Address | null {
  const tail = parseOctets(text);
  if (tail !== null) return [0, 0, 0, 0, 0, 0xffff, ...tail];
  const [head = "", rest, ...more] = text.split("::");
  if (more.length > 0 || text.length > 45) return null;
  const left = parseGroups(head);
  const right = rest === undefined ? [] : parseGroups(rest);
  if (left === null || right === null) return null;
  const missing = groups - left.length - right.length;
  // An IPv4 address stands at the end only, and `::` for one group at least.
  if (rest === undefined ? missing !== 0 : missing < 1 || head.includes(".")) return null;
  return [...left, ...new Array<number>(missing).fill(0), ...right];
}

function parseGroups(text: string): number[] | null {
  if (text === "") return [];
  const parts = text.split(":");
  const last = parseOctets(parts.at(-1)!);
  if (last !== null) parts.pop();
  if (!parts.every((part) => group.test(part))) return null;
  return [...parts.map((part) => Number.parseInt(part, 16)), ...(last ?? [])];
}

/** The two groups that an IPv4 address makes. */
function parseOctets(text: string): readonly [number, number] | null {
  const [, ...parts] = octets.exec(text) ?? [];
  const [a, b, c, d] = parts.map(Number);
  if (a === undefined || !parts.every((part) => Number(part) <= 255)) return null;
  return [a * 256 + b!, c! * 256 + d!];
}
