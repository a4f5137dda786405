import { expect, test } from "bun:test";
import fc from "fast-check";
import { strongest, withDefault } from "../core/decision.ts";
import { evaluate } from "../core/engine.ts";
import { emptyFacts } from "../core/facts.ts";
import type { Identity } from "../core/identity.ts";
import { emptyOverlay, type PolicyOverlay } from "../core/overlay.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { compileTree } from "./load.ts";
import { compileScopeOf, contains } from "./scope.ts";
import { testFolder, testOptions } from "./testing.ts";
import { withFile } from "./tree.ts";

/** Few values each, so that scopes, applications and rules meet. */
const apps = ["chat", "batch", "eval"] as const;
const app = fc.constantFrom(...apps);
const env = fc.constantFrom("prod", "dev");
const some = (...values: readonly string[]) => fc.subarray([...values], { minLength: 1 });
const mode = fc.constantFrom("enforce", "warn", "audit");

const scope = fc.record(
  {
    apps: some(...apps),
    env: some("prod", "dev"),
    teams: some("red", "blue"),
    models: some("gpt-*", "claude-*"),
    labels: fc.constant({ tier: "free" }),
    except: fc.record({ apps: some(...apps), env: some("prod", "dev") }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
/** A policy that leaves out every request in its scope is refused. */
function isReachable(id: string, content: { readonly scope?: object }): boolean {
  const { except, ...rest } = compileScopeOf(content, `${id}.policy.yaml`, { report: () => undefined });
  return except === undefined || !contains(except, rest);
}
const effect = fc.constantFrom("deny", "warn", "allow", "modify");
const ruleOf = (when: string) => (then: string) => ({
  when,
  then,
  ...(then === "modify" && { modify: [{ op: "cap", path: "max_tokens", value: 10 }] }),
});
const rule = fc.oneof(
  effect.map(ruleOf("request.bytes > params.cap")),
  effect.map(ruleOf("request.stream")),
  effect.map((then) => ({ ...ruleOf("1 / request.message_count > 0")(then) })),
);
/** Tuning `cap` anywhere inside its bounds: what is compared with has the same value. */
const policy = fc.record(
  {
    mode,
    onError: fc.constantFrom("deny", "warn", "allow"),
    scope,
    match: fc.constantFrom(["request.tool_count == 0"]),
    params: fc.constant({ cap: { type: "int", default: 50, min: 0, max: 100, tunable: true } }),
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["params", "rules"] },
);
const ids = ["org/a", "org/b", "teams/red/c", "apps/chat/d"] as const;
const filesOf = fc
  .dictionary(fc.constantFrom(...ids), policy, { minKeys: 1 })
  .filter((files) => Object.entries(files).every(([id, content]) => isReachable(id, content)));
/** Some of the policies that an overlay names are not there. */
const named = fc.constantFrom(...ids, "db/x", "db/y", "org/gone");
const tree = fc.record({
  files: filesOf,
  default: fc.constantFrom("allow", "deny"),
  locked: fc.constantFrom([], ["org/a"]),
});

const who = { version: 1, createdAt: 0, updatedAt: 0, actor: "ann", id: "" };
/** What does not fit is among it: that must not loosen anything either. */
const params = fc.constantFrom({}, { nothing: 3 }, { cap: "text" });
const overlay = fc.record({
  policies: fc.uniqueArray(
    fc.record({
      id: fc.constantFrom("db/x", "db/y"),
      content: policy.map((content) => JSON.stringify(content)),
      status: fc.constantFrom("draft", "active", "deprecated"),
      enabled: fc.boolean(),
    }),
    { selector: ({ id }) => id, maxLength: 2 },
  ),
  bindings: fc.uniqueArray(fc.record({ policy: named, application: app, params }), {
    selector: ({ policy, application }) => `${policy} ${application}`,
    maxLength: 4,
  }),
  settings: fc.uniqueArray(
    fc.record({
      policy: named,
      application: fc.constantFrom("", ...apps),
      params,
      mode: fc.option(mode, { nil: null }),
    }),
    { selector: ({ policy, application }) => `${policy} ${application}`, maxLength: 4 },
  ),
});

const request = fc.record({
  app,
  env,
  team: fc.constantFrom("red", "blue"),
  tier: fc.constantFrom("free", "paid"),
  model: fc.constantFrom("gpt-4o", "claude-x"),
  bytes: fc.constantFrom(0, 60, 200),
  messages: fc.constantFrom(0, 1),
  tools: fc.constantFrom(0, 1),
  stream: fc.boolean(),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

function judge(snapshot: Snapshot, asked: Request) {
  const labels = { tier: asked.tier };
  const identity: Identity = {
    org: { id: "acme", labels: {}, timeZone: "UTC" },
    team: { id: asked.team },
    app: { id: asked.app, name: asked.app, labels },
    env: asked.env,
    key: { id: "k" },
  };
  const facts = emptyFacts();
  facts.team = { id: asked.team };
  facts.app = { id: asked.app, name: asked.app, env: asked.env, labels };
  facts.request.model = asked.model;
  facts.request.surface = "chat";
  facts.request.bytes = asked.bytes;
  facts.request.message_count = asked.messages;
  facts.request.tool_count = asked.tools;
  facts.request.stream = asked.stream;
  const { policies } = snapshot.rulesFor(identity, asked.model, "chat");
  const decision = withDefault(evaluate(policies, "request", facts), snapshot.defaultEffect);
  return { effect: decision.effect, policies };
}

/** Ids that stand there more than once: a policy whose limits would be taken twice. */
function twice(policies: readonly CompiledPolicy[]): readonly string[] {
  const seen = policies.map(({ id }) => id);
  return seen.filter((id, i) => seen.indexOf(id) !== i);
}

test("whatever is laid over it, git's decision is never weakened, and no policy is asked twice", async () => {
  await using folder = await testFolder({});
  const options = testOptions(folder.dir);
  const empty = { files: [], problems: [], digest: "" };
  await fc.assert(
    fc.asyncProperty(tree, overlay, fc.array(request, { minLength: 1, maxLength: 6 }), async (git, over, requests) => {
      const { files: policies, ...manifest } = git;
      // A locked policy that is not there would be a problem of the manifest.
      const locked = manifest.locked.filter((id) => id in policies);
      let read = withFile(
        empty,
        "sluice.yaml",
        JSON.stringify({ default: manifest.default, ...(locked.length > 0 && { locked }) }),
        "policies",
      );
      for (const [id, content] of Object.entries(policies)) {
        const own = scopedTo(id, content);
        read = withFile(read, `${id}.policy.yaml`, JSON.stringify(own), "policies");
      }
      const plain = await compileTree(read, options);
      const laid = await compileTree(read, { ...options, overlay: asOverlay(over) });
      if (!plain.ok || !laid.ok) throw new Error(JSON.stringify([plain, laid]));
      for (const asked of requests) {
        const [before, after] = [judge(plain.snapshot, asked), judge(laid.snapshot, asked)];
        expect(after.effect).toBe(strongest(after.effect, before.effect));
        expect(twice(after.policies)).toEqual([]);
        const [was, is] = [before, after].map((set) => new Set(set.policies.map(({ id }) => id)));
        expect([...was!].filter((id) => !is!.has(id))).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
}, 60_000);

test("a policy that is tuned decides as its file would with those values", async () => {
  await using folder = await testFolder({});
  const options = testOptions(folder.dir);
  const empty = { files: [], problems: [], digest: "" };
  const cap = fc.integer({ min: 0, max: 100 });
  const reachable = policy.filter((content) => isReachable("org/a", content));
  await fc.assert(
    fc.asyncProperty(reachable, cap, cap, fc.array(request, { maxLength: 6 }), async (content, all, one, requests) => {
      const written = (value: number) =>
        withFile(
          empty,
          "org/a.policy.yaml",
          JSON.stringify({ ...content, params: { cap: { ...content.params.cap, default: value } } }),
          "policies",
        );
      const setting = { ...who, policy: "org/a", mode: null };
      const settings = [
        { ...setting, application: "", params: { cap: all } },
        { ...setting, application: "chat", params: { cap: one } },
      ];
      const tuned = await compileTree(written(50), { ...options, overlay: { ...emptyOverlay, settings } });
      const [forAll, forChat] = [await compileTree(written(all), options), await compileTree(written(one), options)];
      if (!tuned.ok || !forAll.ok || !forChat.ok) throw new Error("a set was refused");
      for (const asked of requests) {
        const wanted = asked.app === "chat" ? forChat : forAll;
        expect(judge(tuned.snapshot, asked).effect).toBe(judge(wanted.snapshot, asked).effect);
      }
    }),
    { numRuns: 100 },
  );
}, 60_000);

/** A file's scope stays inside its folder. */
function scopedTo(id: string, content: { readonly scope?: { readonly teams?: unknown; readonly apps?: unknown } }) {
  if (content.scope === undefined || id.startsWith("org/")) return content;
  const { teams: _t, apps: _a, ...rest } = content.scope;
  return { ...content, scope: rest };
}

function asOverlay(over: typeof overlay extends fc.Arbitrary<infer T> ? T : never): PolicyOverlay {
  return {
    ...emptyOverlay,
    policies: over.policies.map((entry) => ({ ...who, ...entry })),
    bindings: over.bindings.map((entry) => ({ ...who, ...entry, params: entry.params as Record<string, string> })),
    settings: over.settings.map((entry) => ({
      ...who,
      ...entry,
      params: entry.params as Record<string, string>,
    })),
  };
}
