import { describe, expect, test } from "bun:test";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { evaluate } from "../core/engine.ts";
import { emptyFacts } from "../core/facts.ts";
import type { Logger } from "../core/ports.ts";
import { createPolicyService, type PolicyService, type PolicyServiceOptions, type ReloadEvent } from "./service.ts";
import { type TestFolder, testFolder, testOptions } from "./testing.ts";

const path = "org/a.policy.yaml";
const policyWith = (code: string) => `rules: [{ then: deny, code: ${code} }]\n`;

interface Running extends AsyncDisposable {
  readonly service: PolicyService;
  readonly events: ReloadEvent[];
  readonly lines: string[];
}

async function start(dir: string, options: Partial<PolicyServiceOptions> = {}): Promise<Running> {
  const events: ReloadEvent[] = [];
  const lines: string[] = [];
  const log = (_: object, message: string) => void lines.push(message);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const service = await createPolicyService({
    ...testOptions(dir),
    logger,
    clock: { now: () => 1_700_000_000_000 },
    onReload: (event) => events.push(event),
    ...options,
  });
  return { service, events, lines, [Symbol.asyncDispose]: () => service.close() };
}

/** The code with which the live set refuses a request; empty when it does not. */
function answer(service: PolicyService): string {
  const { policies } = service.live.current;
  return evaluate(policies, "request", emptyFacts()).findings[0]?.code ?? "";
}

/** Waits for a condition; answers how long it took. */
async function until(condition: () => boolean, limitMs = 5_000): Promise<number> {
  const from = performance.now();
  while (!condition()) {
    if (performance.now() - from > limitMs) throw new Error("it did not come about");
    await Bun.sleep(1);
  }
  return performance.now() - from;
}

