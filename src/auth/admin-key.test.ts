import { describe, expect, test } from "bun:test";
import { chmod, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../store/testing.ts";
import { ensureAdminKey } from "./admin-key.ts";

describe("the admin key", () => {
  test("is made at first start, kept for its owner only, and the same afterwards", async () => {
    await using folder = await temporaryFolder();
    const first = await ensureAdminKey(folder.path);
    expect(first.created).toBe(true);
    expect(first.key).toMatch(/^sla_[A-Za-z0-9_-]{43}$/);
    expect(await ensureAdminKey(folder.path)).toEqual({ key: first.key, created: false });
    expect((await stat(join(folder.path, "admin-key"))).mode & 0o777).toBe(0o600);
  });

  test("file that others could read is closed to them", async () => {
    await using folder = await temporaryFolder();
    await ensureAdminKey(folder.path);
    await chmod(join(folder.path, "admin-key"), 0o644);
    await ensureAdminKey(folder.path);
    expect((await stat(join(folder.path, "admin-key"))).mode & 0o777).toBe(0o600);
  });

  test("is one, also when two processes start at once", async () => {
    await using folder = await temporaryFolder();
    const made = await Promise.all(Array.from({ length: 8 }, () => ensureAdminKey(folder.path)));
    expect(new Set(made.map(({ key }) => key)).size).toBe(1);
    expect(made.filter(({ created }) => created)).toHaveLength(1);
  });

  test("that is configured goes before the kept one and is not written down", async () => {
    await using folder = await temporaryFolder();
    expect(await ensureAdminKey(folder.path, "a-configured-secret")).toEqual({
      key: "a-configured-secret",
      created: false,
    });
    expect(await Bun.file(join(folder.path, "admin-key")).exists()).toBe(false);
    expect((await ensureAdminKey(folder.path, "")).created).toBe(true);
  });

  test("that is short, a gateway key or not a key is refused with what to do", async () => {
    await using folder = await temporaryFolder();
    await expect(ensureAdminKey(folder.path, "short")).rejects.toThrow("has 5 characters; at least 16 are needed");
    await expect(ensureAdminKey(folder.path, `slc_x_${"A".repeat(43)}`)).rejects.toThrow("is a gateway key");
    await expect(ensureAdminKey(folder.path, "two words with blanks")).rejects.toThrow("blanks");
    await writeFile(join(folder.path, "admin-key"), "nonsense");
    await expect(ensureAdminKey(folder.path)).rejects.toThrow("does not hold an admin key");
  });
});
