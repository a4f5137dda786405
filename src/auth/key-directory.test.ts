import { describe, expect, test } from "bun:test";
import type { Identity } from "../core/identity.ts";
import type { KeyCache, Keys } from "../core/keys.ts";
import { SluiceError } from "../errors.ts";
import { createTestLogger, temporaryStore } from "../store/testing.ts";
import { createKeyDirectory } from "./key-directory.ts";
import { formatKey, newKeyId, newSecret, parseKey } from "./key-format.ts";
import { createKeyMint } from "./key-mint.ts";

/** A directory over a real store that counts how often it is asked. */
async function start(options: { cacheSize?: number } = {}) {
  const store = await temporaryStore();
  const checkSecret = await store.sharedSecret("gateway-keys");
  const application = await store.applications.create(
    {
      organisation: "default",
      team: "",
      name: "chat",
      labels: { tier: "free" },
    },
    "ann",
  );
  const mint = createKeyMint({ keys: store.keys, clock: store.clock, checkSecret });
  const asked: string[] = [];
  const keys: Keys = {
    ...store.keys,
    holder(id) {
      asked.push(id);
      return store.keys.holder(id);
    },
  };
  const logger = createTestLogger();
  const directory = createKeyDirectory({ keys, clock: store.clock, logger, checkSecret, ...options });
  const newKey = (expiresAt: number | null = null) =>
    mint.mint({ application: application.id, env: "prod", name: "", expiresAt, actor: "ann" });
  return {
    store,
    asked,
    application,
    directory,
    logger,
    newKey,
    checkSecret,
    keys,
    async [Symbol.asyncDispose]() {
      await directory.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

async function refusal(identify: () => Identity | Promise<Identity>): Promise<string> {
  try {
    await identify();
    return "accepted";
  } catch (error) {
    return error instanceof SluiceError ? error.code : String(error);
  }
}

describe("a key", () => {
  test("identifies its application, environment, organisation and itself", async () => {
    await using all = await start();
    const { key, secret } = await all.newKey();
    expect(await all.directory.identify(secret)).toEqual({
      org: { id: "default", labels: {}, timeZone: "UTC" },
      team: { id: "" },
      app: { id: "chat", name: "chat", labels: { tier: "free" } },
      env: "prod",
      key: { id: key.id },
    });
  });

  test("has the form that is promised and is stored as a digest only", async () => {
    await using all = await start();
    const { key, secret } = await all.newKey();
    expect(secret).toMatch(/^slc_[a-z0-9]{16}_[A-Za-z0-9_-]{43}$/);
    expect(key.lastFour).toBe(secret.slice(-4));
    const digest = new Bun.CryptoHasher("sha256").update(parseKey(secret)!.secret).digest("hex");
    expect((await all.store.keys.find(key.id))?.secretHash).toBe(digest);
  });

  test("that was seen is answered at once, with the same frozen object, from memory", async () => {
    await using all = await start();
    const { secret } = await all.newKey();
    const first = await all.directory.identify(secret);
    const second = all.directory.identify(secret);
    expect(second).toBe(first);
    expect(all.asked).toHaveLength(1);
    expect(Object.isFrozen(first)).toBe(true);
    expect(Object.isFrozen(first.app.labels)).toBe(true);
  });

  test("asked for by many at once is read once", async () => {
    await using all = await start();
    const { secret } = await all.newKey();
    const identities = await Promise.all(Array.from({ length: 50 }, () => all.directory.identify(secret)));
    expect(new Set(identities).size).toBe(1);
    expect(all.asked).toHaveLength(1);
  });

  test.each([
    "",
    "slc_",
    "sk-12345",
    "slc_abc_def",
    `sla_${"A".repeat(43)}`,
    `slc_${"a".repeat(16)}_${"A".repeat(42)}`,
    `slc_${"a".repeat(16)}_${"A".repeat(43)}\n`,
  ])("of another form is refused: %p", async (presented) => {
    await using all = await start();
    expect(await refusal(() => all.directory.identify(presented))).toBe("invalid_key");
    expect(all.asked).toEqual([]);
  });

  test("with a wrong secret is refused, also when its right one was just seen", async () => {
    await using all = await start();
    const { key, secret } = await all.newKey();
    await all.directory.identify(secret);
    const wrong = formatKey({ id: key.id, secret: newSecret() });
    expect(await refusal(() => all.directory.identify(wrong))).toBe("invalid_key");
    expect(all.asked).toHaveLength(1);
  });

  test("that expires is refused from that moment on, seen or not", async () => {
    await using all = await start();
    const { secret } = await all.newKey(all.store.clock.ms + 1000);
    all.store.clock.ms += 999;
    await all.directory.identify(secret);
    all.store.clock.ms += 1;
    expect(() => all.directory.identify(secret)).toThrow("The gateway key expired at 2026-01-31T12:00:01.000Z.");
    all.directory.invalidate();
    expect(await refusal(() => all.directory.identify(secret))).toBe("expired_key");
  });

  test("of an application that is disabled tells so, to who has the secret only", async () => {
    await using all = await start();
    const { key, secret } = await all.newKey();
    await all.directory.identify(secret);
    await all.store.applications.update("chat", { disabled: true }, null, "ann");
    all.directory.invalidateApplication("chat");
    await expect(async () => all.directory.identify(secret)).toThrow("The application 'chat' is disabled.");
    const wrong = formatKey({ id: key.id, secret: newSecret() });
    expect(await refusal(() => all.directory.identify(wrong))).toBe("invalid_key");
    await all.store.applications.update("chat", { disabled: false }, null, "ann");
    all.directory.invalidateApplication("chat");
    expect(await refusal(() => all.directory.identify(secret))).toBe("accepted");
  });

  test("that is revoked is refused with the next request, and one of a deleted application too", async () => {
    await using all = await start();
    const [revoked, orphaned] = [await all.newKey(), await all.newKey()];
    await all.directory.identify(revoked.secret);
    await all.directory.identify(orphaned.secret);
    await all.store.keys.revoke(revoked.key.id, all.store.clock.ms, "ann");
    all.directory.invalidate(revoked.key.id);
    expect(await refusal(() => all.directory.identify(revoked.secret))).toBe("invalid_key");
    await all.store.applications.remove("chat", null, "ann");
    all.directory.invalidateApplication("chat");
    expect(await refusal(() => all.directory.identify(orphaned.secret))).toBe("invalid_key");
  });

  test("revoked while it is being read is not remembered as it was", async () => {
    await using all = await start();
    const { key, secret } = await all.newKey();
    const reading = all.directory.identify(secret);
    await all.store.keys.revoke(key.id, all.store.clock.ms, "ann");
    all.directory.invalidate(key.id);
    await Promise.allSettled([reading]);
    expect(await refusal(() => all.directory.identify(secret))).toBe("invalid_key");
  });

  test("revoked by another process is refused when what is remembered is too old", async () => {
    await using all = await start();
    const { key, secret } = await all.newKey();
    await all.directory.identify(secret);
    await all.store.keys.revoke(key.id, all.store.clock.ms, "ann");
    all.store.clock.ms += 30_001;
    expect(await refusal(() => all.directory.identify(secret))).toBe("invalid_key");
  });

  test("read again keeps its identity object while nothing changed, and gets a new one when something did", async () => {
    await using all = await start();
    const { secret } = await all.newKey();
    const first = await all.directory.identify(secret);
    all.store.clock.ms += 30_001;
    expect(await all.directory.identify(secret)).toBe(first);
    await all.store.applications.update("chat", { labels: { tier: "gold" } }, null, "ann");
    all.directory.invalidateApplication("chat");
    const second = await all.directory.identify(secret);
    expect(second).not.toBe(first);
    expect(second.app.labels).toEqual({ tier: "gold" });
    expect(first.app.labels).toEqual({ tier: "free" });
  });
});

describe("a flood of invented keys", () => {
  test("costs no queries, though every one is different", async () => {
    await using all = await start();
    for (let i = 0; i < 2000; i += 1) {
      const invented = formatKey({ id: newKeyId("another deployment's secret"), secret: newSecret() });
      expect(await refusal(() => all.directory.identify(invented))).toBe("invalid_key");
    }
    expect(all.asked).toEqual([]);
  });

  test("with an id that could be a key's costs one query, and the key works once it is minted", async () => {
    await using all = await start();
    const id = newKeyId(all.checkSecret);
    for (let i = 0; i < 100; i += 1) {
      const invented = formatKey({ id, secret: newSecret() });
      expect(await refusal(() => all.directory.identify(invented))).toBe("invalid_key");
    }
    expect(all.asked).toEqual([id]);
    all.store.clock.ms += 2001;
    await refusal(() => all.directory.identify(formatKey({ id, secret: newSecret() })));
    expect(all.asked).toEqual([id, id]);
  });

  test("does not push out more keys than the bound, and those come back", async () => {
    await using all = await start({ cacheSize: 2 });
    const minted = await Promise.all([all.newKey(), all.newKey(), all.newKey()]);
    for (const { secret } of [...minted, ...minted])
      expect(await refusal(() => all.directory.identify(secret))).toBe("accepted");
    expect(all.asked.length).toBeGreaterThan(3);
  });
});

describe("last use", () => {
  test("is stored coarsely, off the path", async () => {
    await using all = await start();
    const { key, secret } = await all.newKey();
    const began = all.store.clock.ms;
    await all.directory.identify(secret);
    all.store.clock.ms += 1000;
    await all.directory.identify(secret);
    expect((await all.store.keys.find(key.id))?.lastUsedAt).toBeNull();
    await all.directory.flush();
    expect((await all.store.keys.find(key.id))?.lastUsedAt).toBe(began);
    all.store.clock.ms += 60_000;
    await all.directory.identify(secret);
    await all.directory.close();
    expect((await all.store.keys.find(key.id))?.lastUsedAt).toBe(began + 61_000);
  });

  test("that cannot be stored is logged and hurts nobody", async () => {
    await using all = await start();
    const keys: Keys = { ...all.keys, touch: () => Promise.reject(new Error("disk full")) };
    const { clock } = all.store;
    const directory = createKeyDirectory({ keys, clock, logger: all.logger, checkSecret: all.checkSecret });
    await directory.identify((await all.newKey()).secret);
    await directory.close();
    expect(all.logger.lines.join()).toContain("the last-used times of keys could not be stored");
  });
});

describe("while the database is away", () => {
  async function withBrokenStore() {
    const all = await start();
    const { clock } = all.store;
    const state = { failing: false, hanging: Promise.resolve() };
    const keys: Keys = {
      ...all.keys,
      async holder(id) {
        await state.hanging;
        if (state.failing) throw new Error("disk gone");
        return all.keys.holder(id);
      },
    };
    const directory = createKeyDirectory({ keys, clock, logger: all.logger, checkSecret: all.checkSecret });
    return { ...all, clock, state, directory, [Symbol.asyncDispose]: all[Symbol.asyncDispose] };
  }

  test("known keys go on however long it takes, still expire, and obey what changed once it is back", async () => {
    await using all = await withBrokenStore();
    const { key, secret } = await all.newKey(all.clock.ms + 7_200_000);
    const first = await all.directory.identify(secret);
    all.state.failing = true;
    for (let i = 0; i < 3; i += 1) {
      all.clock.ms += 600_000;
      expect(await all.directory.identify(secret)).toBe(first);
      expect(all.directory.identify(secret)).toBe(first);
    }
    expect(all.logger.lines.filter((line) => line.includes("keys cannot be read"))).toHaveLength(1);
    await all.store.keys.revoke(key.id, all.clock.ms, "ann");
    all.state.failing = false;
    all.clock.ms += 1_001;
    expect(await refusal(() => all.directory.identify(secret))).toBe("invalid_key");

    const expiring = await all.newKey(all.clock.ms + 60_000);
    await all.directory.identify(expiring.secret);
    all.state.failing = true;
    all.clock.ms += 60_000;
    expect(await refusal(() => all.directory.identify(expiring.secret))).toBe("expired_key");
    await all.directory.close();
  });

  test("known keys do not wait for a database that hangs, unless they are known to have changed", async () => {
    await using all = await withBrokenStore();
    const { key, secret } = await all.newKey();
    const first = await all.directory.identify(secret);
    const gate = Promise.withResolvers<void>();
    all.state.hanging = gate.promise;
    all.clock.ms += 30_001;
    expect(await all.directory.identify(secret)).toBe(first);
    // Known again for a while: nobody waits now.
    expect(all.directory.identify(secret)).toBe(first);
    expect(all.logger.lines.filter((line) => line.includes("are not read in time"))).toHaveLength(1);
    await all.store.keys.revoke(key.id, all.clock.ms, "ann");
    all.clock.ms += 30_001;
    const asked = refusal(() => all.directory.identify(secret));
    all.directory.invalidate(key.id);
    gate.resolve();
    expect(await asked).toBe("invalid_key");
    await all.directory.close();
  });

  test.each([
    ["itself", (directory: KeyCache, id: string) => directory.invalidate(id)],
    ["its application", (directory: KeyCache) => directory.invalidateApplication("chat")],
    ["its organisation", (directory: KeyCache) => directory.invalidateOrganisation("default")],
    ["anything", (directory: KeyCache) => directory.invalidate()],
  ])("a key is not let in when %s is known to have changed, remembered lately or long ago", async (_, invalidate) => {
    await using all = await withBrokenStore();
    for (const agoMs of [0, 30_001]) {
      const { key, secret } = await all.newKey();
      await all.directory.identify(secret);
      all.clock.ms += agoMs;
      invalidate(all.directory, key.id);
      all.state.failing = true;
      expect(await refusal(() => all.directory.identify(secret))).toBe("Error: disk gone");
      all.state.failing = false;
    }
    await all.directory.close();
  });

  test("a key that was found to be gone does not come back, though nobody told of it", async () => {
    await using all = await withBrokenStore();
    const { secret } = await all.newKey();
    await all.directory.identify(secret);
    await all.store.applications.remove("chat", null, "ann");
    all.clock.ms += 30_001;
    expect(await refusal(() => all.directory.identify(secret))).toBe("invalid_key");
    all.state.failing = true;
    all.clock.ms += 30_001;
    expect(await refusal(() => all.directory.identify(secret))).toBe("Error: disk gone");
    await all.directory.close();
  });

  test("the keys of other applications and organisations stay known", async () => {
    await using all = await withBrokenStore();
    const { secret } = await all.newKey();
    await all.directory.identify(secret);
    all.directory.invalidateApplication("other");
    all.directory.invalidateOrganisation("other");
    all.state.failing = true;
    expect(await refusal(() => all.directory.identify(secret))).toBe("accepted");
    await all.directory.close();
  });
});

test("a database that fails is not taken for a wrong key, and is asked again", async () => {
  await using all = await start();
  const { secret } = await all.newKey();
  let failing = true;
  const keys: Keys = {
    ...all.keys,
    holder: (id) => (failing ? Promise.reject(new Error("disk gone")) : all.keys.holder(id)),
  };
  const directory = createKeyDirectory({
    keys,
    clock: all.store.clock,
    logger: all.logger,
    checkSecret: all.checkSecret,
  });
  expect(await refusal(() => directory.identify(secret))).toBe("Error: disk gone");
  failing = false;
  expect(await refusal(() => directory.identify(secret))).toBe("accepted");
  await directory.close();
});
