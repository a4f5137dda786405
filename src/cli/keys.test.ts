import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyDirectory } from "../auth/key-directory.ts";
import { openStore } from "../store/store.ts";
import { createLogger } from "../telemetry/logger.ts";
import { sluice } from "./testing.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-keys-"));
  const store = await openStore({ path: join(dir, "sluice.db"), clock: Date });
  await store.applications.create({ organisation: "default", team: "", name: "Chat", labels: { tier: "free" } }, "ann");
  await store.close();
});
afterAll(() => rm(dir, { recursive: true }));

const inDir = (...args: string[]) => sluice([...args, "--data-dir", dir]);

/** What the gateway makes of a key: the identity, or the code of its refusal. */
async function presented(key: string) {
  const store = await openStore({ path: join(dir, "sluice.db"), clock: Date });
  const checkSecret = await store.sharedSecret("gateway-keys");
  const keys = createKeyDirectory({
    keys: store.keys,
    clock: Date,
    logger: createLogger({ level: "silent" }),
    checkSecret,
  });
  try {
    const { app, env } = await keys.identify(key);
    return `${app.name} in ${env}`;
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await keys.close();
    await store.close();
  }
}

test("sluice apps list shows the applications", async () => {
  expect(await inDir("apps", "list")).toEqual({
    code: 0,
    out: "id    name  organisation  team  labels     status\nchat  Chat  default             tier=free  active\n",
    err: "",
  });
  const { out } = await inDir("apps", "list", "--json");
  expect(JSON.parse(out)).toMatchObject([{ id: "chat", name: "Chat", labels: "tier=free" }]);
});

test("a key that was minted is one line of output and works until it is revoked", async () => {
  const minted = await inDir("keys", "mint", "--app", "Chat", "--env", "dev", "--name", "laptop");
  expect(minted.code).toBe(0);
  expect(minted.out).toMatch(/^slc_[a-z0-9]{16}_\S{43}\n$/);
  const key = minted.out.trim();
  const id = key.split("_")[1]!;
  expect(await presented(key)).toBe("Chat in dev");

  const { out } = await inDir("keys", "list", "--app", "chat", "--json");
  expect(JSON.parse(out)).toMatchObject([{ id, application: "chat", env: "dev", name: "laptop", status: "active" }]);
  expect(out).not.toContain(key);

  expect((await inDir("keys", "revoke", id)).code).toBe(0);
  expect(await presented(key)).toBe("invalid_key");
  expect((await inDir("keys", "list")).out).toContain("revoked");
});

test("a key that is rotated works beside its successor until the overlap ends, and is rotated once", async () => {
  const mint = async () => (await inDir("keys", "mint", "--app", "chat")).out.trim();
  const [first, second] = [await mint(), await mint()];
  const idOf = (key: string) => key.split("_")[1]!;
  const rotated = await inDir("keys", "rotate", idOf(first), "--overlap-seconds", "3600");
  expect(rotated.err).toContain(`in the place of ${idOf(first)}, which ends at `);
  expect([await presented(first), await presented(rotated.out.trim())]).toEqual(["Chat in prod", "Chat in prod"]);
  expect((await inDir("keys", "rotate", idOf(first))).err).toContain("was replaced by");
  await inDir("keys", "rotate", idOf(second), "--overlap-seconds", "0");
  expect(await presented(second)).toBe("expired_key");
});

describe("wrong use is told with what is wrong, exit 2:", () => {
  test.each([
    ["an unknown application", ["keys", "mint", "--app", "nope"], "there is no application 'nope'"],
    ["an unknown application of a list", ["keys", "list", "--app", "nope"], "there is no application 'nope'"],
    ["no application", ["keys", "mint"], "'--app <app>' not specified"],
    ["an environment that cannot be", ["keys", "mint", "--app", "chat", "--env", "A B"], "lower-case letters"],
    ["an unknown key", ["keys", "revoke", "nope"], "there is no key 'nope'"],
    ["an unknown key to rotate", ["keys", "rotate", "nope"], "there is no key 'nope'"],
    ["an overlap that cannot be", ["keys", "rotate", "nope", "--overlap-seconds", "-1"], "whole seconds"],
  ])("%s", async (_, args, message) => {
    const { code, out, err } = await inDir(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });

  test("a data folder without a database, and none is made", async () => {
    const { code, err } = await sluice(["apps", "list", "--data-dir", join(dir, "none")]);
    expect(code).toBe(2);
    expect(err).toContain("there is no database in");
    expect(await Bun.file(join(dir, "none", "sluice.db")).exists()).toBe(false);
  });
});
