import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Reservation } from "../../core/limits.ts";
import { openRedisCounters, type RedisBackedCounters } from "./open.ts";
import { connectTo, freePort, type RedisServer, redisIsMissing, startRedis, startSentinel } from "./testing.ts";

/** Starting several servers takes a while on a busy machine. */
const patientMs = 60_000;

const owner = { id: "acme", timeZone: "UTC" };
const one: Reservation = {
  key: "k",
  unit: "requests",
  window: { every: "month" },
  max: 2,
  amount: 1,
  onStoreDown: "deny",
};

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(5);
}

describe.skipIf(redisIsMissing !== undefined)(`ways to Redis ${redisIsMissing ?? ""}`, () => {
  const opened: RedisBackedCounters[] = [];
  afterEach(async () => {
    for (const counters of opened.splice(0)) await counters.close();
  });

  async function open(url: string): Promise<RedisBackedCounters> {
    const counters = await openRedisCounters({
      url,
      commandTimeoutMs: 2_000,
      breaker: { enabled: true, openMs: 100 },
      clock: Date,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      heartbeatMs: 50,
      metrics: { breaker() {}, fallback() {}, settlesDropped() {} },
    });
    opened.push(counters);
    return counters;
  }

  /** All that is asked of the counters, and that it is the store that answers. */
  async function counts(counters: RedisBackedCounters, organisation = owner): Promise<void> {
    await until(() => counters.health().state === "ready");
    const id = (name: string) => `${organisation.id}-${name}`;
    const answers = await Promise.all(["a", "b", "c"].map((name) => counters.reserve(id(name), organisation, [one])));
    expect(answers.map(({ granted }) => granted).sort()).toEqual([false, true, true]);
    expect(answers.some(({ storeDown }) => storeDown)).toBe(false);
    for (const name of ["a", "b", "c"]) await counters.release(id(name));
    // Several keys in one script: a cluster refuses what is not in one slot.
    const kinds: readonly Reservation[] = [
      { ...one, key: "tokens", unit: "tokens", max: 100, amount: 10 },
      { ...one, key: "slides", unit: "tokens", window: { sliding: 60 }, max: 100, amount: 10 },
      { ...one, key: "held", unit: "concurrency" },
    ];
    expect(await counters.reserve(id("all"), organisation, kinds)).toMatchObject({ granted: true });
    expect(await counters.extend(id("all"), { tokens: 20 })).toBe(true);
    const { counters: seen } = await counters.inspect(organisation, { limit: 1000 });
    expect(Object.fromEntries(seen.map(({ key, used, held }) => [key, [used, held]]))).toEqual({
      tokens: [30, 30],
      slides: [30, 30],
      held: [1, 1],
    });
    await counters.settle(id("all"), { tokens: 12 });
    expect(await counters.reset(organisation, "slides")).toBe(true);
    const probe = await counters.reserve(id("probe"), organisation, kinds);
    expect(probe.states.map(({ used }) => used)).toEqual([22, 10, 1]);
    await counters.release(id("probe"));
  }

  test(
    "with a password and a database",
    async () => {
      await using server = await startRedis("--requirepass", "p@ss:word", "--appendonly", "no");
      await counts(await open(`redis://default:p%40ss%3Aword@127.0.0.1:${server.port}/3`));
    },
    patientMs,
  );

  test(
    "over TLS, where the server's certificate is checked by the authority that is named",
    async () => {
      const dir = mkdtempSync(join(tmpdir(), "sluice-tls-"));
      try {
        makeCertificates(dir);
        const file = (name: string) => join(dir, name);
        const tlsPort = await freePort();
        await using server = await startRedis(
          ...[
            "--tls-port",
            String(tlsPort),
            "--tls-cert-file",
            file("server.pem"),
            "--tls-key-file",
            file("server.key"),
          ],
          ...["--tls-ca-cert-file", file("ca.pem"), "--tls-auth-clients", "no", "--appendonly", "no"],
        );
        expect(server.port).not.toBe(tlsPort);
        await counts(await open(`rediss://localhost:${tlsPort}?ca=${encodeURIComponent(file("ca.pem"))}`));
        const distrustful = await open(`rediss://localhost:${tlsPort}`);
        expect(distrustful.health()).toMatchObject({
          state: "degraded",
          detail: expect.stringMatching(/certificate/i),
        });
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    },
    patientMs,
  );

  test(
    "a cluster of three, whichever of them keeps an organisation's counters",
    async () => {
      const servers: RedisServer[] = [];
      try {
        for (let i = 0; i < 3; i += 1) {
          const flags = ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--appendonly", "no"];
          servers.push(await startRedis(...flags));
        }
        const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
        const made = Bun.spawnSync(["redis-cli", "--cluster", "create", ...addresses, "--cluster-yes"]);
        expect(made.stdout.toString()).toContain("All 16384 slots covered");
        for (const { url } of servers) {
          const client = await connectTo(url);
          await until(async () => String(await client.call("CLUSTER", "INFO")).includes("cluster_state:ok"));
          client.disconnect();
        }
        const counters = await open(`redis+cluster://${addresses[0]}`);
        const asker = await connectTo(servers[0]!.url);
        for (let third = 0, i = 0; third < 3; i += 1) {
          const slot = Number(await asker.call("CLUSTER", "KEYSLOT", `{o:org${i}}`));
          if (Math.floor(slot / 5461) !== third) continue;
          await counts(counters, { id: `org${i}`, timeZone: "UTC" });
          third += 1;
        }
        asker.disconnect();
        const kept = await Promise.all(servers.map(({ url }) => keysAt(url)));
        expect(kept.every((keys) => keys.some((key) => key.startsWith("sluice:{o:")))).toBe(true);
      } finally {
        for (const server of servers) await server[Symbol.asyncDispose]();
      }
    },
    patientMs,
  );

  test(
    "a group that Sentinel knows, also when its primary dies and another takes its place",
    async () => {
      await using primary = await startRedis();
      await using replica = await startRedis("--replicaof", `127.0.0.1 ${primary.port}`);
      const there = await connectTo(replica.url);
      await until(async () => (await there.info("replication")).includes("master_link_status:up"));
      await using sentinel = await startSentinel("main", primary.port);
      const watch = await connectTo(`redis://127.0.0.1:${sentinel.port}`);
      await until(async () => String(await watch.call("SENTINEL", "REPLICAS", "main")).includes(String(replica.port)));
      const counters = await open(`redis+sentinel://127.0.0.1:${sentinel.port}/main`);
      await counts(counters);
      await counters.reserve("before", owner, [one]);
      await counters.reserve("open", owner, [{ ...one, key: "open", max: 9 }]);
      // What was acknowledged has reached the other, as it mostly has.
      await until(async () => (await there.keys("*:w:open:*")).length === 1);
      await primary.kill();
      await until(() => counters.health().state === "degraded");
      // Whoever is connected is sent away when a replica becomes the primary.
      const role = () => there.info("replication").catch(() => "");
      await until(async () => (await role()).includes("role:master"));
      await until(() => counters.health().state === "ready");
      await counters.settle("open", {});
      expect(await counters.reserve("after", owner, [one])).toMatchObject({ granted: true, states: [{ used: 2 }] });
      expect((await counters.reserve("full", owner, [one])).granted).toBe(false);
      await until(async () => (await there.keys("*:r:*")).length === 1);
      watch.disconnect();
      there.disconnect();
    },
    patientMs,
  );
});

async function keysAt(url: string): Promise<string[]> {
  const client = await connectTo(url);
  const keys = await client.keys("*");
  client.disconnect();
  return keys;
}

/** An authority of its own, and a certificate of it for `localhost`. */
function makeCertificates(dir: string): void {
  const openssl = (...args: readonly string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: dir });
    if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "2");
  const server = ["-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=localhost", "-days", "2"];
  openssl(
    "req",
    "-x509",
    ...key,
    ...server,
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-addext",
    "subjectAltName=DNS:localhost",
  );
}
