import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { compileNetworks, compileRestriction, networkProblem, unrestricted } from "./restrictions.ts";

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

  test("of IPv4 hold exactly the addresses that begin with their bits", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const address = fc.tuple(octet, octet, octet, octet);
    const toNumber = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0);
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 32 }), (network, asked, prefix) => {
        const size = 2 ** (32 - prefix);
        const inside = Math.floor(toNumber(network) / size) === Math.floor(toNumber(asked) / size);
        expect(compileNetworks([`${network.join(".")}/${prefix}`])(asked.join("."))).toBe(inside);
      }),
    );
  });
});

describe("a restriction", () => {
  test("that says nothing allows everything, also what says nothing of where it comes from", () => {
    const may = compileRestriction(unrestricted);
    expect([may.surface("chat"), may.model("gpt-4o"), may.address("")]).toEqual([true, true, true]);
  });

  test("allows what it lists", () => {
    const may = compileRestriction({ surfaces: ["chat"], models: ["gpt-4o*", "echo"], networks: ["10.0.0.0/8"] });
    expect([may.surface("chat"), may.surface("messages")]).toEqual([true, false]);
    expect(["gpt-4o", "GPT-4o-mini", "echo", "echo-2", "claude", ""].map(may.model)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([may.address("10.1.1.1"), may.address("127.0.0.1")]).toEqual([true, false]);
  });
});
