import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Decision, strongest } from "../core/decision.ts";
import { evaluate } from "../core/engine.ts";
import { emptyFacts } from "../core/facts.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { identityWith } from "../core/testing.ts";
import { loadPolicies } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";

/** A policy of one layer: what it asks for, of which requests. */
const file = fc.record({
  folder: fc.constantFrom("org", "teams/red", "teams/blue", "apps/chat", "apps/batch"),
  name: fc.constantFrom("a", "b", "c"),
  // biome-ignore lint/suspicious/noThenProperty: the key is the file format's
  then: fc.constantFrom("deny", "warn", "allow", "modify"),
  mode: fc.constantFrom("enforce", "warn", "audit"),
  env: fc.constantFrom("prod", "dev"),
  bytes: fc.integer({ min: 0, max: 3 }),
});
type File = typeof file extends fc.Arbitrary<infer T> ? T : never;

function text({ then, mode, env, bytes }: File): string {
  const modify = then === "modify" ? ", modify: [{ op: cap, path: max_tokens, value: 5 }]" : "";
  return `mode: ${mode}\nscope: { env: [${env}] }\nrules: [{ when: request.bytes > ${bytes}, then: ${then}${modify} }]\n`;
}

const tree = fc.uniqueArray(file, { minLength: 1, maxLength: 10, selector: ({ folder, name }) => `${folder}/${name}` });
const request = fc.record({
  team: fc.constantFrom("red", "blue", ""),
  app: fc.constantFrom("chat", "batch"),
  env: fc.constantFrom("prod", "dev"),
  bytes: fc.integer({ min: 0, max: 4 }),
});

async function load(files: readonly File[]): Promise<Snapshot> {
  await using folder = await testFolder(
    Object.fromEntries(files.map((one) => [`${one.folder}/${one.name}.policy.yaml`, text(one)])),
  );
  const result = await loadPolicies(testOptions(folder.dir));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.snapshot;
}

function decide(
  snapshot: Snapshot,
  { team, app, env, bytes }: typeof request extends fc.Arbitrary<infer T> ? T : never,
): Decision {
  const facts = emptyFacts();
  facts.request.bytes = bytes;
  const identity = identityWith({ team: { id: team }, app: { id: `app_${app}`, name: app, labels: {} }, env });
  return evaluate(snapshot.rulesFor(identity, "gpt-4o", "chat").policies, "request", facts);
}

test("a policy that is added in any layer tightens and never loosens: what fired before still fires", async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.array(request, { minLength: 1, maxLength: 5 }), async (files, requests) => {
      const fewer = await load(files.slice(1).length === 0 ? files : files.slice(1));
      const all = await load(files);
      for (const asked of requests) {
        const [before, after] = [decide(fewer, asked), decide(all, asked)];
        expect(strongest(before.effect, after.effect)).toBe(after.effect);
        expect(after.findings).toEqual(expect.arrayContaining([...before.findings]));
        expect(after.tally.decided + after.tally.notApplicable + after.tally.errors).toBeGreaterThanOrEqual(
          before.tally.decided + before.tally.notApplicable + before.tally.errors,
        );
      }
    }),
    { numRuns: 60 },
  );
}, 30_000);

test("the matching policies of all layers are evaluated, and a file reaches no further than its folder", async () => {
  await fc.assert(
    fc.asyncProperty(tree, request, async (files, asked) => {
      const reached = files.filter(
        ({ folder, env }) => ["org", `teams/${asked.team}`, `apps/${asked.app}`].includes(folder) && env === asked.env,
      );
      const { effect, tally } = decide(await load(files), asked);
      expect(tally.decided).toBe(reached.length);
      const fired = reached.filter(({ bytes }) => asked.bytes > bytes);
      const effects = fired.map(({ then, mode }) =>
        mode === "enforce" || then === "allow" ? then : mode === "warn" ? "warn" : "allow",
      );
      expect(effect).toBe(effects.reduce<Decision["effect"]>(strongest as never, "allow"));
    }),
    { numRuns: 60 },
  );
}, 30_000);
