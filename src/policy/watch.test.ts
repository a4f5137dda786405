import { describe, expect, test } from "bun:test";
import { mkdir, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestFolder, testFolder } from "./testing.ts";
import { readPolicyTree } from "./tree.ts";
import { type WatchOptions, watchFolder } from "./watch.ts";

const path = "org/a.policy.yaml";
const policyWith = (code: string) => `rules: [{ then: deny, code: ${code} }]\n`;
/** Only events: looks come too late to be what is seen. */
const events: WatchOptions = { quietMs: 5, pollMs: 60_000, contentMs: 60_000 };
const looks: WatchOptions = { quietMs: 5, pollMs: 5, contentMs: 60_000 };

interface Follower extends AsyncDisposable {
  /** Resolves when what was last read holds this text. */
  holds(text: string): Promise<void>;
  /** How often the folder was read. */
  readonly reads: () => number;
}

/** Follows a folder as the service does: reads it whole when told, never because of a time of its own. */
function follow(dir: string, options: WatchOptions, whileReading: () => Promise<void> = async () => {}): Follower {
  let last = "";
  let reads = 0;
  let wake = Promise.withResolvers<void>();
  const stop = watchFolder(dir, options, async () => {
    const { files } = await readPolicyTree(dir);
    await whileReading();
    last = files.map(({ text }) => text).join("");
    reads += 1;
    wake.resolve();
    wake = Promise.withResolvers();
  });
  return {
    reads: () => reads,
    async holds(text) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => late.reject(new Error(`still: ${last}`)), 10_000);
      try {
        while (!last.includes(text)) await Promise.race([wake.promise, late.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Writes a file beside another and renames it over it. */
async function replace(dir: string, file: string, text: string): Promise<void> {
  await writeFile(join(dir, `${file}.tmp`), text);
  await rename(join(dir, `${file}.tmp`), join(dir, file));
}

describe("events tell of", () => {
  const changes: readonly [string, (folder: TestFolder) => Promise<unknown>][] = [
    ["a file written in place", ({ dir }) => writeFile(join(dir, path), policyWith("second"))],
    ["a file renamed over another", ({ dir }) => replace(dir, path, policyWith("second"))],
    ["a file in folders that are new", (folder) => folder.write("org/new/deep/b.policy.yaml", policyWith("second"))],
    [
      "a folder replaced by another",
      async ({ dir }) => {
        await mkdir(join(dir, ".next"));
        await writeFile(join(dir, ".next/a.policy.yaml"), policyWith("second"));
        await rename(join(dir, "org"), join(dir, ".previous"));
        await rename(join(dir, ".next"), join(dir, "org"));
      },
    ],
    [
      "a helper of a TypeScript policy",
      ({ dir }) => writeFile(join(dir, "org/helper.ts"), "export const x = 'second';"),
    ],
  ];
  test.each(changes)("%s, and of what changes there afterwards", async (_, change) => {
    await using folder = await testFolder({ [path]: policyWith("first"), "org/helper.ts": "export const x = 1;" });
    await using follower = follow(folder.dir, events);
    await follower.holds("first");
    await change(folder);
    await follower.holds("second");
    await writeFile(join(folder.dir, path), policyWith("third"));
    await follower.holds("third");
  });
});

/** A volume as Kubernetes mounts it: `org` leads to `..data/org`, and `..data` to the folder of the current version. */
async function mounted(folder: TestFolder, version: string): Promise<void> {
  await folder.write(`..${version}/org/a.policy.yaml`, policyWith(version));
  await symlink(`..${version}`, join(folder.dir, "..data_tmp"));
  await rename(join(folder.dir, "..data_tmp"), join(folder.dir, "..data"));
}

test("a mounted volume whose version is swapped is followed, by events and time after time", async () => {
  await using folder = await testFolder();
  await mounted(folder, "v1");
  await symlink("..data/org", join(folder.dir, "org"));
  await using follower = follow(folder.dir, events);
  await follower.holds("v1");
  for (const [i, version] of ["v2", "v3", "v4"].entries()) {
    await mounted(folder, version);
    await rm(join(folder.dir, `..v${i + 1}`), { recursive: true });
    await follower.holds(version);
  }
});

describe("what raises no event is found by looking:", () => {
  test("a change behind a symbolic link", async () => {
    await using folder = await testFolder();
    const real = join(folder.dir, "..", "real");
    await mkdir(real);
    await writeFile(join(real, "a.policy.yaml"), policyWith("first"));
    await symlink(real, join(folder.dir, "org"));
    await using follower = follow(folder.dir, looks);
    await follower.holds("first");
    await writeFile(join(real, "a.policy.yaml"), policyWith("second, longer"));
    await follower.holds("second");
    await replace(real, "a.policy.yaml", policyWith("third"));
    await follower.holds("third");
  });

  test("a folder reached by a link that is swapped, which is watched from then on", async () => {
    await using folder = await testFolder({ [`1/${path}`]: policyWith("first"), [`2/${path}`]: policyWith("second") });
    const current = join(folder.dir, "current");
    await symlink("1", current);
    await using follower = follow(current, { ...looks, pollMs: 20 });
    await follower.holds("first");
    await symlink("2", join(folder.dir, "next"));
    await rename(join(folder.dir, "next"), current);
    await follower.holds("second");
    await folder.write(`2/${path}`, policyWith("third"));
    await follower.holds("third");
  });

  test("a folder that is taken away and made anew", async () => {
    await using folder = await testFolder({ [`p/${path}`]: policyWith("first") });
    const dir = join(folder.dir, "p");
    await using follower = follow(dir, looks);
    await follower.holds("first");
    await rm(dir, { recursive: true });
    await folder.write(`p/${path}`, policyWith("second"));
    await follower.holds("second");
  });

  test("a folder that was not there", async () => {
    await using folder = await testFolder();
    await using follower = follow(join(folder.dir, "later"), looks);
    await folder.write(`later/${path}`, policyWith("first"));
    await follower.holds("first");
  });

  test("a content that changed while the file looks the same", async () => {
    await using folder = await testFolder();
    const real = join(folder.dir, "..", "real");
    await mkdir(real);
    const file = join(real, "a.policy.yaml");
    await writeFile(file, policyWith("first"));
    await utimes(file, 1_700_000_000, 1_700_000_000);
    await symlink(real, join(folder.dir, "org"));
    await using follower = follow(folder.dir, { ...looks, contentMs: 20 });
    await follower.holds("first");
    const before = await stat(file);
    await writeFile(file, policyWith("other"));
    await utimes(file, 1_700_000_000, 1_700_000_000);
    const after = await stat(file);
    expect([after.size, after.mtimeMs, after.ino]).toEqual([before.size, before.mtimeMs, before.ino]);
    await follower.holds("other");
  });
});

test("a burst of changes is one, and one that does not end is not waited for", async () => {
  await using folder = await testFolder({ [path]: policyWith("first") });
  await using follower = follow(folder.dir, { ...events, quietMs: 50 });
  await follower.holds("first");
  const before = follower.reads();
  for (let i = 0; i < 20; i += 1) await folder.write(path, policyWith(`burst_${i}`));
  await follower.holds("burst_19");
  expect(follower.reads() - before).toBeLessThan(10);

  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; i += 1) await folder.write("org/b.policy.yaml", policyWith(`endless_${i}`));
  })();
  await follower.holds("endless");
  writing = false;
  await writer;
});

test("the owner is never told again while it is still reading, and once more afterwards", async () => {
  await using folder = await testFolder({ [path]: policyWith("first") });
  let inside = 0;
  let most = 0;
  let reading = Promise.withResolvers<void>();
  let go = Promise.withResolvers<void>();
  go.resolve();
  await using follower = follow(folder.dir, events, async () => {
    inside += 1;
    most = Math.max(most, inside);
    reading.resolve();
    await go.promise;
    inside -= 1;
  });
  await follower.holds("first");
  go = Promise.withResolvers();
  reading = Promise.withResolvers();
  await folder.write(path, policyWith("second"));
  await reading.promise;
  await folder.write(path, policyWith("third"));
  go.resolve();
  await follower.holds("third");
  expect(most).toBe(1);
});
