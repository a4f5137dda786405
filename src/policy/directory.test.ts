import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCel } from "../cel/cel.ts";
import type { PolicyDirectory } from "../core/policy-directory.ts";
import { discoverPlugins } from "../registry/registry.ts";
import { createPolicyDirectory } from "./directory.ts";
import { createPolicyService, type PolicyService } from "./service.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const good = "description: Fine.\nrules: [{ id: a, when: request.stream, then: warn, message: streams }]\n";

let dir: string;
let service: PolicyService;
let directory: PolicyDirectory;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "sluice-directory-"));
  mkdirSync(join(dir, "org"));
  writeFileSync(join(dir, "org", "first.policy.yaml"), good);
  const registry = await discoverPlugins(join(import.meta.dir, "..", "..", "plugins"));
  const options = { dir, registry, cel: createCel() };
  service = await createPolicyService({ ...options, logger: silent, watch: false });
  directory = createPolicyDirectory(service, options, registry.describe);
});
afterAll(async () => {
  await service.close();
  rmSync(dir, { recursive: true, force: true });
});

const exception = "policy: org/none\nscope: { apps: [a] }\nowner: me\nreason: because\nexpires: 2027-01-31\n";

describe("validating a text as if it stood in the folder", () => {
  test.each([
    ["a new file that is fine", "org/second.policy.yaml", good, []],
    ["a change of a file that is there", "org/first.policy.yaml", good.replace("streams", "a stream"), []],
    [
      "a wrong name in a condition",
      "org/second.policy.yaml",
      good.replace("request.stream", "request.straem"),
      ["C002"],
    ],
    ["a file that is no policy", "org/notes.txt", good, ["C029"]],
    ["a policy outside the layers", "second.policy.yaml", good, ["C029"]],
    ["a text that is too large", "org/second.policy.yaml", "#".repeat(300_000), ["C038"]],
    ["a .cel file that is fine", "org/second.cel", "//! deny: a\nrequest.bytes < 5\n", []],
    ["TypeScript, which is taken from the folder alone", "org/second.policy.ts", "export default {}", ["C028"]],
    ["an exception from what is not there", "org/e.exception.yaml", exception, ["C043"]],
    ["a manifest that locks what is not there", "sluice.yaml", "locked: [org/none]", ["C046"]],
  ])("%s", async (_name, path, content, codes) => {
    expect((await directory.validate(content, path)).map(({ code }) => code)).toEqual(codes);
  });

  test("what other files lose by it is told; what was wrong with them before is not", async () => {
    writeFileSync(join(dir, "org", "read.policy.yaml"), "rules: [{ when: model in data.old, then: deny }]\n");
    writeFileSync(join(dir, "org", "wrong.policy.yaml"), "rules: [{ when: model in data.none, then: deny }]\n");
    writeFileSync(join(dir, "org", "names.data.yaml"), "lists: { old: [a] }\n");
    const found = async (text: string) =>
      (await directory.validate(text, "org/names.data.yaml")).map(({ file, code }) => [file.split("/").at(-1), code]);
    expect(await found("lists: { old: [b] }\n")).toEqual([]);
    expect(await found("lists: { new: [b] }\n")).toEqual([["read.policy.yaml", "C002"]]);
    for (const name of ["read.policy.yaml", "wrong.policy.yaml", "names.data.yaml"]) rmSync(join(dir, "org", name));
  });

  test("neither the live set nor the folder changes", async () => {
    const before = directory.snapshot();
    await directory.validate(good, "org/second.policy.yaml");
    expect(directory.snapshot()).toBe(before);
    expect(readdirSync(join(dir, "org"))).toEqual(["first.policy.yaml"]);
  });
});

test("a live policy shows where it came from, and the state its revision", () => {
  expect(directory.source("org/first")).toEqual({ path: "org/first.policy.yaml", text: good, owner: "" });
  expect(directory.source("org/none")).toBeNull();
  expect(directory.state()).toMatchObject({ state: "ready", revision: directory.snapshot().revision, problems: [] });
});
