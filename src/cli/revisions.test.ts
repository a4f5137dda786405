import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Harness, startHarness, until } from "../gateway/e2e-harness.ts";
import { testFolder } from "../policy/testing.ts";
import { sluice } from "./testing.ts";

const path = "org/tool.policy.yaml";
const denying = (tool: string) =>
  `rules: [{ id: tool, when: '"${tool}" in request.tool_names', then: deny, code: tool_denied }]\n`;
const body = {
  model: "echo",
  messages: [{ role: "user", content: "hi" }],
  tools: [{ type: "function", function: { name: "danger", parameters: {} } }],
};

let gateway: Harness;
let dataDir: string;
/** What runs against the harness's gateway and folders. */
const run = (...args: string[]) =>
  sluice([...args, "--data-dir", dataDir, ...(args[0] === "activate" ? ["--url", gateway.url] : [])]);
const statusOf = async () => {
  const response = await gateway.post("/v1/chat/completions", body);
  await response.bytes();
  return response.status;
};
const readiness = async () => (await fetch(`${gateway.url}/readyz`)).json() as Promise<Record<string, unknown>>;

let first: string;
let second: string;
beforeAll(async () => {
  gateway = await startHarness({ policies: { [path]: denying("danger") } });
  dataDir = join(gateway.dir, "data");
  first = String((await gateway.admin("policies/current")).files);
  gateway.writePolicy(path, denying("other"));
  second = await until(async () => {
    const { files } = await gateway.admin("policies/current");
    return files !== first && String(files);
  });
});
afterAll(() => gateway[Symbol.asyncDispose]());

describe("sluice revisions", () => {
  test("lists what is kept, the live one first", async () => {
    const { code, out } = await run("revisions");
    expect(code).toBe(0);
    const [head, ...rows] = out.trimEnd().split("\n");
    expect(head).toMatch(/^revision +state +live_at +policies +commit +author +by$/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
      [second.slice(0, 19), "live"],
      [first.slice(0, 19), expect.stringMatching(/^\d{4}-/)],
    ]);
  });

  test("writes whole digests for programs", async () => {
    const { out } = await run("revisions", "--format", "json");
    expect(JSON.parse(out)).toMatchObject([
      { revision: second, state: "live", policies: "1", by: "files" },
      { revision: first, state: "" },
    ]);
  });
});

describe("sluice diff", () => {
  test("compares retained revisions", async () => {
    const { code, out } = await run("diff", first.slice(7, 19), "live");
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      `from  ${first.slice(7, 19)} (${first})`,
      `to    live (${second})`,
      "",
      "changed policy org/tool",
      `  rules.tool.when: "\\"danger\\" in request.tool_names" → "\\"other\\" in request.tool_names"  [cannot tell: the conditions are too different to compare]`,
      "",
      "1 changed: 0 loosening, 0 tightening, 1 that cannot be told, 0 neither",
      "",
    ]);
  });

  test.skipIf(Bun.which("git") === null)("compares the policies folder with a commit (needs git)", async () => {
    await using folder = await testFolder({ [path]: denying("danger") });
    const git = (...args: string[]) =>
      Bun.spawnSync(["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", ...args], { cwd: folder.dir });
    for (const args of [
      ["init", "-q", ".."],
      ["add", "."],
      ["commit", "-q", "-m", "as it is"],
    ]) {
      git(...args);
    }
    await folder.write("org/new.policy.yaml", "rules: [{ when: request.stream, then: deny }]\n");
    const { code, out } = await run("diff", "HEAD", "--policies-dir", folder.dir, "--format", "json");
    expect(code).toBe(0);
    const { names, items } = JSON.parse(out);
    expect(names.base).toMatch(/^HEAD \(commit [0-9a-f]{12}\)$/);
    expect(items).toMatchObject([{ id: "org/new", change: "added", tendency: "tightens" }]);
  });

  test("annotates pull requests", async () => {
    const { out } = await run("diff", "previous", "live", "--format", "github");
    expect(out).toStartWith("::notice file=");
    expect(out).toContain("org/tool.policy.yaml,line=1,col=21,title=cannot tell%3A policy org/tool::rules.tool.when");
  });

  test.each([
    ["no-such-commit", "is neither a folder nor a retained revision, and as a commit: git knows no commit"],
    ["sha256:0000", "There is no revision 'sha256:0000'"],
    ["--upload-pack=x", "unknown option"],
  ])("does not know %s, exit 2", async (name, message) => {
    const { code, err } = await run("diff", name, "live");
    expect([code, err.includes(message), err]).toEqual([2, true, err]);
  });
});

