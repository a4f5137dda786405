import { describe, expect, test } from "bun:test";
import { evaluate } from "../core/engine.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import {
  type BreakGlass,
  type DatabasePolicy,
  emptyOverlay,
  type ParamValues,
  type PolicyBinding,
  type PolicyOverlay,
  type PolicySetting,
} from "../core/overlay.ts";
import { identityWith } from "../core/testing.ts";
import { compileTree, type LoadResult } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";
import { readPolicyTree } from "./tree.ts";

const cap = `
description: A cap.
scope: { apps: [batch], env: [prod] }
params:
  cap: { type: int, default: 100, min: 10, max: 200, tunable: true }
  fixed: { type: int, default: 5 }
rules:
  - { id: over, when: request.bytes > params.cap, then: deny, message: "over {params.cap}" }
  - { id: many, when: request.message_count > params.fixed, then: warn }
`;
const big = "rules: [{ id: big, when: request.bytes > 50, then: deny, code: too_big }]";

const versioned = { id: "", version: 1, createdAt: 0, updatedAt: 0, actor: "ann" };
const database = (id: string, content: string, more: Partial<DatabasePolicy> = {}): DatabasePolicy => ({
  ...versioned,
  id,
  content,
  status: "active",
  enabled: true,
  ...more,
});
const binding = (policy: string, application: string, params: ParamValues = {}): PolicyBinding => ({
  ...versioned,
  policy,
  application,
  params,
});
const setting = (policy: string, more: Partial<PolicySetting>): PolicySetting => ({
  ...versioned,
  policy,
  application: "",
  params: {},
  mode: null,
  ...more,
});
const breakGlass = (policy: string, more: Partial<BreakGlass> = {}): BreakGlass => ({
  id: "bg_1",
  policy,
  rule: "",
  scope: {},
  action: "allow",
  reason: "fire",
  actor: "ann",
  createdAt: 0,
  expiresAt: 3_600_000,
  endedAt: null,
  endedBy: "",
  ...more,
});

type Loaded = LoadResult & { readonly ok: true };

/** Loads files with an overlay, and judges requests by them. */
async function load(files: Readonly<Record<string, string>>, overlay: Partial<PolicyOverlay>) {
  await using folder = await testFolder(files);
  const tree = await readPolicyTree(folder.dir);
  const result = await compileTree(tree, { ...testOptions(folder.dir), overlay: { ...emptyOverlay, ...overlay } });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return { ...result, problems: result.overlayProblems.map(({ code, message }) => `${code} ${message}`) };
}

interface Asked {
  readonly app?: string;
  readonly name?: string;
  readonly env?: string;
  readonly bytes?: number;
  readonly messages?: number;
  readonly at?: number;
}

function factsOf({ app = "batch", name = app, env = "prod", bytes = 0, messages = 0, at = 0 }: Asked): Facts {
  const facts = emptyFacts();
  facts.app = { id: app, name, env, labels: {} };
  facts.now = new Date(at);
  facts.request.bytes = bytes;
  facts.request.message_count = messages;
  facts.request.model = "gpt-4o";
  facts.request.surface = "chat";
  return facts;
}

function ask({ snapshot }: Pick<Loaded, "snapshot">, asked: Asked) {
  const { app = "batch", name = app, env = "prod" } = asked;
  const identity = identityWith({ app: { id: app, name, labels: {} }, env });
  const { policies } = snapshot.rulesFor(identity, "gpt-4o", "chat");
  const decision = evaluate(policies, "request", factsOf(asked));
  return { ...decision, asked: policies.map(({ id }) => id), said: decision.findings.map(({ message }) => message) };
}

describe("an overlay that says nothing", () => {
  test("leaves the revision and the policies as the files say, and tells where everything comes from", async () => {
    const loaded = await load({ "org/cap.policy.yaml": cap }, {});
    const [policy] = loaded.snapshot.policies;
    expect(policy!.provenance).toEqual({
      origin: "git",
      attachedTo: [],
      params: { cap: { value: 100, from: "default" }, fixed: { value: 5, from: "default" } },
      modeFrom: "file",
      breakGlass: [],
    });
    const again = await load({ "org/cap.policy.yaml": cap }, { settings: [setting("org/cap", {})] });
    expect(again.problems).toEqual([]);
  });
});

