import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Harness, startHarness, until } from "../gateway/e2e-harness.ts";
import { sluice } from "./testing.ts";

const policies = {
  "org/prod-token-cap.policy.yaml": `
description: No more than 16k tokens at once.
scope: { env: [dev, prod], except: { apps: [batch] } }
match: [request.stream == false]
params: { hard_cap: { type: int, default: 16000 } }
variables: { asked: request.max_tokens * request.choices }
rules:
  - id: over-hard-cap
    when: vars.asked > params.hard_cap && !("batch" in request.tool_names)
    then: deny
    code: token_cap
    message: asked for {vars.asked} tokens, the cap is {params.hard_cap}
`,
  "org/size.policy.yaml": "mode: warn\nuses: request_size\nwith: { max_request_bytes: 10000 }\n",
  "org/streams.policy.yaml": "match: [request.stream]\nrules: [{ id: any, then: warn }]\n",
};
const body = { model: "echo", max_tokens: 21_000, messages: [{ role: "user", content: "hello" }] };

let gateway: Harness;
let folder: string;
let id: string;
const run = (...args: string[]) =>
  sluice(["explain", ...args, "--data-dir", join(gateway.dir, "data"), "--url", gateway.url]);
beforeAll(async () => {
  gateway = await startHarness({ policies });
  folder = mkdtempSync(join(tmpdir(), "sluice-explain-"));
  const refused = await gateway.post("/v1/chat/completions", body);
  id = ((await refused.json()) as { error: { sluice: { decision_id: string } } }).error.sluice.decision_id;
  await until(async () => (await run(id)).code === 0);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await gateway[Symbol.asyncDispose]();
});

const told = [
  "org/prod-token-cap: decided",
  "  scope env dev | prod, except apps batch",
  "  gate request.stream == false = true",
  "       request.stream = false",
  "  vars.asked = 21000",
  "  rule over-hard-cap fired: deny",
  '    when vars.asked > params.hard_cap && !("batch" in request.tool_names) = true',
  "         vars.asked > params.hard_cap = true",
  "           vars.asked = 21000",
  "           params.hard_cap = 16000",
  '         !("batch" in request.tool_names) = true',
  '           "batch" in request.tool_names = false',
  "             request.tool_names = (empty)",
  "    says asked for 21000 tokens, the cap is 16000",
  '    quiet with vars.asked (21000) at most 16000, or request.tool_names with "batch"',
  "",
  "org/size: decided, mode warn, uses request_size",
  "  scope every request",
  "  rule tooLarge quiet (deny)",
  "",
  "org/streams: not applicable",
  "  scope every request",
  "  gate request.stream = false",
  "",
  'Refused by org/prod-token-cap (over-hard-cap); it would have passed with vars.asked (21000) at most 16000, or request.tool_names with "batch".',
  "",
];

describe("sluice explain", () => {
  test("tells of a decision each rule considered, with values, and in the last line what would have passed", async () => {
    const { code, out, err } = await run(id);
    expect([code, err]).toEqual([0, ""]);
    const [decision, result, phase, revision, ...rest] = out.split("\n");
    expect([decision, result, phase]).toEqual([
      `decision  ${id}`,
      "result    deny (token_cap)",
      "phase     request: 2 decided, 1 not applicable, 0 failed",
    ]);
    expect(revision).toMatch(/^revision {2}sha256:[0-9a-f]{64}$/);
    expect(rest).toEqual(["", ...told]);
  });

  test("writes what the admin API answers for programs", async () => {
    const { out } = await run(id, "--format", "json");
    expect(JSON.parse(out)).toEqual(await gateway.admin(`explain/${id}`));
  });

  test("tells of a body how it would be decided now", async () => {
    const file = join(folder, "body.json");
    writeFileSync(file, JSON.stringify(body));
    const { code, out } = await run("--body", file, "--app", "demo", "--env", "dev");
    expect(code).toBe(0);
    expect(out.split("\n").slice(4)).toEqual(told);
    // Without an application the policies of dev and prod are for others.
    expect((await run("--body", file)).out).toEndWith("Passed: 1 policy decided, and none of their rules fired.\n");
  });

  test.each<[args: string[], message: string]>([
    [["dec_nobody_request"], "There is no decision 'dec_nobody_request'."],
    [[], "give either the id of a decision or --body"],
    [["dec_1_request", "--body", "x"], "give either the id of a decision or --body"],
    [["--body", "no-such-file.json"], "'no-such-file.json' cannot be read: ENOENT"],
    [["--body", "README.md"], "'README.md' is no JSON: "],
    [["--body", "package.json"], "'model'"],
    [["dec_1_request", "--admin-key", "not-the-key-of-this"], "Send an admin key"],
    [["dec_1_request", "--format", "xml"], "Allowed choices are text, json"],
  ])("is used wrongly as %p, exit 2", async (args, message) => {
    const { code, out, err } = await run(...args);
    expect([code, out, err]).toEqual([2, "", expect.stringContaining(message)]);
  });

  test("wants a gateway, exit 1", async () => {
    using gone = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const url = `http://127.0.0.1:${gone.port}`;
    await gone.stop(true);
    const alone = await sluice(["explain", id, "--url", url], { SLUICE_ADMIN_KEY: "some-key-of-enough-length" });
    expect([alone.code, alone.err]).toEqual([1, expect.stringContaining(`no gateway answers at ${url}`)]);
  });
});