async function running(options: Partial<PolicyServiceOptions> = {}): Promise<Running & { folder: TestFolder }> {
  const folder = await testFolder({ [path]: policyWith("first") });
  const started = await start(folder.dir, options);
  return {
    ...started,
    folder,
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test("a valid folder is live at once", async () => {
  await using run = await running();
  expect(answer(run.service)).toBe("first");
  const { revision } = run.service.live.current;
  expect(run.service.status()).toEqual({
    state: "ready",
    revision,
    files: revision,
    origin: "folder",
    loadedAt: 1_700_000_000_000,
    problems: [],
    warnings: [],
    overlayProblems: [],
    pin: null,
    waiting: null,
  });
  expect(run.service.sources().get("org/a")).toEqual({ path, text: policyWith("first"), owner: "" });
  expect(run.events.map(({ result }) => result)).toEqual(["loaded"]);
});

describe("an edit is enforced in well under half a second:", () => {
  const edits: readonly [string, (folder: TestFolder) => Promise<void>][] = [
    ["a file written in place", (folder) => folder.write(path, policyWith("second"))],
    [
      "a file renamed over it, as editors save",
      async (folder) => {
        await folder.write("org/.a.swp", policyWith("second"));
        await rename(join(folder.dir, "org/.a.swp"), join(folder.dir, path));
      },
    ],
    ["a file in a folder that is new", (folder) => folder.write("org/aa/first.policy.yaml", policyWith("second"))],
    [
      "the file taken away and another put there",
      async (folder) => {
        await rm(join(folder.dir, path));
        await folder.write("org/b.policy.yaml", policyWith("second"));
      },
    ],
  ];
  test.each(edits)("%s", async (_, edit) => {
    // Only the system's own events: the poll is too slow to be what is seen here.
    await using run = await running({ pollMs: 60_000 });
    await edit(run.folder);
    const codes = () =>
      evaluate(run.service.live.current.policies, "request", emptyFacts()).findings.map(({ code }) => code);
    expect(await until(() => codes().includes("second"))).toBeLessThan(500);
  });
});

describe("changes that raise no event are found by looking:", () => {
  test("a folder that was not there at the start", async () => {
    await using folder = await testFolder();
    const dir = join(folder.dir, "later");
    await using run = await start(dir, { pollMs: 20 });
    expect(run.service.status().state).toBe("invalid");
    await mkdir(join(dir, "org"), { recursive: true });
    await writeFile(join(dir, path), policyWith("second"));
    await until(() => answer(run.service) === "second");
    // And from then on by events again.
    await writeFile(join(dir, path), policyWith("third"));
    await until(() => answer(run.service) === "third");
  });

  test("a symbolic link that is swapped, as mounted volumes do", async () => {
    await using folder = await testFolder({
      "v1/a.policy.yaml": policyWith("first"),
      "v2/a.policy.yaml": policyWith("second"),
    });
    const dir = join(folder.dir, "mounted");
    await mkdir(dir);
    await symlink("../v1", join(dir, "org"));
    await using run = await start(dir, { pollMs: 20 });
    expect(answer(run.service)).toBe("first");
    await symlink("../v2", join(dir, ".next"));
    await rename(join(dir, ".next"), join(dir, "org"));
    await until(() => answer(run.service) === "second");
  });
});

describe("a broken edit changes nothing:", () => {
  test("the last good set stays live, and status and log say where the mistake is", async () => {
    await using run = await running();
    const { revision } = run.service.live.current;
    await run.folder.write(path, "rules: [{ then: dney }]\n");
    await until(() => run.service.status().state === "degraded");
    expect(answer(run.service)).toBe("first");
    expect(run.service.status()).toMatchObject({
      revision,
      loadedAt: 1_700_000_000_000,
      problems: [{ file: "policies/org/a.policy.yaml", line: 1, column: 17, code: "C023" }],
    });
    expect(run.lines.join("\n")).toContain("policies/org/a.policy.yaml:1:17  C023  expected one of 'deny'");
    expect(run.events.at(-1)).toMatchObject({ result: "refused", revision });
  });

  test("taking it back makes the set ready again without a reload", async () => {
    await using run = await running();
    const live = run.service.live.current;
    await run.folder.write(path, "rules: [");
    await until(() => run.service.status().state === "degraded");
    await run.folder.write(path, policyWith("first"));
    await until(() => run.service.status().state === "ready");
    expect(run.service.live.current).toBe(live);
    expect(run.service.status().problems).toEqual([]);
    // Whoever read of the mistake in the log reads of its end there too.
    expect(run.lines.at(-1)).toContain("the policies are in order again");
  });

  test("a folder that goes away leaves the set live", async () => {
    await using run = await running({ pollMs: 20 });
    await rename(run.folder.dir, `${run.folder.dir}-gone`);
    await until(() => run.service.status().state === "degraded");
    expect(answer(run.service)).toBe("first");
    await rename(`${run.folder.dir}-gone`, run.folder.dir);
    await until(() => run.service.status().state === "ready");
  });
});

test("without a valid set nothing is live until there is one", async () => {
  await using folder = await testFolder({ [path]: "rules: [{ then: dney }]\n" });
  await using run = await start(folder.dir);
  expect(run.service.status()).toMatchObject({ state: "invalid", revision: "none", loadedAt: 0 });
  expect(run.service.live.current.policies).toEqual([]);
  await folder.write(path, policyWith("second"));
  await until(() => run.service.status().state === "ready");
  expect(answer(run.service)).toBe("second");
});

test("a failure that nobody foresaw leaves the set live, is told, and the next look tries again", async () => {
  await using folder = await testFolder({ [path]: policyWith("first") });
  const { registry } = testOptions(folder.dir);
  let failing = false;
  const get = (name: string) => {
    if (failing) throw new Error("the registry is ill");
    return registry.get(name);
  };
  await using run = await start(folder.dir, { registry: { ...registry, get }, watch: false });
  await folder.write("org/b.policy.yaml", "uses: request_size\nwith: { max_request_bytes: 5 }\n");
  failing = true;
  await expect(run.service.reload()).rejects.toThrow("ill");
  expect(run.service.status()).toMatchObject({ state: "degraded", problems: [{ code: "C038" }] });
  expect(answer(run.service)).toBe("first");
  failing = false;
  expect(await run.service.reload()).toMatchObject({ state: "ready", problems: [] });
});

test("an empty folder is invalid unless that is asked for", async () => {
  await using folder = await testFolder();
  await using strict = await start(folder.dir);
  expect(strict.service.status()).toMatchObject({ state: "invalid", problems: [{ code: "C039" }] });
  await using lenient = await start(folder.dir, { allowEmpty: true });
  expect(lenient.service.status()).toMatchObject({ state: "ready", problems: [] });
});

test("the same content is not loaded again", async () => {
  await using run = await running();
  const live = run.service.live.current;
  await run.folder.write(path, policyWith("first"));
  await run.folder.write("org/README.md", "Something.");
  await run.service.reload();
  expect(run.service.live.current).toBe(live);
  expect(run.events).toHaveLength(1);
});

test("a request under way keeps the set it began with", async () => {
  await using run = await running();
  const before = run.service.live.current;
  before.enter();
  await run.folder.write(path, policyWith("second"));
  await until(() => answer(run.service) === "second");
  expect(evaluate(before.policies, "request", emptyFacts()).findings[0]!.code).toBe("first");
  before.leave();
});

test("many edits in a row end with the last one live", async () => {
  await using run = await running();
  for (let i = 0; i < 40; i++) await run.folder.write(path, policyWith(`edit_${i}`));
  await until(() => answer(run.service) === "edit_39");
  expect(run.service.status().state).toBe("ready");
});

test("after close nothing is followed any more", async () => {
  await using run = await running({ pollMs: 5 });
  await run.service.close();
  await run.folder.write(path, policyWith("second"));
  await using witness = await start(run.folder.dir);
  expect(answer(witness.service)).toBe("second");
  expect(answer(run.service)).toBe("first");
});
