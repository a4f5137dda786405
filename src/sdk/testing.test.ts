import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { watchedFacts } from "./testing-facts.ts";

describe("the facts of a case", () => {
  test("are merged over zero values, and every read is told", () => {
    const read: string[] = [];
    const facts = watchedFacts({ request: { model: "gpt-4o" }, now: new Date(5) }, (name) => read.push(name));
    expect(facts.request.model).toBe("gpt-4o");
    expect(facts.request.bytes).toBe(0);
    expect(facts.now.getTime()).toBe(5);
    expect(read).toEqual(["request.model", "request.bytes", "now"]);
  });

  test("cannot be changed, at any depth", () => {
    const labels = { tier: "free" };
    const facts = watchedFacts({ app: { labels }, request: { roles: ["user"] } }, () => {});
    const writable = facts as unknown as { app: { labels: Record<string, string> }; request: { model: string } };
    expect(() => (writable.app.labels.tier = "paid")).toThrow(TypeError);
    expect(() => (writable.request.model = "x")).toThrow(TypeError);
    expect(() => (facts.request.roles as string[]).push("system")).toThrow(TypeError);
    expect(labels).toEqual({ tier: "free" });
    expect(Object.isFrozen(labels)).toBe(false);
  });

  test("a misspelt fact is refused, or its case would pass for the wrong reason", () => {
    expect(() => watchedFacts({ request: { byte: 3 } } as never, () => {})).toThrow("did you mean 'request.bytes'?");
  });
});

/** A plugin that does everything wrong that a test can find. */
const badPlugin = (sdk: string) => `import { definePlugin, t } from "${sdk}/index.ts";
let calls = 0;
export default definePlugin({
  name: "bad", summary: "Does wrong.", onError: "deny", phases: ["request"],
  config: t.Object({ max: t.Integer() }),
  reads: ["request.bytes"],
  reasons: { tooMany: { message: "too many" }, unused: { message: "never" } },
  examples: [{ max: 1 }],
  create: ({ max }, { deny }) => ({
    monotone: ["request.bytes"],
    request({ request }) {
      try {
        if (request.model === "counts") return (calls += 1) > 1 ? deny("tooMany", {}) : null;
        return request.bytes < max ? deny("tooMany", {}) : null;
      } catch {
        return null;
      }
    },
  }),
});`;

const badTest = (sdk: string) => `import { testPlugin } from "${sdk}/testing.ts";
import bad from "./plugin.ts";
testPlugin(bad, {
  dir: import.meta.dir,
  config: { max: 1 },
  cases: [
    { name: "reads what it does not declare", facts: { request: { bytes: 0 } }, expects: { deny: "tooMany", message: "too many" } },
    { name: "keeps state", facts: { request: { model: "counts" } }, expects: "allow" },
    { name: "is not monotone", facts: { request: { bytes: 5 } }, expects: "allow" },
    { name: "says something else", facts: { request: { bytes: 0 } }, expects: { deny: "tooMany", message: "other words" } },
    { name: "reads more than it has to", facts: { request: { bytes: 1 } }, expects: "allow", reads: [] },
    { name: "is monotone in other facts", facts: { request: { bytes: 1 } }, expects: "allow", monotone: [] },
    { name: "says nothing of its config", facts: { request: { bytes: 1 } }, expects: "allow", notes: [{ at: "max", message: "odd" }] },
    { name: "has no such handler", phase: "usage", expects: "allow" },
  ],
  accepts: [{ max: 1.5 }],
  refuses: [{ config: { max: 1 }, at: "max" }],
});`;

describe("testPlugin", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "sluice-testing-"));
    await Bun.write(join(dir, "plugin.ts"), badPlugin(import.meta.dir));
    await Bun.write(join(dir, "plugin.test.ts"), badTest(import.meta.dir));
    await Bun.write(join(dir, "README.md"), "# bad\n\n## Name\n\n## Config\n\n```yaml\nmaxx: 1\n```\n");
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test("finds each thing that a plugin does wrong", async () => {
    const child = Bun.spawn([process.execPath, "test", join(dir, "plugin.test.ts")], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const text = out + err;
    expect(await child.exited).not.toBe(0);
    const failed = new Set([...text.matchAll(/^\(fail\) bad > (.+?) \[/gm)].map(([, name]) => name!));
    expect([...failed].sort()).toEqual(
      [
        "reads what it does not declare",
        "keeps state",
        "is not monotone",
        "says something else",
        "reads more than it has to",
        "is monotone in other facts",
        "says nothing of its config",
        "has no such handler",
        'accepts {"max":1.5}',
        'refuses {"max":1}',
        "every declared reason has a case",
        "every config field says what it is",
        "a fact that cannot be computed becomes onError, not an answer",
        "the README has its sections, in order",
        "the README names every config field and every reason's code",
        "every YAML block of the README is accepted, and there is one",
      ].sort(),
    );
    expect(text).toContain("request.model");
  });
});
