import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseRedisUrl, shownAddress } from "./url.ts";

const plain = {
  kind: "single",
  tls: false,
  caFile: undefined,
  username: undefined,
  password: undefined,
  database: 0,
  group: "",
};

describe("addresses of Redis", () => {
  test.each([
    ["redis://localhost", { ...plain, hosts: [{ host: "localhost", port: 6379 }] }],
    ["redis://10.0.0.1:7000/2", { ...plain, hosts: [{ host: "10.0.0.1", port: 7000 }], database: 2 }],
    ["redis://h/", { ...plain, hosts: [{ host: "h", port: 6379 }] }],
    ["redis://[::1]:7000", { ...plain, hosts: [{ host: "::1", port: 7000 }] }],
    ["rediss://:p%40ss@h", { ...plain, tls: true, password: "p@ss", hosts: [{ host: "h", port: 6379 }] }],
    [
      "rediss://h?ca=%2Fetc%2Fca.pem",
      { ...plain, tls: true, caFile: "/etc/ca.pem", hosts: [{ host: "h", port: 6379 }] },
    ],
    ["redis://u:p@h", { ...plain, username: "u", password: "p", hosts: [{ host: "h", port: 6379 }] }],
    [
      "redis+sentinel://u:p@a,b:7000/main/1",
      {
        ...{ ...plain, kind: "sentinel", username: "u", password: "p", group: "main", database: 1 },
        hosts: [
          { host: "a", port: 26379 },
          { host: "b", port: 7000 },
        ],
      },
    ],
    [
      "rediss+cluster://a:1,b",
      {
        ...{ ...plain, kind: "cluster", tls: true },
        hosts: [
          { host: "a", port: 1 },
          { host: "b", port: 6379 },
        ],
      },
    ],
  ])("%s", (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address as ReturnType<typeof parseRedisUrl>);
  });

  test.each([
    "",
    "localhost",
    "http://h",
    "redis://",
    "redis://h:0",
    "redis://h:70000",
    "redis://a,b",
    "redis://h/x",
    "redis://h/1/2",
    "redis://h?db=1",
    "redis://h?ca=/etc/ca.pem",
    "rediss://h?ca=",
    "rediss://h?ca=a&db=1",
    "redis://:%zz@h",
    "redis+sentinel://a,b",
    "redis+cluster://a,b/1",
    "redis+other://a",
  ])("'%s' is none", (url) => {
    expect(parseRedisUrl(url)).toBeUndefined();
  });

  test("credentials are read as they were written, whatever they are, and are not shown", () => {
    const text = fc.string({ minLength: 1, unit: "grapheme" });
    fc.assert(
      fc.property(text, text, (username, password) => {
        const url = `redis://${encodeURIComponent(username)}:${encodeURIComponent(password)}@h:1/3`;
        const address = parseRedisUrl(url)!;
        expect(address).toMatchObject({ username, password, database: 3 });
        expect(shownAddress(address)).toBe("h:1");
      }),
    );
  });

  test("no text makes anything but an address or nothing", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseRedisUrl(`redis://${text}`)));
  });
});
