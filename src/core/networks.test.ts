import { describe, expect, test } from "bun:test";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { compileNetworks, holderOf, networkProblem } from "./networks.ts";

describe("networks", () => {
  test.each([
    ["10.0.0.0/8", "10.255.1.2", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.7/8", "10.1.1.1", true],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.8", false],
    ["192.0.2.0/31", "192.0.2.1", true],
    ["192.0.2.0/31", "192.0.2.2", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["10.0.0.0/8", "::ffff:10.1.2.3", true],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["fe80::/10", "fe80::1%eth0", true],
    ["::1", "::1", true],
    ["10.0.0.0/8", "", false],
    ["0.0.0.0/0", "not an address", false],
    ["0.0.0.0/0", "unknown", false],
  ])("%s and %s: %p", (network, address, inside) => {
    expect(networkProblem(network)).toBeUndefined();
    expect(compileNetworks([network])(address)).toBe(inside);
  });

  test.each([
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "localhost",
    "10.0.0.0/8 ",
    "fe80::1%eth0",
  ])("that are none are told: %p", (text) => {
    expect(networkProblem(text)).toContain("want an address such as");
  });

  const octet = fc.integer({ min: 0, max: 255 });
  const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
  const text = fc.oneof(
    ipv4,
    fc.ipV6(),
    ipv4.map((address) => `::ffff:${address}`),
  );
  /** Addresses that begin as another one does are rare among random ones. */
  const near = fc.tuple(text, text, fc.nat(40)).map(([a, b, from]) => a.slice(0, from) + b.slice(from));

  test("hold what Node's own list of networks holds", () => {
    fc.assert(
      fc.property(text, fc.oneof(text, near), fc.integer({ min: 0, max: 128 }), (network, asked, wanted) => {
        const v4 = !network.includes(":");
        const prefix = v4 ? wanted % 33 : wanted;
        const list = new BlockList();
        list.addSubnet(network, prefix, v4 ? "ipv4" : "ipv6");
        const version = isIP(asked);
        const inside = version !== 0 && list.check(asked, version === 4 ? "ipv4" : "ipv6");
        expect([network, prefix, asked, compileNetworks([`${network}/${prefix}`])(asked)]).toEqual([
          network,
          prefix,
          asked,
          inside,
        ]);
      }),
      { numRuns: 5_000 },
    );
  });

  test("take for an address what Node takes for one", () => {
    const piece = fc.constantFrom("::", ":", ".", "0", "1", "255", "256", "01", "ffff", "fffff", "1.2.3.4", "g", "");
    const odd = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(fc.oneof(odd, text), (written) => {
        expect([written, networkProblem(written) === undefined]).toEqual([written, isIP(written) !== 0]);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("who has an address", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:c000:0201", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::1", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b:1:2:3:4:192.0.2.1", "64:ff9b:1:2::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["", ""],
    ["nonsense", "nonsense"],
  ])("%s is %s", (address, network) => {
    expect(holderOf(address)).toBe(network);
  });

  test("has all of its network of 64 bits", () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), (one, other) => {
        const [network] = holderOf(one).split("::/");
        if (network === undefined || network.includes(".")) return;
        const tail = other.includes(".") || other.includes("::") ? "1:2:3:4" : other.split(":").slice(4).join(":");
        expect(holderOf(`${network}:${tail}`)).toBe(holderOf(one));
      }),
    );
  });
});
