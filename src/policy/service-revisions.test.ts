import { describe, expect, test } from "bun:test";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { evaluate } from "../core/engine.ts";
import { emptyFacts } from "../core/facts.ts";
import { emptyOverlay, type PolicyOverlay } from "../core/overlay.ts";
import { createTestLogger } from "../store/testing.ts";
import { createRevisionStore, type RevisionStore } from "./revisions.ts";
import { createPolicyService, type PolicyService, type PolicyServiceOptions, type ReloadEvent } from "./service.ts";
import { describeStatus } from "./status.ts";
import { type TestFolder, testFolder, testOptions } from "./testing.ts";

const path = "org/a.policy.yaml";
const denying = (code: string) => `rules: [{ then: deny, code: ${code} }]\n`;
const broken = "rules: [{ then: dney }]\n";
const now = 1_700_000_000_000;

/** A policies folder and a data directory, which processes come and go over. */
interface Place extends AsyncDisposable {
  readonly folder: TestFolder;
  readonly store: RevisionStore;
  readonly dataDir: string;
  write(code: string): Promise<void>;
  start(options?: Partial<PolicyServiceOptions>): Promise<Process>;
}

interface Process extends AsyncDisposable {
  readonly service: PolicyService;
  readonly events: ReloadEvent[];
  readonly log: readonly string[];
  /** The codes that the live set refuses a request with. */
  codes(): string[];
}

