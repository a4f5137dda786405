import { expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProjectCopy } from "./plugin-mutants/project.ts";
import { mutatePlugin } from "./plugin-mutants/run.ts";

const code = `import { definePlugin, t } from "../../src/sdk/index.ts";

export default definePlugin({
  name: "odd_size",
  summary: "Refuses bodies of an odd number of bytes.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({ status: t.Integer({ minimum: 400, description: "The status." }) }),
  reads: ["request.bytes"],
  reasons: { odd: { message: "The request is odd." } },
  create: ({ status }, { deny }) => ({
    request({ request }) {
      let rest = request.bytes;
      while (rest > 1) rest = rest - 2;
      return rest === 0 ? null : { ...deny("odd", {}), status };
    },
  }),
});
`;
/** Asks for an odd size and for an even one, and nothing else. */
const tests = `import { expect, test } from "bun:test";
import { emptyFacts } from "../../src/core/facts.ts";
import { instantiate } from "../../src/sdk/instantiate.ts";
import plugin from "./plugin.ts";

test("odd sizes are refused", () => {
  const { evaluate } = instantiate(plugin as never, { status: 413 }, () => ({ reads: [], test: () => true }));
  const judge = (bytes: number) => evaluate.request?.({ ...emptyFacts, request: { ...emptyFacts.request, bytes } });
  expect(judge(4)).toBeNull();
  expect(judge(5)).toMatchObject([{ status: 413 }]);
});
`;

// The long run, of all plugins and mutants, is `bun run soak plugin-mutants`.
test("changes that no test notices are told with their places, and those that make no plugin are not counted", async () => {
  const root = await mkdtemp(join(tmpdir(), "sluice-plugins-"));
  try {
    await mkdir(join(root, "odd_size"));
    await writeFile(join(root, "odd_size/plugin.ts"), code);
    await writeFile(join(root, "odd_size/plugin.test.ts"), tests);
    await using project = await ProjectCopy.create(root);
    expect(await project.plugins()).toEqual(["odd_size"]);
    const { survivors, ...counts } = await mutatePlugin(project, "odd_size", { timeoutMs: 2_000 });
    expect(survivors.map(({ at, change }) => `${at}  ${change}`)).toEqual([
      "plugins/odd_size/plugin.ts:8:51  '400' → '399'",
      "plugins/odd_size/plugin.ts:8:51  '400' → '401'",
      "plugins/odd_size/plugin.ts:9:11  '\"request.bytes\"' dropped",
      "plugins/odd_size/plugin.ts:14:19  '>' → '>='",
      "plugins/odd_size/plugin.ts:14:21  '1' → '0'",
    ]);
    expect(counts).toEqual({ plugin: "odd_size", mutants: 12, killed: 7, score: 58.3 });
  } finally {
    await rm(root, { recursive: true });
  }
}, 60_000);

test("a sample of a shipped plugin's mutants is noticed, and is the same for the same seed", async () => {
  await using project = await ProjectCopy.create();
  const sample = { size: 5, seed: 7 };
  const first = await mutatePlugin(project, "request_size", { sample });
  expect(first).toMatchObject({ survivors: [], score: 100 });
  expect(first.mutants).toBeGreaterThan(0);
  expect(await mutatePlugin(project, "request_size", { sample })).toEqual(first);
}, 60_000);
