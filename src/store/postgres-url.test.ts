import { expect, test } from "bun:test";
import fc from "fast-check";
import { parsePostgresUrl, shownPostgres } from "./postgres-url.ts";

const plain = {
  host: "db",
  port: 5432,
  user: "sluice",
  password: undefined,
  database: "gateway",
  tls: "verify-full",
  caFile: undefined,
} as const;

test.each([
  ["postgres://sluice@db/gateway", {}],
  ["postgresql://sluice@db/gateway", {}],
  ["postgres://sluice:p%40ss%2F@db:6432/gateway", { password: "p@ss/", port: 6432 }],
  ["postgres://sluice@[::1]:5433/gateway", { host: "::1", port: 5433 }],
  ["postgres://a%3Ab@db.internal/my%20db", { user: "a:b", host: "db.internal", database: "my db" }],
  ["postgres://sluice@db/gateway?sslmode=disable", { tls: "disable" }],
  ["postgres://sluice@db/gateway?sslmode=require", { tls: "require" }],
  [
    "postgres://sluice@db/gateway?sslmode=verify-ca&sslrootcert=/etc/ca.pem",
    { tls: "verify-ca", caFile: "/etc/ca.pem" },
  ],
  ["postgres://sluice@db/gateway?sslrootcert=ca.pem", { caFile: "ca.pem" }],
  ["postgres://sluice@/gateway?host=/var/run/postgresql", { host: "/var/run/postgresql", tls: "disable" }],
] as const)("%s is an address", (url, over) => {
  expect(parsePostgresUrl(url)).toEqual({ ...plain, ...over });
});

test.each([
  ["another scheme", "mysql://sluice@db/gateway"],
  ["no user", "postgres://db/gateway"],
  ["no database", "postgres://sluice@db"],
  ["no database after the slash", "postgres://sluice@db/"],
  ["no host", "postgres://sluice@/gateway"],
  ["a port out of range", "postgres://sluice@db:70000/gateway"],
  ["port 0", "postgres://sluice@db:0/gateway"],
  ["a mode that gives in", "postgres://sluice@db/gateway?sslmode=prefer"],
  ["another mode that gives in", "postgres://sluice@db/gateway?sslmode=allow"],
  ["a mode that is none", "postgres://sluice@db/gateway?sslmode="],
  ["two modes", "postgres://sluice@db/gateway?sslmode=disable&sslmode=verify-full"],
  ["authorities that nothing asks", "postgres://sluice@db/gateway?sslmode=require&sslrootcert=ca.pem"],
  ["a parameter that nobody reads", "postgres://sluice@db/gateway?statement_timeout=0"],
  ["a socket in no folder", "postgres://sluice@/gateway?host=run"],
  ["a socket and a host", "postgres://sluice@db/gateway?host=/run"],
  ["a socket with TLS", "postgres://sluice@/gateway?host=/run&sslmode=verify-full"],
  ["a percent sign alone", "postgres://sluice:50%@db/gateway"],
])("%s is refused", (_, url) => {
  expect(parsePostgresUrl(url)).toBeUndefined();
});

test("what stands in an address is read back, and shown without user and password", () => {
  const name = fc.string({ minLength: 1 }).filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(name, name, name, (user, password, database) => {
      const [u, p, d] = [user, password, database].map(encodeURIComponent);
      const address = parsePostgresUrl(`postgres://${u}:${p}@db/${d}`);
      expect(address).toMatchObject({ user, password, database });
      expect(shownPostgres(address!)).toBe(`PostgreSQL db:5432/${database}`);
    }),
  );
});
