import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Identity } from "./identity.ts";
import type { Surface } from "./phases.ts";
import type { Audience, Scope } from "./policy.ts";
import { LiveSnapshot, Snapshot } from "./snapshot.ts";
import { identityWith, policyWith } from "./testing.ts";

const few = (...values: string[]) => fc.subarray(values, { minLength: 1 });
const labels = fc.dictionary(fc.constantFrom("tier", "kind"), fc.constantFrom("free", "paid"), { maxKeys: 2 });
const part = fc.record(
  {
    orgs: few("acme", "other"),
    teams: few("red", "blue", ""),
    apps: few("app-1", "app-2", "chat"),
    env: few("prod", "dev"),
    keys: few("k1", "k2"),
    models: few("gpt-*", "claude-*", "GPT-4o"),
    surfaces: fc.subarray<Surface>(["chat", "messages"], { minLength: 1 }),
    labels,
  },
  { requiredKeys: [] },
);
const scope: fc.Arbitrary<Scope> = fc
  .tuple(part, fc.option(part, { nil: undefined }))
  .map(([own, except]) => (except === undefined ? own : { ...own, except }));
const audience: fc.Arbitrary<Audience> = fc.record(
  { only: few("app-1", "app-2", "chat"), except: few("app-1", "app-2", "chat"), outside: scope },
  { requiredKeys: [] },
);
const identity: fc.Arbitrary<Identity> = fc.record({
  org: fc.record({ id: fc.constantFrom("acme", "other"), labels, timeZone: fc.constant("UTC") }),
  team: fc.record({ id: fc.constantFrom("red", "blue", "") }),
  app: fc.record({ id: fc.constantFrom("app-1", "app-2"), name: fc.constantFrom("chat", "batch"), labels }),
  env: fc.constantFrom("prod", "dev"),
  key: fc.record({ id: fc.constantFrom("k1", "k2") }),
});
const model = fc.constantFrom("gpt-4o", "Gpt-5", "claude-x", "echo");
const surface = fc.constantFrom<Surface>("chat", "messages");

/** What a scope means, said as plainly as possible. */
function applies(scope: Scope, who: Identity, model: string, surface: Surface): boolean {
  const patterns: Record<string, RegExp> = { "gpt-*": /^gpt-.*$/i, "claude-*": /^claude-.*$/i, "GPT-4o": /^gpt-4o$/i };
  return (
    (scope.orgs?.includes(who.org.id) ?? true) &&
    (scope.teams?.includes(who.team.id) ?? true) &&
    (scope.apps?.some((app) => app === who.app.id || app === who.app.name) ?? true) &&
    (scope.env?.includes(who.env) ?? true) &&
    (scope.keys?.includes(who.key.id) ?? true) &&
    (scope.models?.some((pattern) => patterns[pattern]!.test(model)) ?? true) &&
    (scope.surfaces?.includes(surface) ?? true) &&
    Object.entries(scope.labels ?? {}).every(
      ([name, value]) => (who.app.labels[name] ?? who.org.labels[name]) === value,
    ) &&
    !(scope.except !== undefined && applies(scope.except, who, model, surface))
  );
}

function isFor({ only, except, outside }: Audience, who: Identity, model: string, surface: Surface): boolean {
  return (
    (only?.includes(who.app.id) ?? true) &&
    !(except?.includes(who.app.id) ?? false) &&
    !(outside !== undefined && applies(outside, who, model, surface))
  );
}

