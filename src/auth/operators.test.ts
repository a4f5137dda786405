import { describe, expect, test } from "bun:test";
import { adminScopes } from "../core/operators.ts";
import { SluiceError } from "../errors.ts";
import { createTestLogger, temporaryStore } from "../store/testing.ts";
import { openOperatorAccess, type TokenSettings } from "./open.ts";

const adminKey = `sla_${"A".repeat(43)}`;

async function startAccess(over: { adminKey?: string; failedAttemptsPerMinute?: number; tokens?: TokenSettings } = {}) {
  const store = await temporaryStore();
  const logger = createTestLogger();
  const { clock } = store;
  const access = await openOperatorAccess({
    keys: store.adminKeys,
    checkSecret: await store.sharedSecret("admin-keys"),
    adminKey,
    failedAttemptsPerMinute: 5,
    clock,
    logger,
    ...over,
  });
  const identify = (credential: string, address = "192.0.2.1") =>
    access.operators.identify(`Bearer ${credential}`, address);
  /** Fails from an address until it is made to wait. */
  const exhaust = async (address: string) => {
    for (let i = 0; i < 100; i += 1) {
      const outcome = await Promise.resolve(identify(`wrong-${i}`, address)).catch((error: SluiceError) => error.code);
      if (outcome === "too_many_failures") return;
    }
    throw new Error("no number of failures was too many");
  };
  return {
    ...access,
    store,
    clock,
    logger,
    identify,
    exhaust,
    async [Symbol.asyncDispose]() {
      await access.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

test.each([
  [`Bearer ${adminKey}`, true],
  [`bearer  ${adminKey}`, true],
  [null, false],
  ["", false],
  [adminKey, false],
  [`Basic ${adminKey}`, false],
  [`Bearer ${adminKey}A`, false],
  [`Bearer ${adminKey.slice(0, -1)}`, false],
  [`Bearer slc_abc_${"A".repeat(43)}`, false],
  ["Bearer ", false],
])("a credential is looked for in the authorization header: %p", async (authorization, known) => {
  await using access = await startAccess();
  const operator = await access.operators.identify(authorization, "");
  expect(operator?.id).toBe(known ? "admin-key" : undefined);
  if (known) expect([...operator!.scopes]).toEqual([...adminScopes]);
});

describe("an admin key of the database", () => {
  const request = { name: "on call", role: "operator", organisation: null, expiresAt: null, actor: "ann" } as const;

  test("is known by its role and organisation, until it is revoked", async () => {
    await using access = await startAccess();
    const { key, secret } = await access.mint.mint({ ...request, organisation: "default", role: "viewer" });
    expect(secret).toMatch(/^sla_[a-z0-9]{16}_[A-Za-z0-9_-]{43}$/);
    const operator = (await access.identify(secret))!;
    expect([operator.id, operator.organisation, [...operator.scopes]]).toEqual([
      `admin-key:${key.id}`,
      "default",
      ["policy:read", "usage:read"],
    ]);
    await access.store.adminKeys.revoke(key.id, access.clock.now(), "ann");
    expect(await access.identify(secret)).toBeNull();
  });

  test("that is revoked by one replica is dead for all of them with the next request", async () => {
    await using access = await startAccess();
    const other = await openOperatorAccess({
      keys: access.store.adminKeys,
      checkSecret: await access.store.sharedSecret("admin-keys"),
      adminKey,
      failedAttemptsPerMinute: 100,
      clock: access.clock,
      logger: access.logger,
    });
    const { key, secret } = await access.mint.mint(request);
    expect(await other.operators.identify(`Bearer ${secret}`, "")).not.toBeNull();
    await access.store.adminKeys.revoke(key.id, access.clock.now(), "ann");
    expect(await other.operators.identify(`Bearer ${secret}`, "")).toBeNull();
    await other.close();
  });

  test("is good until it expires, to the millisecond", async () => {
    await using access = await startAccess();
    const { secret } = await access.mint.mint({ ...request, expiresAt: access.clock.now() + 1000 });
    access.clock.ms += 999;
    expect(await access.identify(secret)).not.toBeNull();
    access.clock.ms += 1;
    expect(await access.identify(secret)).toBeNull();
  });

  test("that is rotated is good for the overlap beside its successor, and never longer than it was", async () => {
    await using access = await startAccess();
    const now = access.clock.now();
    const first = await access.mint.mint(request);
    const second = (await access.mint.rotate(first.key.id, { until: now + 1000, expiresAt: null, actor: "ann" }))!;
    expect([second.key.rotatedFrom, second.key.role]).toEqual([first.key.id, "operator"]);
    expect(await access.identify(first.secret)).not.toBeNull();
    expect(await access.identify(second.secret)).not.toBeNull();
    access.clock.ms += 1000;
    expect(await access.identify(first.secret)).toBeNull();
    expect(await access.identify(second.secret)).not.toBeNull();

    expect(await access.mint.rotate(first.key.id, { until: now, expiresAt: null, actor: "ann" })).toBeNull();
    const short = await access.mint.mint({ ...request, expiresAt: now + 2000 });
    await access.mint.rotate(short.key.id, { until: now + 9000, expiresAt: null, actor: "ann" });
    expect((await access.store.adminKeys.find(short.key.id))?.expiresAt).toBe(now + 2000);
  });

  test("that is revoked or not there has no successor", async () => {
    await using access = await startAccess();
    const { key } = await access.mint.mint(request);
    await access.store.adminKeys.revoke(key.id, access.clock.now(), "ann");
    const rotation = { until: access.clock.now(), expiresAt: null, actor: "ann" };
    expect(await access.mint.rotate(key.id, rotation)).toBeNull();
    expect(await access.mint.rotate("nobody", rotation)).toBeNull();
  });

  test("with another secret, another id or an invented one is none", async () => {
    await using access = await startAccess({ failedAttemptsPerMinute: 100 });
    const { key, secret } = await access.mint.mint(request);
    const other = await access.mint.mint(request);
    for (const wrong of [
      `${secret.slice(0, -1)}${secret.endsWith("A") ? "B" : "A"}`,
      `sla_${other.key.id}_${secret.slice(-43)}`,
      `sla_${"a".repeat(16)}_${secret.slice(-43)}`,
      `slc_${key.id}_${secret.slice(-43)}`,
      secret.slice(0, -1),
      key.id,
    ]) {
      expect([wrong, await access.identify(wrong)]).toEqual([wrong, null]);
    }
  });

  test("is kept as a digest alone, and noted when it is used, about once a minute", async () => {
    await using access = await startAccess();
    const { key, secret } = await access.mint.mint(request);
    expect(key.secretHash).toBe(new Bun.CryptoHasher("sha256").update(secret.slice(-43)).digest("hex"));
    await access.identify(secret);
    await access.flush();
    expect((await access.store.adminKeys.find(key.id))?.lastUsedAt).toBe(access.clock.now());
    const before = access.clock.ms;
    access.clock.ms += 59_999;
    await access.identify(secret);
    await access.flush();
    expect((await access.store.adminKeys.find(key.id))?.lastUsedAt).toBe(before);
  });
});

describe("an address that failed too often", () => {
  const refused = (promise: unknown) => Promise.resolve(promise).catch((error: unknown) => (error as SluiceError).code);

  test("is told so with when to come again, until it may fail again", async () => {
    await using access = await startAccess();
    await access.exhaust("192.0.2.1");
    const failure = await Promise.resolve(access.identify("wrong")).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SluiceError);
    expect((failure as SluiceError).details).toEqual({ seconds: 12 });
    expect(access.logger.lines.filter((line) => line.includes("192.0.2.1"))).toHaveLength(1);
    access.clock.ms += 12_000;
    expect(await access.identify("wrong")).toBeNull();
    expect(await refused(access.identify("wrong"))).toBe("too_many_failures");
  });

  test("has why its tokens are refused in the log, for as many as it may fail with", async () => {
    const tokens = {
      ...{ secret: "a secret of tokens, long enough to be one", jwksTimeoutMs: 1000, jwksMaxAgeMs: 1000 },
      ...{ claims: { roles: ["roles"], scopes: [], organisation: [] }, organisationRequired: false },
    };
    await using access = await startAccess({ tokens });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const forged = `${part({ alg: "HS256" })}.${part({ sub: "ann", exp: 4e9 })}.AAAA`;
    for (let i = 0; i < 20; i += 1) await refused(access.identify(forged));
    const told = access.logger.lines.filter((line) => line.includes("was refused"));
    expect(told).toHaveLength(5);
    expect(told[0]).toContain("signature verification failed");
  });

  test("keeps no valid credential waiting, its own neither", async () => {
    await using access = await startAccess();
    const request = { name: "x", role: "owner", organisation: null, expiresAt: null, actor: "ann" } as const;
    const { secret } = await access.mint.mint(request);
    await access.exhaust("192.0.2.1");
    for (const address of ["192.0.2.1", "192.0.2.2"]) {
      expect(await access.identify(secret, address)).not.toBeNull();
      expect(await access.identify(adminKey, address)).not.toBeNull();
    }
    expect(await access.identify("wrong", "192.0.2.2")).toBeNull();
  });

  test("cannot go on guessing at a configured key that is short", async () => {
    const short = "correct horse 16".replaceAll(" ", "-");
    await using access = await startAccess({ adminKey: short });
    expect(await access.identify(short)).not.toBeNull();
    await access.exhaust("192.0.2.1");
    expect(await refused(access.identify(short))).toBe("too_many_failures");
    expect(await access.identify(short, "192.0.2.2")).not.toBeNull();
    access.clock.ms += 12_000;
    expect(await access.identify(short)).not.toBeNull();
  });

  test("has not failed by sending nothing", async () => {
    await using access = await startAccess();
    for (let i = 0; i < 50; i += 1) expect(await access.operators.identify(null, "192.0.2.1")).toBeNull();
    expect(await access.identify("wrong")).toBeNull();
  });
});
