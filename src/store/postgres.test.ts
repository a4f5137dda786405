import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { sql } from "kysely";
import { SluiceError } from "../errors.ts";
import { backUp } from "./backup.ts";
import { openEngine } from "./location.ts";
import { freshDatabase, ownFile, type PostgresServer, postgresIsMissing, startPostgres } from "./postgres-harness.ts";
import { toStorableJson } from "./postgres-inserts.ts";
import { openStore } from "./store.ts";
import { append, TestClock, temporaryFolder, usageRow } from "./testing.ts";

const clock = new TestClock();

test("JSON loses what PostgreSQL cannot store and nothing else", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("\0", "\\", "u0000", "ud800", "\ud800", "\udc00", "\u{1f389}", '"') }),
  );
  fc.assert(
    fc.property(fc.array(text), (texts) => {
      const storable = toStorableJson(JSON.stringify(texts));
      expect(storable).not.toMatch(/(^|[^\\])(\\\\)*\\u(0000|d[89a-f])/);
      expect(JSON.parse(storable)).toEqual(texts.map((one) => one.toWellFormed().replaceAll("\0", "\ufffd")));
    }),
    { numRuns: 1_000 },
  );
});

describe.skipIf(postgresIsMissing !== undefined)(`PostgreSQL ${postgresIsMissing ?? ""}`, () => {
  test("keeps texts that it cannot hold as well as it can, in every kind of statement", async () => {
    await using database = await freshDatabase();
    const store = await openStore({ url: database.url, clock });
    const name = "a\0b\ud800c";
    const made = await store.applications.create(
      { organisation: "default", team: "", name, labels: { tier: name } },
      "ann",
    );
    expect((await store.applications.find(made.id))?.name).toBe("a\ufffdb\ufffdc");
    await append(store, { usage: [usageRow({ model: name }), usageRow({ model: "\\u0000" })] });
    const { data } = await store.usage.list({ limit: 5, after: null }, {});
    expect(data.map(({ model }) => model).sort()).toEqual(["\\u0000", "a\ufffdb\ufffdc"]);
    expect((await store.usage.list({ limit: 5, after: null }, { model: "\0" })).data).toEqual([]);
    await store.close();
  });

  test("gives up a statement that takes too long, and a wait for a connection, and goes on", async () => {
    await using database = await freshDatabase();
    const limits = { poolSize: 2, connectTimeoutMs: 200, statementTimeoutMs: 300 };
    const engine = await openEngine({ url: database.url, ...limits });
    const sleep = () => sql`select pg_sleep(10)`.execute(engine.db);
    const began = performance.now();
    const outcomes = await Promise.allSettled([sleep(), sleep(), sleep()]);
    expect(performance.now() - began).toBeLessThan(5_000);
    const reasons = outcomes.map((one) => (one.status === "rejected" ? (one.reason as SluiceError) : undefined));
    expect(reasons.map((reason) => reason?.code)).toEqual(Array(3).fill("database_unavailable"));
    const causes = reasons.map((reason) => String(reason?.cause));
    expect(causes.filter((cause) => cause.includes("statement timeout"))).toHaveLength(2);
    await sql`select 1`.execute(engine.db);
    expect(engine.health().state).toBe("ready");
    // A migration has the time that it needs.
    await engine.migration((db) => sql`select pg_sleep(0.6)`.execute(db));
    await engine.close();
  });

  test("never has more connections than it may", async () => {
    await using database = await freshDatabase();
    const engine = await openEngine({ url: database.url, poolSize: 3 });
    const counts = await Promise.all(
      Array.from({ length: 40 }, () =>
        sql<{ n: number }>`select count(*) as n from pg_stat_activity
          where datname = current_database() and application_name = 'sluice'`.execute(engine.db),
      ),
    );
    expect(Math.max(...counts.map(({ rows }) => rows[0]!.n))).toBe(3);
    await engine.close();
  });

  test("lets transactions that write take turns, while records do not wait for them", async () => {
    await using database = await freshDatabase();
    const [a, b] = [await openStore({ url: database.url, clock }), await openEngine({ url: database.url })];
    let done = false;
    const gate = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const first = b.db.transaction().execute(async (tx) => {
      await tx.selectFrom("organisations").selectAll().execute();
      held.resolve();
      await gate.promise;
    });
    await held.promise;
    const second = a.applications
      .create({ organisation: "default", team: "", name: "chat", labels: {} }, "ann")
      .then(() => {
        done = true;
      });
    await append(a, { usage: [usageRow()] });
    expect((await a.policyStore.overlay(clock.ms)).policies).toEqual([]);
    expect(done).toBe(false);
    gate.resolve();
    await Promise.all([first, second]);
    await Promise.all([a.close(), b.close()]);
  });

  test("gives back in order the connection of a transaction whose turn did not come in time", async () => {
    await using database = await freshDatabase();
    const limits = { poolSize: 1, connectTimeoutMs: 5_000, statementTimeoutMs: 200 };
    const [a, b] = [await openEngine({ url: database.url }), await openEngine({ url: database.url, ...limits })];
    const gate = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const first = a.db.transaction().execute(async () => {
      held.resolve();
      await gate.promise;
    });
    await held.promise;
    const late = await b.db
      .transaction()
      .execute((tx) => sql`select 1`.execute(tx))
      .catch((error: unknown) => error);
    expect((late as SluiceError).code).toBe("database_unavailable");
    expect((await sql<{ one: number }>`select 1 as one`.execute(b.db)).rows).toEqual([{ one: 1 }]);
    gate.resolve();
    await first;
    await b.db.transaction().execute((tx) => sql`select 1`.execute(tx));
    await Promise.all([a.close(), b.close()]);
  });

  test("is backed up to a file that is its owner's alone from the beginning", async () => {
    await using database = await freshDatabase();
    await using folder = await temporaryFolder();
    const store = await openStore({ url: database.url, clock });
    await store.close();
    const file = join(folder.path, "backup");
    const modes = new Set<number>();
    let done = false;
    const made = backUp({ url: database.url }, file).finally(() => {
      done = true;
    });
    while (!done) {
      const found = await stat(`${file}.partial`).catch(() => undefined);
      if (found !== undefined) modes.add(found.mode & 0o777);
    }
    expect(await made).toBeGreaterThan(0);
    expect([...modes]).toEqual([0o600]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
});

describe.skipIf(postgresIsMissing !== undefined || Bun.which("openssl") === null)("TLS", () => {
  let dir: string;
  let server: PostgresServer;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "sluice-tls-"));
    makeCertificates(dir);
    for (const file of ["server.key", "server.pem"]) ownFile(join(dir, file));
    ownFile(dir);
    server = await startPostgres(["ssl=on", `ssl_cert_file=${dir}/server.pem`, `ssl_key_file=${dir}/server.key`]);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Whether the connection is encrypted, or why there is none. */
  async function connect(host: string, query: string): Promise<unknown> {
    const engine = await openEngine({ url: `postgres://sluice@${host}:${server.port}/postgres${query}` });
    try {
      const { rows } = await sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(
        engine.db,
      );
      return rows[0]?.ssl;
    } catch (error) {
      return String((error as SluiceError).cause);
    } finally {
      await engine.close();
    }
  }

  test("is there, with a certificate that is verified, unless the address says otherwise", async () => {
    const ca = `sslrootcert=${encodeURIComponent(join(dir, "ca.pem"))}`;
    expect(await connect("localhost", `?${ca}`)).toBe(true);
    expect(await connect("localhost", `?sslmode=verify-full&${ca}`)).toBe(true);
    // Of an authority that nobody trusts, and for another name.
    expect(await connect("localhost", "")).toMatch(/certificate|self.signed|issuer/i);
    expect(await connect("127.0.0.1", `?${ca}`)).toMatch(/altname|hostname|IP/i);
    expect(await connect("127.0.0.1", `?sslmode=verify-ca&${ca}`)).toBe(true);
    expect(await connect("127.0.0.1", "?sslmode=verify-ca")).toMatch(/certificate|self.signed|issuer/i);
    expect(await connect("127.0.0.1", "?sslmode=require")).toBe(true);
    expect(await connect("127.0.0.1", "?sslmode=disable")).toBe(false);
  });

  test("is not given up where the server has none", async () => {
    await using database = await freshDatabase();
    for (const mode of ["", "?sslmode=require", "?sslmode=verify-ca"]) {
      const engine = await openEngine({ url: database.url.replace("?sslmode=disable", mode) });
      const refused = await sql`select 1`.execute(engine.db).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(SluiceError);
      expect(String((refused as SluiceError).cause)).toContain("does not support SSL");
      await engine.close();
    }
  });
});

/** An authority of its own, and a certificate of it for `localhost`. */
function makeCertificates(dir: string): void {
  const openssl = (...args: readonly string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: dir });
    if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA");
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost"];
  openssl("req", "-x509", ...key, "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=localhost", ...signed);
}
