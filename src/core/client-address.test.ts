import { describe, expect, test } from "bun:test";
import { createClientAddress } from "./client-address.ts";

const from = (forwarded?: string) =>
  new Request("http://localhost/", forwarded === undefined ? {} : { headers: { "x-forwarded-for": forwarded } });

describe("where a request comes from", () => {
  test("is the other end of the connection, whatever it claims, where no proxy is trusted", () => {
    expect(createClientAddress([])(from("192.0.2.7"), "10.0.0.1")).toBe("10.0.0.1");
  });

  test.each([
    ["the client that a trusted proxy names", "10.0.0.1", "192.0.2.7", "192.0.2.7"],
    ["the client behind several trusted proxies", "10.0.0.1", "192.0.2.7, 10.0.0.9", "192.0.2.7"],
    ["not what the client itself wrote before it", "10.0.0.1", "127.0.0.1, 192.0.2.7", "192.0.2.7"],
    ["the connection, when it is no trusted proxy", "203.0.113.5", "192.0.2.7", "203.0.113.5"],
    ["the proxy itself, when it names nobody", "10.0.0.1", undefined, "10.0.0.1"],
    ["the last of those named, when all are trusted", "10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"],
    ["an address without its port", "10.0.0.1", "192.0.2.7:4711", "192.0.2.7"],
    ["an IPv6 address without its port and brackets", "10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"],
    ["what is no address, as it stands: nobody is let in by it", "10.0.0.1", "unknown", "unknown"],
    ["the client of a proxy that is seen as IPv6", "::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"],
  ])("is %s", (_, connection, forwarded, expected) => {
    expect(createClientAddress(["10.0.0.0/8"])(from(forwarded), connection)).toBe(expected);
  });
});
