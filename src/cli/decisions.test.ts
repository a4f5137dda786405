import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Harness, startHarness, until } from "../gateway/e2e-harness.ts";
import { sluice } from "./testing.ts";

// Several commands in a row, each a process of its own.
setDefaultTimeout(30_000);

const policies = {
  "org/cap.policy.yaml": `
rules:
  - { id: over, when: request.max_tokens > 100, then: deny, code: token_cap, message: "asked for {request.max_tokens}" }
`,
};
const body = (max: number) => ({ model: "echo", max_tokens: max, messages: [{ role: "user", content: "hello" }] });
const noCap = "rules: [{ id: over, when: request.max_tokens > 100000, then: deny, code: far_too_many }]\n";

let gateway: Harness;
let folder: string;
const at = () => ["--data-dir", join(gateway.dir, "data"), "--url", gateway.url];
const run = (verb: string, ...args: string[]) => sluice([verb, ...at(), ...args]);
beforeAll(async () => {
  gateway = await startHarness({ policies });
  folder = mkdtempSync(join(tmpdir(), "sluice-decisions-"));
  for (const max of [1, 2, 200]) await (await gateway.post("/v1/chat/completions", body(max))).text();
  await until(async () => ((await gateway.admin("decisions")).data as unknown[]).length === 3);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await gateway[Symbol.asyncDispose]();
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe("sluice decisions", () => {
  test("lists them, newest first, for people and as the admin API has them", async () => {
    const { code, out, err } = await run("decisions");
    expect([code, err]).toEqual([0, ""]);
    const [head, ...rows] = out.trimEnd().split("\n");
    expect(head!.split(/ +/)).toEqual(["time", "decision", "code", "app", "env", "model", "policy", "id"]);
    expect(rows).toHaveLength(3);
    expect(rows.filter((row) => /deny +token_cap .* org\/cap +dec_/.test(row))).toHaveLength(1);
    const json = await run("decisions", "--format", "json", "--decision", "deny", "--since", "1h", "--limit", "5");
    expect(JSON.parse(json.out)).toEqual((await gateway.admin("decisions?decision=deny")).data);
    expect((await run("decisions", "--since", "2126-01-01")).out.trimEnd().split("\n")).toHaveLength(1);
  });

  test("counts them", async () => {
    const { out } = await run("decisions", "--stats", "code");
    expect(out.split("\n").map((line) => line.split(/ +/).filter((cell) => cell !== ""))).toEqual([
      ["code", "decisions", "allowed", "warned", "modified", "denied", "with_errors"],
      ["2", "2", "0", "0", "0", "0"],
      ["token_cap", "1", "0", "0", "0", "1", "0"],
      [],
    ]);
    const all = JSON.parse((await run("decisions", "--stats", "all", "--format", "json")).out);
    expect(all).toMatchObject([{ group: {}, decisions: 3, denied: 1 }]);
  });

  test("exports them, a record per line", async () => {
    const { code, out } = await run("decisions", "--export", "--decision", "allow");
    expect(code).toBe(0);
    const { data } = await gateway.admin("decisions?decision=allow");
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(data as unknown[]);
  });

  test("follows them as they are made", async () => {
    const main = join(import.meta.dir, "main.ts");
    const args = [process.execPath, main, "decisions", "--follow", "--decision", "deny", ...at()];
    const child = Bun.spawn(args, { env: { PATH: process.env.PATH ?? "" }, stdout: "pipe", stderr: "inherit" });
    let heard = "";
    const reading = (async () => {
      for await (const chunk of child.stdout) heard += new TextDecoder().decode(chunk);
    })();
    // Until it follows, what is made is not told: made again until it is heard.
    await until(async () => {
      await (await gateway.post("/v1/chat/completions", body(300))).text();
      return heard.includes("\n");
    });
    expect(heard.split("\n")[0]).toMatch(
      /^\S+Z {2}deny {2}token_cap {2}\S+ {2}dev {2}echo {2}org\/cap {2}dec_\S+_request$/,
    );
    child.kill();
    await child.exited;
    await reading;
  });

  test("follows them until the key is taken no more", async () => {
    let calls = 0;
    using other = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => {
        calls += 1;
        if (calls === 1) return new Response("retry: 1\n\n", { headers: { "content-type": "text/event-stream" } });
        return Response.json({ code: "unauthenticated", detail: "No longer." }, { status: 401 });
      },
    });
    const { code, err } = await run("decisions", "--follow", "--url", other.url.href);
    expect([calls, code, err]).toEqual([2, 2, "error: No longer.\n"]);
  });

  test.each([
    [["--stats", "colour"], 2, "'group_by' has 'colour'"],
    [["--stats", "all", "--export"], 2, "give only one of"],
    [["--since", "soon"], 2, "'soon' is no time"],
    [["--limit", "0"], 2, "--limit must be 1 or more"],
    [["--follow", "--revision", "x"], 2, "--revision goes without --follow"],
    [["--follow", "--since", "1h"], 2, "--since goes without --follow"],
    [["--url", "http://127.0.0.1:1"], 1, "no gateway answers"],
  ] as const)("is told in a line what is wrong with %p", async (args, code, message) => {
    const ended = await sluice(["decisions", "--data-dir", join(gateway.dir, "data"), "--url", gateway.url, ...args]);
    expect([ended.code, ended.out, ended.err]).toEqual([code, "", expect.stringContaining(message)]);
  });
});