async function place(files: Readonly<Record<string, string>> = { [path]: denying("first") }): Promise<Place> {
  const folder = await testFolder(files);
  const dataDir = join(folder.dir, "../data");
  const store = createRevisionStore({ dataDir, policiesDir: folder.dir, clock: { now: () => now } });
  return {
    folder,
    store,
    dataDir,
    write: (code) => folder.write(path, denying(code)),
    async start(options = {}) {
      const events: ReloadEvent[] = [];
      const logger = createTestLogger();
      const service = await createPolicyService({
        ...testOptions(folder.dir),
        logger,
        clock: { now: () => now },
        revisions: store,
        watch: false,
        onReload: (event) => events.push(event),
        ...options,
      });
      const facts = emptyFacts();
      const codes = () => evaluate(service.live.current.policies, "request", facts).findings.map(({ code }) => code);
      return { service, events, log: logger.lines, codes, [Symbol.asyncDispose]: () => service.close() };
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const by = { actor: "ann", reason: "too strict" };

describe("a start with broken files", () => {
  test("goes on with the set that was live last, degraded, and says what is wrong", async () => {
    await using at = await place();
    await (await at.start()).service.close();
    await at.folder.write(path, broken);
    await using run = await at.start();
    const status = run.service.status();
    expect(run.codes()).toEqual(["first"]);
    expect(status).toMatchObject({
      state: "degraded",
      origin: "retained",
      loadedAt: now,
      problems: [{ code: "C023" }],
    });
    expect(status.revision).toBe((await at.store.list())[0]!.id);
    expect(run.events.map(({ result }) => result)).toEqual(["refused", "restored"]);
    expect(describeStatus(status)).toEqual({
      state: "degraded",
      problem: expect.stringMatching(
        /^policies\/org\/a.policy.yaml:1:17 {2}C023 .*\n(?:.*\n)*.*the last good revision sha256:\w+ is/,
      ),
      outline: expect.stringMatching(
        /^policies\/org\/a.policy.yaml:1:17 {2}C023\nthe policies folder .*the last good revision sha256:\w+ is live/,
      ),
    });
    expect(run.log.join("\n")).toContain("the last good revision is live instead");

    await at.write("second");
    expect(await run.service.reload()).toMatchObject({ state: "ready", origin: "folder", problems: [] });
    expect(run.codes()).toEqual(["second"]);
  });

  test("takes the newest of several; the one before when that does not compile any more", async () => {
    await using at = await place();
    await using first = await at.start();
    await at.write("second");
    await first.service.reload();
    await first.service.close();
    await at.folder.write(path, broken);
    const [newest] = await at.store.list();
    await using run = await at.start();
    expect(run.codes()).toEqual(["second"]);
    await writeFile(join(at.dataDir, "revisions", newest!.id.slice(7), "files", path), broken);
    await using again = await at.start();
    expect(again.codes()).toEqual(["first"]);
  });

  test("the set that was gone back to last counts as the newest", async () => {
    await using at = await place();
    await using run = await at.start();
    for (const code of ["second", "first"]) {
      await at.write(code);
      await run.service.reload();
    }
    await run.service.close();
    await at.folder.write(path, broken);
    await using again = await at.start();
    expect(again.codes()).toEqual(["first"]);
  });

  test("is not ready when nothing good was ever live, or nothing is left of it", async () => {
    await using at = await place({ [path]: broken });
    await using run = await at.start();
    expect(run.service.status()).toMatchObject({ state: "invalid", revision: "none", files: "none", origin: "none" });
    await at.write("first");
    await run.service.reload();
    await run.service.close();
    await at.folder.write(path, broken);
    await rm(join(at.dataDir, "revisions"), { recursive: true });
    await using again = await at.start();
    expect(again.service.status().state).toBe("invalid");
  });

  test.each([
    ["a folder that is gone", (at: Place) => rename(at.folder.dir, `${at.folder.dir}-gone`), "C038"],
    ["a folder that is empty", (at: Place) => rm(join(at.folder.dir, path)), "C039"],
  ])("%s is a broken one", async (_, breakIt, code) => {
    await using at = await place();
    await (await at.start()).service.close();
    await breakIt(at);
    await using run = await at.start();
    expect(run.codes()).toEqual(["first"]);
    expect(run.service.status()).toMatchObject({ state: "degraded", problems: [{ code }] });
  });

  test("with an empty folder allowed, an empty folder is what is live", async () => {
    await using at = await place();
    await (await at.start()).service.close();
    await rm(join(at.folder.dir, path));
    await using run = await at.start({ allowEmpty: true });
    expect([run.codes(), run.service.status().state]).toEqual([[], "ready"]);
  });

  test("a set that only ever waited is not one that was live", async () => {
    await using at = await place();
    await using run = await at.start();
    await run.service.activate(run.service.status().files, by);
    await at.write("waiting");
    await run.service.reload();
    await run.service.close();
    await at.store.setPin(null);
    await at.folder.write(path, broken);
    await using again = await at.start();
    expect(again.codes()).toEqual(["first"]);
  });
});

describe("a pinned revision", () => {
  /** The first of two sets is pinned. */
  async function pinned() {
    const at = await place();
    const run = await at.start();
    const first = run.service.status().files;
    await at.write("second");
    const second = (await run.service.reload()).files;
    const status = await run.service.activate(first, by);
    const dispose = async () => {
      await run.service.close();
      await at[Symbol.asyncDispose]();
    };
    return { at, run, first, second, status, [Symbol.asyncDispose]: dispose };
  }

  test("is live at once, and says who pinned it, when and why, and what waits", async () => {
    await using to = await pinned();
    expect(to.run.codes()).toEqual(["first"]);
    expect(to.status).toEqual({
      state: "ready",
      revision: to.first,
      files: to.first,
      origin: "retained",
      loadedAt: now,
      problems: [],
      warnings: [],
      overlayProblems: [],
      pin: { revision: to.first, actor: "ann", reason: "too strict", at: now },
      waiting: to.second,
    });
    expect(describeStatus(to.status)).toEqual({
      state: "pinned",
      problem: [
        `pinned to ${to.first} by ann since 2023-11-14T22:13:20.000Z: too strict`,
        `the policies folder holds ${to.second}, which is in order and waits for the pin`,
      ].join("\n"),
      outline: [
        `pinned to ${to.first} since 2023-11-14T22:13:20.000Z`,
        `the policies folder holds ${to.second}, which is in order and waits for the pin`,
      ].join("\n"),
    });
    expect(to.run.events.map(({ result }) => result)).toEqual(["loaded", "loaded", "activated"]);
  });

  test("stays live while the folder changes: good sets are kept and wait, broken ones are told", async () => {
    await using to = await pinned();
    await to.at.write("third");
    const third = await to.run.service.reload();
    expect(third).toMatchObject({ state: "ready", files: to.first });
    expect([to.second, to.first, null]).not.toContain(third.waiting);
    await to.run.service.kept();
    expect((await to.at.store.list()).find(({ id }) => id === third.waiting)).toMatchObject({ liveAt: null });
    await to.at.folder.write(path, broken);
    expect(await to.run.service.reload()).toMatchObject({ state: "degraded", waiting: null, problems: [{}] });
    expect(to.run.codes()).toEqual(["first"]);
    await to.at.write("first");
    expect(await to.run.service.reload()).toMatchObject({ state: "ready", waiting: null, files: to.first });
    expect(to.run.events.map(({ result }) => result).slice(3)).toEqual(["checked", "refused"]);
  });

  test("is live after a restart, whatever the folder holds", async () => {
    await using to = await pinned();
    await to.run.service.close();
    await using again = await to.at.start();
    expect(again.codes()).toEqual(["first"]);
    expect(again.service.status()).toEqual(to.status);
    await to.at.folder.write(path, broken);
    await using third = await to.at.start();
    expect(third.codes()).toEqual(["first"]);
    expect(third.service.status()).toMatchObject({ state: "degraded", pin: { actor: "ann" }, problems: [{}] });
  });

  test("is given up by taking the pin off: the folder decides again, now and after a restart", async () => {
    await using to = await pinned();
    const status = await to.run.service.activate(null, by);
    expect(status).toMatchObject({ state: "ready", files: to.second, origin: "folder", pin: null, waiting: null });
    expect(to.run.codes()).toEqual(["second"]);
    await to.run.service.close();
    await using again = await to.at.start();
    expect(again.codes()).toEqual(["second"]);
  });

  test("stays live as the last good one when the pin is taken off and the folder is broken", async () => {
    await using to = await pinned();
    await to.at.folder.write(path, broken);
    const status = await to.run.service.activate(null, by);
    expect(status).toMatchObject({ state: "degraded", files: to.first, pin: null });
    expect(to.run.codes()).toEqual(["first"]);
  });

  test("that cannot be made live at a start is told, and git decides until it can", async () => {
    await using to = await pinned();
    await to.run.service.close();
    const file = join(to.at.dataDir, "revisions", to.first.slice(7), "files", path);
    await writeFile(file, broken);
    await using again = await to.at.start();
    expect(again.codes()).toEqual(["second"]);
    expect(again.service.status()).toMatchObject({ state: "degraded", pin: { revision: to.first }, waiting: null });
    expect(again.service.status().problems[0]).toMatchObject({ code: "C094" });
    await to.at.write("third");
    await again.service.reload();
    expect(again.codes()).toEqual(["third"]);
    await writeFile(join(to.at.dataDir, "revisions/pin.json"), "{");
    await using third = await to.at.start();
    expect(third.service.status()).toMatchObject({ state: "degraded", problems: [{ code: "C094" }] });
    expect(await third.service.activate(null, by)).toMatchObject({ state: "ready", problems: [] });
  });

  test("that does not compile is refused, and everything is as it was", async () => {
    await using to = await pinned();
    const file = join(to.at.dataDir, "revisions", to.second.slice(7), "files", path);
    await writeFile(file, broken);
    const before = to.run.service.status();
    const live = to.run.service.live.current;
    await expect(to.run.service.activate(to.second, by)).rejects.toMatchObject({ code: "revision_refused" });
    expect(to.run.service.status()).toEqual(before);
    expect(to.run.service.live.current).toBe(live);
    expect(await to.at.store.pin()).toMatchObject({ revision: to.first });
  });
});

describe("a pin that another process set", () => {
  /** Two processes over one data directory; the first has activated the first of two sets. */
  async function two() {
    const at = await place();
    const [a, b] = [await at.start(), await at.start()];
    const first = a.service.status().files;
    await at.write("second");
    await a.service.reload();
    const second = (await b.service.reload()).files;
    await a.service.activate(first, by);
    const dispose = async () => {
      for (const one of [a, b]) await one.service.close();
      await at[Symbol.asyncDispose]();
    };
    return { at, a, b, first, second, [Symbol.asyncDispose]: dispose };
  }

  test("is followed, and followed again when it is taken off or set to another revision", async () => {
    await using to = await two();
    const { a, b, first, second } = to;
    expect(await b.service.followPin()).toEqual(a.service.status());
    expect(b.codes()).toEqual(["first"]);
    expect(b.events.at(-1)).toMatchObject({ result: "activated", revision: first });
    await a.service.activate(second, { actor: "bob", reason: "" });
    expect(await b.service.followPin()).toMatchObject({ files: second, pin: { actor: "bob" }, origin: "retained" });
    await a.service.activate(null, by);
    expect(await b.service.followPin()).toMatchObject({ files: second, pin: null, origin: "folder" });
    expect(b.codes()).toEqual(["second"]);
    const { events } = b;
    const before = events.length;
    await b.service.followPin();
    expect(events.length).toBe(before);
  });

  test("to a set that does not compile here is told, and git decides", async () => {
    await using to = await two();
    await writeFile(join(to.at.dataDir, "revisions", to.first.slice(7), "files", path), broken);
    const status = await to.b.service.followPin();
    expect(status).toMatchObject({ state: "degraded", pin: { revision: to.first }, problems: [{ code: "C094" }, {}] });
    expect(to.b.codes()).toEqual(["second"]);
  });

  test("that cannot be read changes nothing", async () => {
    await using to = await two();
    const before = to.b.service.status();
    await writeFile(join(to.at.dataDir, "revisions/pin.json"), "{");
    await expect(to.b.service.followPin()).rejects.toThrow("does not hold a pin");
    expect(to.b.service.status()).toEqual(before);
  });
});

test("requests under way keep the set they began with when another one is activated", async () => {
  await using at = await place();
  await using run = await at.start();
  const first = run.service.status().files;
  await at.write("second");
  await run.service.reload();
  const before = run.service.live.current;
  before.enter();
  await run.service.activate(first, by);
  expect(evaluate(before.policies, "request", emptyFacts()).findings[0]!.code).toBe("second");
  before.leave();
});

test("100 policies are gone back to in less than a second", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [
      `org/p${i}.policy.yaml`,
      `rules: [{ id: a, when: request.max_tokens > ${i + 1} && request.model.startsWith("m${i}"), then: deny }]\n`,
    ]),
  );
  await using at = await place(files);
  await using run = await at.start();
  const first = run.service.status().files;
  await at.folder.write("org/p0.policy.yaml", denying("other"));
  await run.service.reload();
  await run.service.kept();
  const from = performance.now();
  expect(await run.service.activate(first, by)).toMatchObject({ files: first });
  expect(performance.now() - from).toBeLessThan(1_000);
});