describe("a database policy", () => {
  const files = { "org/cap.policy.yaml": cap };

  test("is in force with those of git, under a revision of its own", async () => {
    const plain = await load(files, {});
    const loaded = await load(files, { policies: [database("db/big", big)] });
    expect(ask(loaded, { bytes: 60 })).toMatchObject({ effect: "deny", asked: ["db/big", "org/cap"] });
    expect(loaded.snapshot.revision).not.toBe(plain.snapshot.revision);
    expect(loaded.sources.get("db/big")?.text).toBe(big);
    expect(loaded.snapshot.policies[0]!.provenance).toMatchObject({ origin: "database" });
  });

  test.each([
    ["a draft", { status: "draft" }, []],
    ["a disabled one", { enabled: false }, []],
    ["a deprecated one", { status: "deprecated" }, ["db/big"]],
  ] as const)("is asked when it is live: %s", async (_name, more, asked) => {
    const loaded = await load(files, { policies: [database("db/big", big, more)], bindings: [binding("db/big", "x")] });
    expect(ask(loaded, { app: "other" }).asked).toEqual([...asked]);
    expect(loaded.problems).toEqual([]);
  });

  test("that does not compile is left out, told with its place, and the rest is in force", async () => {
    const loaded = await load(files, {
      policies: [database("db/a", "rules:\n  - { when: request.nonsense, then: deny }"), database("db/big", big)],
    });
    expect(loaded.overlayProblems).toMatchObject([
      { code: "C002", item: "policy db/a", at: { file: "db/a.policy.yaml", line: 2, column: 13 } },
    ]);
    expect(ask(loaded, { bytes: 60 }).asked).toEqual(["db/big", "org/cap"]);
  });

  test("stands only where the manifest gives the database a place", async () => {
    const manifest = "database: { roots: [db/teams] }";
    const policies = [database("db/big", big), database("db/teams/big", big)];
    const loaded = await load({ ...files, "sluice.yaml": manifest }, { policies });
    expect(loaded.problems).toEqual(["C062 the manifest gives the database other places for policies: db/teams/"]);
    expect(ask(loaded, { app: "x" }).asked).toEqual(["db/teams/big"]);
  });

  test.each([
    ["of the same priority", "priority: 100", "{ op: set, path: temperature, value: 1 }", "C035"],
    ["by a higher priority", "priority: 101", "{ op: set, path: temperature, value: 1 }", "C063"],
    ["by removing it", "priority: 1", "{ op: remove, path: temperature }", "C063"],
    ["of a lower priority, which git's beats", "priority: 99", "{ op: set, path: temperature, value: 1 }", undefined],
  ])("does not undo what git sets: %s", async (_name, priority, change, code) => {
    const sets = (modify: string) => `${priority}\nrules: [{ then: modify, modify: [${modify}] }]`;
    const git = "rules: [{ then: modify, modify: [{ op: set, path: temperature, value: 0 }] }]";
    const loaded = await load({ "org/t.policy.yaml": git }, { policies: [database("db/t", sets(change))] });
    expect(loaded.overlayProblems.map((problem) => problem.code)).toEqual(code === undefined ? [] : [code]);
  });

  test("cannot let pass what git leaves undecided under default: deny", async () => {
    const loaded = await load(
      { ...files, "sluice.yaml": "default: deny" },
      { policies: [database("db/big", big)], bindings: [binding("org/cap", "chat")] },
    );
    expect(ask(loaded, { app: "chat" }).tally).toEqual({ decided: 2, notApplicable: 0, errors: 0, additions: 2 });
    expect(ask(loaded, { app: "batch" }).tally).toEqual({ decided: 2, notApplicable: 0, errors: 0, additions: 1 });
  });
});

describe("a binding", () => {
  const files = { "org/cap.policy.yaml": cap };

  test("puts a policy to work for an application beside its own scope, and for nobody else", async () => {
    const loaded = await load(files, { bindings: [binding("org/cap", "chat")] });
    expect(ask(loaded, { app: "chat", bytes: 150 }).effect).toBe("deny");
    expect(ask(loaded, { app: "batch", bytes: 150 }).asked).toEqual(["org/cap"]);
    expect(ask(loaded, { app: "other", bytes: 150 }).asked).toEqual([]);
    // What the policy is for is not widened, only for whom.
    expect(ask(loaded, { app: "chat", env: "dev", bytes: 150 }).asked).toEqual([]);
  });

  test("is to one application's id, whatever other applications are named", async () => {
    const loaded = await load(files, { bindings: [binding("org/cap", "chat", { cap: 50 })] });
    expect(ask(loaded, { app: "chat-2", name: "chat", bytes: 150 }).asked).toEqual([]);
  });

  test("of an application that the policy applies to anyway asks it once", async () => {
    const loaded = await load(files, { bindings: [binding("org/cap", "batch")] });
    expect(ask(loaded, { bytes: 150 }).asked).toEqual(["org/cap"]);
  });

  test("may have values of its own, which hold for that application alone", async () => {
    const loaded = await load(files, { bindings: [binding("org/cap", "chat", { cap: 20 }), binding("org/cap", "x")] });
    expect(ask(loaded, { app: "chat", bytes: 30 }).said).toEqual(["over 20"]);
    expect(ask(loaded, { app: "x", bytes: 30 }).said).toEqual([]);
    expect(ask(loaded, { app: "x", bytes: 130 }).said).toEqual(["over 100"]);
    expect(ask(loaded, { app: "batch", bytes: 130 }).said).toEqual(["over 100"]);
    const copies = loaded.snapshot.policies.map(({ provenance }) => [provenance?.attachedTo, provenance?.params.cap]);
    expect(copies).toContainEqual([["chat"], { value: 20, from: "binding" }]);
    expect(copies).toContainEqual([["x"], { value: 100, from: "default" }]);
  });

  test("is kept when only its values do not fit any more", async () => {
    const loaded = await load(files, { bindings: [binding("org/cap", "chat", { cap: 5, gone: 1, fixed: 2 })] });
    expect(loaded.problems).toEqual([
      "C061 the param 'cap': 5 is below the min 10; accepted: 10 to 200",
      "C061 there is no param 'gone'; params: cap, fixed",
      "C061 the param 'fixed' may not be tuned: its policy does not say 'tunable: true'",
    ]);
    // As much of it as the policy allows.
    expect(ask(loaded, { app: "chat", bytes: 12 }).said).toEqual(["over 10"]);
  });
});

