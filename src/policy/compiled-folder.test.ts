import { describe, expect, test } from "bun:test";
import { emptyOverlay, type PolicyOverlay } from "../core/overlay.ts";
import { createRegistry } from "../registry/registry.ts";
import { definePlugin, t } from "../sdk/index.ts";
import { createTestLogger } from "../store/testing.ts";
import { createPolicyService } from "./service.ts";
import { testFolder, testOptions } from "./testing.ts";

const versioned = { version: 1, createdAt: 0, updatedAt: 0, actor: "ann" };
const database = (id: string, size: number): PolicyOverlay => ({
  ...emptyOverlay,
  policies: [
    { ...versioned, id, content: `uses: counted\nwith: { size: ${size} }\n`, status: "active", enabled: true },
  ],
});

/** A service over two policies of a type that counts what is made and given back. */
async function start() {
  const made: number[] = [];
  const disposed: number[] = [];
  const state = { overlay: emptyOverlay, failing: false };
  const exported = definePlugin({
    name: "counted",
    summary: "Counts what is made of it.",
    onError: "deny",
    phases: ["request"],
    config: t.Object({ size: t.Integer({ description: "Which one it is." }) }),
    reads: [],
    reasons: {},
    create: ({ size }) => {
      made.push(size);
      return {
        request: () => null,
        dispose() {
          disposed.push(size);
          if (state.failing) throw new Error("it does not let go");
        },
      };
    },
  });
  const registry = createRegistry([{ file: "plugin.ts", folder: "counted", exported }]);
  const folder = await testFolder({
    "org/a.policy.yaml": "uses: counted\nwith: { size: 1 }\n",
    "org/b.policy.yaml": "uses: counted\nwith: { size: 2 }\n",
  });
  const logger = createTestLogger();
  const service = await createPolicyService({
    ...testOptions(folder.dir),
    registry,
    logger,
    watch: false,
    overlay: () => state.overlay,
  });
  return {
    service,
    folder,
    made,
    disposed,
    state,
    logger,
    lay(overlay: PolicyOverlay) {
      state.overlay = overlay;
      return service.refresh();
    },
    async [Symbol.asyncDispose]() {
      await service.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe("a folder whose files did not change", () => {
  test("is not compiled again for what is laid over it, and only what came goes again", async () => {
    await using at = await start();
    await at.lay(database("db/x", 10));
    expect(at.service.live.current.policies.map(({ id }) => id)).toEqual(["db/x", "org/a", "org/b"]);
    await at.lay(database("db/x", 11));
    expect([at.made, at.disposed]).toEqual([[1, 2, 10, 11], [10]]);
    await at.lay(emptyOverlay);
    expect(at.disposed).toEqual([10, 11]);
    expect(at.service.live.current.policies.map(({ id }) => id)).toEqual(["org/a", "org/b"]);
  });

  test("stays as it is for requests that began before, and goes once, with the last set that is made of it", async () => {
    await using at = await start();
    const old = at.service.live.current;
    old.enter();
    await at.lay(database("db/x", 10));
    await at.folder.write("org/b.policy.yaml", "uses: counted\nwith: { size: 3 }\n");
    await at.service.reload();
    expect(at.made).toEqual([1, 2, 10, 1, 3, 10]);
    // Two sets were made of the first folder, and a request is still in one of them.
    expect(at.disposed).toEqual([10]);
    old.leave();
    expect([...at.disposed].sort()).toEqual([1, 10, 2]);
  });

  test("is compiled again when its files come back after others", async () => {
    await using at = await start();
    await at.folder.write("org/b.policy.yaml", "uses: counted\nwith: { size: 3 }\n");
    await at.service.reload();
    await at.folder.write("org/b.policy.yaml", "uses: counted\nwith: { size: 2 }\n");
    await at.service.reload();
    expect(at.made).toEqual([1, 2, 1, 3, 1, 2]);
    expect([...at.disposed].sort()).toEqual([1, 1, 2, 3]);
  });

  test("that a set was refused beside is as it was", async () => {
    await using at = await start();
    await at.folder.write("org/b.policy.yaml", "uses: counted\nwith: { size: many }\n");
    await at.service.reload();
    expect(await at.lay(database("db/x", 10))).toMatchObject({ state: "degraded" });
    expect(at.service.live.current.policies.map(({ id }) => id)).toEqual(["db/x", "org/a", "org/b"]);
    await at.folder.write("org/b.policy.yaml", "uses: counted\nwith: { size: 2 }\n");
    expect(await at.service.reload()).toMatchObject({ state: "ready" });
    // The broken folder's good half was made for nothing, twice, and given back.
    const held = at.made.length - at.disposed.length;
    expect(held).toBe(3);
  });

  test("whose policies cannot be disposed is told of, and nobody else suffers", async () => {
    await using at = await start();
    at.state.failing = true;
    await at.folder.write("org/b.policy.yaml", "uses: counted\nwith: { size: 3 }\n");
    expect(await at.service.reload()).toMatchObject({ state: "ready" });
    await Bun.sleep(0);
    expect(at.logger.lines.join("\n")).toContain("a retired policy set could not be disposed");
    expect([...at.disposed].sort()).toEqual([1, 2]);
  });
});