describe("what is laid over the files", () => {
  const overlay = (content: string): PolicyOverlay => ({
    ...emptyOverlay,
    policies: [
      {
        id: "db/extra",
        content,
        status: "active",
        enabled: true,
        actor: "ann",
        version: 1,
        createdAt: now,
        updatedAt: now,
      },
    ],
  });

  test("is in force after a refresh, with a revision of its own over the same files", async () => {
    await using at = await place();
    let over = emptyOverlay;
    await using run = await at.start({ overlay: () => over });
    const { revision, files } = run.service.status();
    expect(await run.service.refresh()).toMatchObject({ revision, files });
    expect(run.events).toHaveLength(1);
    over = overlay(denying("extra"));
    const status = await run.service.refresh();
    expect(run.codes()).toEqual(["extra", "first"]);
    expect([status.files, status.revision === revision]).toEqual([files, false]);
    await run.service.kept();
    expect((await at.store.list()).map(({ id }) => id)).toEqual([files]);
  });

  test("is laid over the live set too while the folder is broken, and over a pinned one", async () => {
    await using at = await place();
    let over = emptyOverlay;
    await using run = await at.start({ overlay: () => over });
    const first = run.service.status().files;
    await at.folder.write(path, broken);
    await run.service.reload();
    over = overlay(denying("extra"));
    expect(await run.service.refresh()).toMatchObject({ state: "degraded", files: first });
    expect(run.codes()).toEqual(["extra", "first"]);

    await at.write("second");
    await run.service.activate(first, by);
    expect(await run.service.reload()).toMatchObject({ state: "ready", files: first });
    over = overlay(denying("another"));
    await run.service.refresh();
    expect(run.codes()).toEqual(["another", "first"]);
  });

  test("and does not fit is told: the rest is in force, degraded", async () => {
    await using at = await place();
    await using run = await at.start({ overlay: () => overlay(broken) });
    const status = run.service.status();
    expect(run.codes()).toEqual(["first"]);
    expect(status).toMatchObject({ state: "degraded", problems: [], overlayProblems: [{ item: "policy db/extra" }] });
    expect(describeStatus(status).problem).toStartWith("policy db/extra  C023  ");
    expect(run.log.join("\n")).toContain("policy db/extra: ");
  });
});