describe("sluice activate", () => {
  test("rolls a running gateway back in under a second, over restarts of the watcher too, until it is taken off", async () => {
    expect(await statusOf()).toBe(200);
    const back = await run("activate", "previous", "--reason", "the tool is still dangerous");
    expect(back).toEqual({
      code: 0,
      out: `${first} is live and pinned; the policies folder holds ${second}, which waits\n`,
      err: "",
    });
    expect(await statusOf()).toBe(403);
    expect(await readiness()).toEqual({
      status: "ready",
      parts: [
        {
          name: "policies",
          state: "pinned",
          problem: expect.stringMatching(
            new RegExp(`^pinned to ${first} since \\S+\\nthe policies folder holds ${second}, which`),
          ),
        },
      ],
    });
    expect(await gateway.admin("status")).toMatchObject({
      status: "ready",
      revision: first,
      parts: expect.arrayContaining([
        { name: "policies", state: "pinned", detail: expect.stringContaining("pinned to") },
      ]),
    });
    const scrape = async () => (await fetch(`${gateway.url}/metrics`)).text();
    expect(await scrape()).toContain('sluice_policy_state{state="pinned"} 1');
    expect(await scrape()).toContain(`sluice_policy_revision_info{revision="${first}"} 1`);
    expect(await scrape()).not.toContain(second);
    expect(await scrape()).toContain('sluice_policy_loads_total{result="activated"} 1');

    // A change is checked and kept, and does not go live.
    gateway.writePolicy(path, denying("third"));
    await until(async () => (await scrape()).includes('sluice_policy_loads_total{result="checked"} 1'));
    expect(await statusOf()).toBe(403);
    const { out } = await run("revisions", "--format", "json");
    expect(JSON.parse(out)[0]).toMatchObject({ revision: first, state: "pinned", by: "admin-key" });
    expect(JSON.parse(out)).toContainEqual(expect.objectContaining({ live_at: "never" }));

    const forward = await run("activate", "latest");
    expect([forward.code, forward.out]).toEqual([0, expect.stringMatching(/ is live; nothing is pinned\n$/)]);
    expect(await statusOf()).toBe(200);
    expect(await readiness()).toEqual({ status: "ready", parts: [] });
  });

  test("does not know a revision that is not kept, exit 2", async () => {
    expect(await run("activate", "sha256:0000")).toMatchObject({
      code: 2,
      err: "error: There is no revision 'sha256:0000'.\n",
    });
  });

  test("is refused what does not compile, exit 3", async () => {
    const file = join(dataDir, "revisions", first.slice(7), "files", path);
    writeFileSync(file, "rules: [{ then: dney }]\n");
    const { code, err } = await run("activate", first);
    expect(code).toBe(3);
    expect(err).toContain("cannot be made live");
    writeFileSync(file, denying("danger"));
  });

  test("wants a key that the gateway takes, exit 2", async () => {
    const { code, err } = await run("activate", "previous", "--admin-key", "not-the-key-of-this");
    expect([code, err]).toEqual([2, expect.stringContaining("Send an admin key")]);
  });

  test("wants a key that may do it, exit 2", async () => {
    const { key } = await gateway.admin("admin-keys", { method: "POST", body: { name: "looks on", role: "viewer" } });
    const { code, err } = await run("activate", "previous", "--admin-key", String(key));
    expect([code, err]).toEqual([2, expect.stringContaining("policy:activate")]);
  });

  test("wants a key at all, exit 2, and a gateway, exit 1", async () => {
    const empty = mkdtempSync(join(tmpdir(), "sluice-activate-"));
    try {
      const none = await sluice(["revisions", "--data-dir", empty]);
      expect(none).toMatchObject({
        code: 0,
        err: `no revisions are kept in ${empty}; --data-dir names another folder\n`,
      });
      const keyless = await sluice(["activate", "previous", "--data-dir", empty]);
      expect([keyless.code, keyless.err]).toEqual([2, expect.stringContaining("there is no admin key")]);
      using gone = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
      const url = `http://127.0.0.1:${gone.port}`;
      await gone.stop(true);
      const env = { SLUICE_URL: url, SLUICE_ADMIN_KEY: "some-key-of-enough-length" };
      const alone = await sluice(["activate", "previous"], env);
      expect([alone.code, alone.err]).toEqual([
        1,
        expect.stringContaining(`no gateway answers at ${url}; say with --url or SLUICE_URL where`),
      ]);
    } finally {
      rmSync(empty, { recursive: true });
    }
  });
});