describe("the scope index", () => {
  test("finds exactly the policies that a plain filter finds, first time and again", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(scope, fc.option(audience, { nil: undefined })), { maxLength: 8 }),
        fc.array(fc.tuple(identity, model, surface), { minLength: 1, maxLength: 5 }),
        (scopes, requests) => {
          const policies = scopes.map(([scope, audience], i) =>
            policyWith({ id: `org/p${i}`, scope, ...(audience && { audience }) }),
          );
          const snapshot = new Snapshot("sha256:x", policies);
          for (const [who, model, surface] of [...requests, ...requests]) {
            const found = snapshot.rulesFor(who, model, surface).policies.map(({ id }) => id);
            const wanted = policies
              .filter(
                ({ scope, audience = {} }) =>
                  applies(scope, who, model, surface) && isFor(audience, who, model, surface),
              )
              .map(({ id }) => id);
            expect([...found].sort()).toEqual(wanted.sort());
          }
        },
      ),
    );
  });

  test("stays right when a client names more models than it remembers", () => {
    const snapshot = new Snapshot("sha256:x", [policyWith({ scope: { models: ["m1*"] } })]);
    const who = identityWith();
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 600; i += 1) {
        const wanted = String(i).startsWith("1") ? 1 : 0;
        expect(snapshot.rulesFor(who, `m${i}`, "chat").policies).toHaveLength(wanted);
      }
    }
  });

  test("gives the same set object to the same kind of request, with its reads and limits", () => {
    const limits = () => [];
    const snapshot = new Snapshot("sha256:x", [
      policyWith({ id: "org/b", reads: ["request.model", "app.id"], limits }),
      policyWith({ id: "org/a", reads: ["request.model"] }),
    ]);
    const who = identityWith();
    const rules = snapshot.rulesFor(who, "gpt-4o", "chat");
    expect(snapshot.rulesFor(who, "gpt-4o", "chat")).toBe(rules);
    expect(rules.policies.map(({ id }) => id)).toEqual(["org/a", "org/b"]);
    expect([...rules.reads].sort()).toEqual(["app.id", "request.model"]);
    expect(rules.limiting.map(({ id }) => id)).toEqual(["org/b"]);
  });
});

describe("retiring a snapshot", () => {
  const withDispose = () => {
    let disposed = 0;
    const policy = policyWith({
      dispose() {
        disposed += 1;
      },
    });
    return { snapshot: new Snapshot("sha256:x", [policy]), disposed: () => disposed };
  };

  test("waits for every request that uses it, then disposes its policies once", async () => {
    const { snapshot, disposed } = withDispose();
    snapshot.enter();
    snapshot.enter();
    let retired = false;
    const done = snapshot.retire().then(() => {
      retired = true;
    });
    snapshot.leave();
    await Promise.resolve();
    expect([disposed(), retired]).toEqual([0, false]);
    snapshot.leave();
    await done;
    expect([disposed(), retired]).toEqual([1, true]);
  });

  test("is done at once when nobody uses it", async () => {
    const { snapshot, disposed } = withDispose();
    snapshot.enter();
    snapshot.leave();
    await snapshot.retire();
    expect(disposed()).toBe(1);
  });

  test("asked twice is one end, which both wait for", async () => {
    const { snapshot, disposed } = withDispose();
    snapshot.enter();
    const both = Promise.all([snapshot.retire(), snapshot.retire()]);
    snapshot.leave();
    await both;
    expect(disposed()).toBe(1);
  });

  test("a policy that fails to be disposed is told to who retires, never to the request that leaves last", async () => {
    const { policies, disposed } = (({ snapshot, disposed }) => ({ policies: snapshot.policies, disposed }))(
      withDispose(),
    );
    const failing = policyWith({
      id: "org/failing",
      dispose() {
        throw new Error("stuck");
      },
    });
    const snapshot = new Snapshot("sha256:x", [failing, ...policies]);
    snapshot.enter();
    const retired = snapshot.retire();
    expect(() => snapshot.leave()).not.toThrow();
    await expect(retired).rejects.toThrow("1 policies could not be disposed");
    expect(disposed()).toBe(1);
  });

  test("a request under way keeps the set it began with while others get the next one", async () => {
    const first = withDispose();
    const live = new LiveSnapshot(first.snapshot);
    const mine = live.current;
    mine.enter();
    const next = new Snapshot("sha256:y", []);
    const previous = live.publish(next);
    const retired = previous.retire();
    expect(previous).toBe(mine);
    expect(live.current).toBe(next);
    expect(mine.rulesFor(identityWith(), "gpt-4o", "chat").policies).toHaveLength(1);
    expect(first.disposed()).toBe(0);
    mine.leave();
    await retired;
    expect(first.disposed()).toBe(1);
  });
});

describe("lookups", () => {
  test("are counted, over all sets that were live", () => {
    const first = new Snapshot("sha256:1", [policyWith({ id: "a" })]);
    const live = new LiveSnapshot(first);
    const who = identityWith({});
    for (const name of ["gpt-4o", "gpt-4o", "gpt-5"]) live.current.rulesFor(who, name, "chat");
    expect(live.lookups).toEqual({ hits: 1, misses: 2 });
    live.publish(new Snapshot("sha256:2", []));
    for (const name of ["gpt-4o", "gpt-4o"]) live.current.rulesFor(who, name, "chat");
    expect(live.lookups).toEqual({ hits: 2, misses: 3 });
  });
});