describe("settings", () => {
  const files = { "org/cap.policy.yaml": cap, "org/soft.policy.yaml": `mode: warn\n${big}` };

  test("tune for all, and closer for one application; what is not tuned keeps its value", async () => {
    const loaded = await load(files, {
      settings: [
        setting("org/cap", { params: { cap: 50 } }),
        setting("org/cap", { application: "batch", params: { cap: 40 } }),
      ],
      bindings: [binding("org/cap", "chat"), binding("org/cap", "batch", { cap: 30 })],
    });
    expect(loaded.problems).toEqual([]);
    expect(ask(loaded, { app: "chat", bytes: 51, messages: 0 }).said.slice(0, 1)).toEqual(["over 50"]);
    expect(ask(loaded, { app: "batch", bytes: 300, messages: 9 }).said.slice(0, 1)).toEqual(["over 30"]);
    expect(ask(loaded, { app: "batch", messages: 6 }).effect).toBe("warn");
  });

  test("that the policy cannot be compiled with have no effect, for all or for those that they are for", async () => {
    const pattern = `
params: { pattern: { type: string, default: "^gpt", tunable: true } }
rules: [{ when: "re.matches(request.model, params.pattern)", then: deny, message: "{params.pattern}" }]
`;
    const loaded = await load(
      { "org/pattern.policy.yaml": pattern },
      {
        settings: [
          setting("org/pattern", { params: { pattern: "(" } }),
          setting("org/pattern", { params: { pattern: "4o$" }, application: "batch" }),
        ],
        bindings: [binding("org/pattern", "chat", { pattern: ")" })],
      },
    );
    expect(loaded.problems).toEqual([
      "C061 the policy cannot have these params: the pattern is not a valid RE2 expression: missing closing ): `(`",
      "C061 the policy cannot have these params: the pattern is not a valid RE2 expression: unexpected ): `)`",
    ]);
    const said = (app: string) => ask(loaded, { app }).said;
    expect([said("other"), said("chat"), said("batch")]).toEqual([["^gpt"], ["^gpt"], ["4o$"]]);
  });

  test("make a mode stricter and never looser than git says", async () => {
    const enforced = await load(files, { settings: [setting("org/soft", { mode: "enforce" })] });
    expect(ask(enforced, { app: "x", bytes: 60 }).effect).toBe("deny");
    expect(enforced.snapshot.policies.find(({ id }) => id === "org/soft")?.provenance?.modeFrom).toBe("tuned");
    const one = await load(files, { settings: [setting("org/soft", { mode: "enforce", application: "x" })] });
    expect([ask(one, { app: "x", bytes: 60 }).effect, ask(one, { app: "y", bytes: 60 }).effect]).toEqual([
      "deny",
      "warn",
    ]);
    const loosened = await load(files, { settings: [setting("org/soft", { mode: "audit" })] });
    expect(loosened.problems).toEqual([
      "C063 the mode audit is looser than warn, which git says; accepted: enforce, warn",
    ]);
    expect(ask(loosened, { app: "x", bytes: 60 }).effect).toBe("warn");
  });

  test("may loosen what is the database's own", async () => {
    const loaded = await load(files, {
      policies: [database("db/big", big)],
      settings: [setting("db/big", { mode: "audit" })],
    });
    expect(loaded.problems).toEqual([]);
    expect(loaded.snapshot.policies.find(({ id }) => id === "db/big")?.mode).toBe("audit");
  });

  test("reach policies of the library through the files that use them", async () => {
    const loaded = await load(
      { "library/cap.policy.yaml": cap, "org/cap.policy.yaml": "uses: library/cap\nwith: { cap: 60 }" },
      { settings: [setting("org/cap", { params: { cap: 30 } })] },
    );
    expect(loaded.problems).toEqual([]);
    expect(ask(loaded, { bytes: 40 }).said).toEqual(["over 30"]);
  });
});

