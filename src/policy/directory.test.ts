import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCel } from "../cel/cel.ts";
import type { PolicyDirectory } from "../core/control.ts";
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
  ])("%s", async (_name, path, content, codes) => {
    expect((await directory.validate(content, path)).map(({ code }) => code)).toEqual(codes);
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