describe("sluice evaluate", () => {
  test("tells how a body would be decided, and what the client would be told", async () => {
    const { code, out } = await run("evaluate", write("body.json", JSON.stringify(body(300))), "--app", "demo");
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      "result    deny (token_cap)",
      "policies  1 decided, 0 not applicable, 0 failed",
      expect.stringMatching(/^revision {2}sha256:[0-9a-f]{64}$/),
      "deny      org/cap (over): asked for 300",
      "told      403 asked for 300",
      "",
    ]);
    const { data } = await gateway.admin("decisions?decision=deny");
    expect((data as { key: string }[]).every(({ key }) => key !== "")).toBe(true);
  });

  test("explains it, and holds it to what is expected", async () => {
    const file = write("body.json", JSON.stringify(body(300)));
    const explained = await run("evaluate", file, "--explain", "--expect", "deny");
    expect(explained.code).toBe(0);
    expect(explained.out).toEndWith("it would have passed with request.max_tokens (300) at most 100.\n");
    expect((await run("evaluate", file, "--expect", "allow", "--format", "json")).code).toBe(4);
  });

  test("asks candidates in the place of the live policies", async () => {
    const candidates = mkdtempSync(join(folder, "policies-"));
    await Bun.write(join(candidates, "org/cap.policy.yaml"), noCap);
    const file = write("body.json", JSON.stringify(body(300)));
    const { code, out } = await run("evaluate", file, "--policy", join(candidates, "org/cap.policy.yaml"));
    expect([code, out]).toEqual([0, expect.stringContaining("result    allow\n")]);
    await Bun.write(join(candidates, "org/cap.policy.yaml"), "rules: 3\n");
    const refused = await run("evaluate", file, "--policy", join(candidates, "org/cap.policy.yaml"));
    expect([refused.code, refused.err]).toEqual([3, expect.stringContaining("error: ")]);
  });

  test("takes a request per line, however many there are", async () => {
    const requests = Array.from({ length: 130 }, (_, i) => JSON.stringify(body(i + 1)));
    requests.push(JSON.stringify({ surface: "messages", body: body(5) }), "");
    const { code, out } = await run("evaluate", "--batch", write("batch.ndjson", requests.join("\n")));
    expect(code).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect([lines.length, lines[0], lines[100]]).toEqual([131, "1  allow", "101  deny  token_cap  org/cap"]);
    expect(lines[130]).toBe("131  allow");
  });

  test("tells which lines could not be decided, in the exit code too", async () => {
    const { model: _, ...nameless } = body(5);
    const file = write("batch.ndjson", [body(5), nameless, body(300)].map((one) => JSON.stringify(one)).join("\n"));
    const { code, out } = await run("evaluate", "--batch", file);
    expect(out.trimEnd().split("\n")).toEqual([
      "1  allow",
      expect.stringMatching(/^2 {2}failed {2}invalid_request {2}.*model/),
      "3  deny  token_cap  org/cap",
    ]);
    expect(code).toBe(2);
    expect((await run("evaluate", "--batch", file, "--expect", "deny")).code).toBe(4);
  });

  test("is told when what answers is no gateway", async () => {
    using other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<p>hello") });
    const file = write("body.json", JSON.stringify(body(5)));
    const { code, out, err } = await run("evaluate", file, "--url", other.url.href);
    expect([code, out, err]).toEqual([1, "", expect.stringMatching(/^error: .* no gateway.*\n$/)]);
  });

  test.each([
    [["no-such-file.json"], "'no-such-file.json' cannot be read: ENOENT"],
    [["README.md"], "'README.md' is no JSON"],
    [["package.json"], "'model'"],
    [["package.json", "--header", "nonsense"], "'nonsense' is no header"],
    [["package.json", "--policy", "README.md"], "'README.md' stands in no org/"],
    [["package.json", "--app", "nobody"], "There is no application 'nobody'."],
  ])("is used wrongly as %p, exit 2", async (args, message) => {
    const { code, out, err } = await run("evaluate", ...args);
    expect([code, out, err]).toEqual([2, "", expect.stringContaining(message)]);
  });
});
