import { expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { emptyOverlay, type PolicyOverlay } from "../core/overlay.ts";
import { revisionOf } from "./overlay.ts";
import { createOverlayArchive } from "./overlay-archive.ts";

const files = `sha256:${"0".repeat(64)}`;
const laid = (cap: number): PolicyOverlay => ({
  ...emptyOverlay,
  settings: [
    {
      ...{ id: "", version: 1, createdAt: 0, updatedAt: 0, actor: "ann" },
      policy: "org/cap",
      application: "",
      params: { cap },
      mode: null,
    },
  ],
});

async function archive(keep?: number) {
  const dataDir = await mkdtemp(join(tmpdir(), "sluice-overlays-"));
  const dir = join(dataDir, "revisions/overlays");
  const made = createOverlayArchive({ dataDir, ...(keep !== undefined && { keep }) });
  return { ...made, overlays: made, dir, [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true }) };
}

test("an overlay comes back under the revision that it made", async () => {
  await using kept = await archive();
  const overlay = laid(5);
  const revision = revisionOf(files, overlay);
  await kept.overlays.keep(revision, { files, overlay });
  await kept.overlays.keep(revision, { files, overlay });
  expect(await kept.overlays.find(revision)).toEqual({ files, overlay });
  const [name, ...others] = await readdir(kept.dir);
  expect(others).toEqual([]);
  // Only the owner may read what operators laid over the policies.
  expect((await stat(join(kept.dir, name!))).mode & 0o777).toBe(0o600);
});

test("what is not there, broken or another one is not found", async () => {
  await using kept = await archive();
  const [one, other] = [laid(5), laid(6)].map((overlay) => ({ overlay, revision: revisionOf(files, overlay) }));
  for (const name of [one!.revision, "none", "sha256:../../x", "__proto__"]) {
    expect(await kept.overlays.find(name)).toBeNull();
  }
  await kept.overlays.keep(one!.revision, { files, overlay: other!.overlay });
  expect(await kept.overlays.find(one!.revision)).toBeNull();
  await kept.overlays.keep(one!.revision, { files, overlay: one!.overlay });
  const file = join(kept.dir, `${one!.revision.slice(7)}.json`);
  await writeFile(file, (await readFile(file, "utf8")).slice(0, 40));
  expect(await kept.overlays.find(one!.revision)).toBeNull();
  await expect(kept.overlays.keep("none", { files, overlay: emptyOverlay })).rejects.toThrow(
    "'none' names no revision",
  );
});

test("the oldest are given up", async () => {
  await using kept = await archive(2);
  const overlays = [1, 2, 3, 4].map(laid);
  for (const overlay of overlays) await kept.overlays.keep(revisionOf(files, overlay), { files, overlay });
  expect((await readdir(kept.dir)).length).toBe(2);
  expect(await kept.overlays.find(revisionOf(files, overlays[3]!))).not.toBeNull();
});