describe("break-glass", () => {
  const files = { "org/cap.policy.yaml": cap, "org/big.policy.yaml": big };

  test("lets pass what it is for, records it, and ends by itself at its time", async () => {
    const loaded = await load(files, {
      breakGlass: [breakGlass("org/big", { rule: "big", scope: { env: ["prod"] } })],
    });
    expect(ask(loaded, { app: "x", bytes: 60, at: 3_599_999 })).toMatchObject({
      effect: "allow",
      findings: [{ policy: "org/big", effect: "allow", would: "deny", override: "break-glass:bg_1" }],
    });
    expect(ask(loaded, { app: "x", bytes: 60, at: 3_600_000 }).effect).toBe("deny");
    expect(ask(loaded, { app: "x", env: "dev", bytes: 60 }).effect).toBe("deny");
    expect(ask(loaded, { app: "batch", bytes: 150 }).effect).toBe("deny");
    expect(loaded.snapshot.policies.find(({ id }) => id === "org/big")?.provenance?.breakGlass).toHaveLength(1);
  });

  test("reaches every copy of a policy", async () => {
    const loaded = await load(files, {
      bindings: [binding("org/cap", "chat", { cap: 20 })],
      breakGlass: [breakGlass("org/cap")],
    });
    for (const app of ["chat", "batch"]) {
      const found = ask(loaded, { app, bytes: 300, at: 1 }).findings.find(({ policy }) => policy === "org/cap");
      expect(found?.override).toBe("break-glass:bg_1");
    }
  });

  test.each([
    ["of a rule that is not there", { rule: "bug" }, "C060 the policy org/big has no rule 'bug'; did you mean 'big'?"],
    [
      "of more than 24 hours",
      { expiresAt: 24 * 3_600_000 + 1 },
      "C064 it would last longer than 24 hours, the longest that a break-glass may",
    ],
  ])("has no effect when it does not fit: %s", async (_name, more, problem) => {
    const loaded = await load(files, { breakGlass: [breakGlass("org/big", more)] });
    expect(loaded.problems).toEqual([problem]);
    expect(ask(loaded, { app: "x", bytes: 60 }).effect).toBe("deny");
  });
});

test("a locked policy is touched by nothing but git", async () => {
  const files = { "org/cap.policy.yaml": cap, "sluice.yaml": "locked: [org/*]" };
  const loaded = await load(files, {
    bindings: [binding("org/cap", "chat")],
    settings: [setting("org/cap", { params: { cap: 20 } })],
    breakGlass: [breakGlass("org/cap")],
  });
  const locked = "C062 the policy is locked by the manifest: nothing but git may touch it";
  expect(loaded.problems).toEqual([locked, locked, locked]);
  expect(ask(loaded, { app: "chat", bytes: 300 }).asked).toEqual([]);
  expect(ask(loaded, { bytes: 150 }).said).toEqual(["over 100"]);
});

test("what names a policy that is not there is told and has no effect", async () => {
  const loaded = await load(
    { "org/big.policy.yaml": big },
    { bindings: [binding("org/gone", "chat")], breakGlass: [breakGlass("org/gone")] },
  );
  expect(loaded.overlayProblems).toEqual([
    { code: "C060", item: "binding of org/gone to chat", message: "there is no policy 'org/gone'" },
    { code: "C060", item: "break-glass bg_1", message: "there is no policy 'org/gone'" },
  ]);
});

test("maintenance refuses what is in its scope, says when to come back, and ends at its time", async () => {
  const maintenance = {
    ...breakGlass(""),
    id: "mnt_1",
    scope: { env: ["prod"] },
    message: "back soon",
    retryAfterSeconds: null,
  };
  const loaded = await load({ "org/big.policy.yaml": big }, { maintenance });
  const { findings } = ask(loaded, { bytes: 60, at: 3_600_000 - 90_500 });
  expect(findings[0]).toMatchObject({
    policy: "_maintenance",
    effect: "deny",
    status: 503,
    code: "maintenance",
    message: "back soon",
    headers: { "retry-after": "91" },
  });
  expect(ask(loaded, { env: "dev" }).effect).toBe("allow");
  expect(ask(loaded, { at: 3_600_000 })).toMatchObject({ effect: "allow", tally: { notApplicable: 1 } });
  const fixed = await load({ "org/big.policy.yaml": big }, { maintenance: { ...maintenance, retryAfterSeconds: 30 } });
  expect(ask(fixed, { at: 5 }).findings[0]?.headers).toEqual({ "retry-after": "30" });
});
