import { describe, expect, test } from "bun:test";
import { emptyFacts } from "../core/facts.ts";
import { notApplicable } from "../core/policy.ts";
import { ConfigErrors } from "./config.ts";
import { definePlugin, PluginConfigError, type PluginInstance, t } from "./index.ts";
import { type CompileCel, instantiate, type PluginLookup } from "./instantiate.ts";
import type { Plugin, PluginTools } from "./plugin.ts";
import { literalScanner } from "./scan-literals.ts";

const reasons = {
  tooMany: { message: "{count} of {max}" },
  spent: {
    status: 429,
    code: "slow_down",
    message: "{used} of {limit} {unit} per {window}, {amount} asked, {reset_seconds} s",
  },
} as const;

/** A plugin whose `create` is given. */
function plugin(
  create: (config: { max: number }, tools: PluginTools<typeof reasons>) => PluginInstance<keyof typeof reasons>,
) {
  return definePlugin({
    name: "sample",
    summary: "Tries things.",
    onError: "deny",
    phases: ["request", "usage"],
    config: t.Object({ max: t.Integer({ default: 5 }), deep: t.Optional(t.Array(t.Object({ expr: t.String() }))) }),
    reads: ["request.bytes"],
    reasons,
    create,
  }) as unknown as Plugin;
}

const noCel: CompileCel = () => ({ reads: [], test: () => true });
const facts = emptyFacts();

function errorsOf(action: () => unknown): ConfigErrors["errors"] {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigErrors) return error.errors;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("instantiate", () => {
  test("a handler's one hit, list, null and notApplicable all become a verdict", () => {
    const hit = { rule: "tooMany", effect: "deny", code: "too_many", status: 403, message: "7 of 5" };
    const answer = (give: (tools: PluginTools<typeof reasons>) => ReturnType<NonNullable<PluginInstance["request"]>>) =>
      instantiate(
        plugin((_, tools) => ({ request: () => give(tools) })),
        {},
        noCel,
      ).evaluate.request!(facts);
    expect(answer(({ deny }) => deny("tooMany", { count: 7, max: 5 }))).toEqual([hit] as never);
    expect(answer(({ warn }) => [warn("tooMany", { count: 7, max: 5 })])).toEqual([
      { ...hit, effect: "warn" },
    ] as never);
    expect(answer(() => null)).toBeNull();
    expect(answer(() => notApplicable)).toBe(notApplicable);
  });

  test("a modification carries what it changes", () => {
    const made = plugin((_, { modify }) => ({
      request: () => modify("tooMany", { count: 7, max: 5 }, [{ op: "cap", path: "max_tokens", value: 5 }]),
    }));
    expect(instantiate(made, {}, noCel).evaluate.request!(facts)).toMatchObject([
      { effect: "modify", modifications: [{ op: "cap", path: "max_tokens", value: 5 }] },
    ]);
  });

  test.each([
    ["nothing", undefined],
    ["true", true],
    ["a promise", Promise.resolve(null)],
  ])("a handler that answers %s is an error, not a pass", (_what, answer) => {
    const made = plugin(() => ({ request: () => answer as never }));
    expect(() => instantiate(made, {}, noCel).evaluate.request!(facts)).toThrow("a handler answered");
  });

  test("reads are the plugin's and the instance's together, each once", () => {
    const made = plugin(() => ({ request: () => null, reads: ["request.model", "request.bytes"] }));
    expect(instantiate(made, {}, noCel).reads).toEqual(["request.bytes", "request.model"]);
  });

  test("what the instance leaves out is absent", () => {
    expect(
      Object.keys(
        instantiate(
          plugin(() => ({ usage: () => null })),
          {},
          noCel,
        ),
      ),
    ).toEqual(["evaluate", "reads", "rules"]);
  });

  test("its rules are its reasons, unless the instance says otherwise", () => {
    const named = plugin(() => ({ request: () => null }));
    expect(instantiate(named, {}, noCel).rules).toEqual([
      { id: "tooMany", effect: "deny", code: "too_many" },
      { id: "spent", effect: "deny", code: "slow_down" },
    ]);
    const rules = [{ id: "1.tooMany", effect: "warn", code: "x" }] as const;
    const own = plugin(() => ({ request: () => null, rules }));
    expect(instantiate(own, {}, noCel).rules).toEqual(rules);
  });

  test("dispose runs once, however often it is called", () => {
    let disposed = 0;
    const made = plugin(() => ({
      request: () => null,
      dispose() {
        disposed += 1;
      },
    }));
    const { dispose } = instantiate(made, {}, noCel);
    dispose!();
    dispose!();
    expect(disposed).toBe(1);
  });

  test("a limit without room gives its reason, filled in; one that can never fit says not to retry", () => {
    const made = plugin(() => ({
      limits: () => [
        {
          name: "a",
          per: ["app"],
          unit: "prompt_tokens",
          window: { sliding: 90 },
          max: 100,
          amount: 30,
          onStoreDown: "local",
          reason: "spent",
        },
      ],
    }));
    const { limits, limitHit } = instantiate(made, {}, noCel);
    const [limit] = limits!(facts);
    const hit = limitHit!(limit!, { used: 80, resetSeconds: 12 });
    expect(hit).toEqual({
      rule: "spent",
      effect: "deny",
      code: "slow_down",
      status: 429,
      message: "80 of 100 prompt tokens per 90 s, 30 asked, 12 s",
    });
    expect(limitHit!({ ...limit!, amount: 101 }, { used: 0, resetSeconds: 1 }).headers).toEqual({
      "x-should-retry": "false",
    });
    expect(
      limitHit!({ ...limit!, unit: "usd", max: 2_500_000 }, { used: 1_000_000, resetSeconds: 1 }).message,
    ).toStartWith("1.00 of 2.50 USD");
  });

  test("schema errors are told before create is asked", () => {
    const made = plugin(() => {
      throw new Error("must not be called");
    });
    expect(errorsOf(() => instantiate(made, { max: "x", maxx: 1 }, noCel)).map(({ path }) => path)).toEqual([
      ["maxx"],
      ["max"],
    ]);
  });

  test("a PluginConfigError keeps its place and range; positions in lists are numbers", () => {
    const made = plugin(() => {
      throw new PluginConfigError("deep.0.expr", "no such name", { start: 2, end: 5 });
    });
    expect(errorsOf(() => instantiate(made, { deep: [{ expr: "abcdef" }] }, noCel))).toEqual([
      { path: ["deep", 0, "expr"], message: "no such name", range: { start: 2, end: 5 } },
    ]);
  });

  test("the lent CEL compiler is asked with path, expression and phase, and its refusals are the config's", () => {
    const asked: unknown[] = [];
    const cel: CompileCel = (...args) => {
      asked.push(args);
      throw new PluginConfigError(args[0], "unknown name");
    };
    const made = plugin((_, tools) => {
      tools.cel("deep.0.expr", "abc", "usage");
      return {};
    });
    const errors = errorsOf(() => instantiate(made, { deep: [{ expr: "abc" }] }, cel));
    expect(asked).toEqual([["deep.0.expr", "abc", "usage"]]);
    expect(errors).toEqual([{ path: ["deep", 0, "expr"], message: "unknown name" }]);
  });

  test("a plugin that breaks on a config refuses it instead of taking the loader down", () => {
    const made = plugin(() => {
      throw new TypeError("undefined is not a function");
    });
    expect(errorsOf(() => instantiate(made, {}, noCel))[0]!.message).toBe(
      "plugin 'sample' failed on this config: undefined is not a function",
    );
  });

  test("a misspelt hook is refused by name", () => {
    const made = plugin(() => ({ request: () => null, limit: () => [] }) as never);
    expect(errorsOf(() => instantiate(made, {}, noCel))[0]!.message).toBe(
      "create gave back an unknown hook 'limit'; did you mean 'limits'?",
    );
  });
});

describe("a plugin made of others", () => {
  const inner = plugin(({ max }, { deny }) => ({
    request: ({ request }) => (request.bytes > max ? deny("tooMany", { count: request.bytes, max }) : null),
    limits: () => [
      {
        name: "requests",
        per: ["app"],
        unit: "requests",
        window: { every: "minute" },
        max: 5,
        amount: 1,
        onStoreDown: "local",
        reason: "spent",
      },
    ],
    dispose() {
      disposed += 1;
    },
  }));
  let disposed = 0;
  const lookup: PluginLookup = {
    get: (name) => ({ sample: inner, outer: outer() })[name],
    names: () => ["outer", "sample"],
  };

  /** A plugin that puts one other to work. */
  function outer(): Plugin {
    return definePlugin({
      name: "outer",
      summary: "Tries another.",
      onError: "deny",
      phases: ["request"],
      config: t.Object({ steps: t.Array(t.Object({ uses: t.String(), with: t.Optional(t.Unknown()) })) }),
      reads: [],
      reasons: {},
      create({ steps }, tools) {
        const [one] = steps.map((step, i) => tools.plugin(`steps.${i}`, step.uses, step.with));
        return {
          reads: one!.reads,
          rules: one!.rules,
          ...(one!.evaluate.request && { request: one!.evaluate.request }),
          ...(one!.limits && { limits: one!.limits }),
          ...(one!.dispose && { dispose: one!.dispose }),
        };
      },
    }) as unknown as Plugin;
  }
  const make = (steps: unknown) => instantiate(outer(), { steps }, noCel, lookup);

  test("asks them as the host would, their limits and what they hold included", () => {
    const made = make([{ uses: "sample", with: { max: 3 } }]);
    expect(made.reads).toEqual(["request.bytes"]);
    expect(made.rules.map(({ id }) => id)).toEqual(["tooMany", "spent"]);
    const large = { ...facts, request: { ...facts.request, bytes: 7 } };
    expect(made.evaluate.request!(large)).toMatchObject([{ rule: "tooMany", message: "7 of 3" }]);
    const [limit] = made.limits!(facts);
    expect(made.limitHit!(limit!, { used: 5, resetSeconds: 9 })).toMatchObject({
      rule: "spent",
      code: "slow_down",
      message: "5 of 5 requests per minute, 1 asked, 9 s",
    });
    made.dispose!();
    expect(disposed).toBe(1);
  });

  test.each<[string, unknown, (string | number)[], string]>([
    [
      "a name that nothing has",
      [{ uses: "sampel" }],
      ["steps", 0, "uses"],
      "there is no policy type 'sampel'; did you mean 'sample'?",
    ],
    [
      "a config that is refused, at its place",
      [
        { uses: "sample", with: {} },
        { uses: "sample", with: { max: "x" } },
      ],
      ["steps", 1, "with", "max"],
      "expected an integer, got 'x'",
    ],
    [
      "another that is made of others",
      [{ uses: "outer", with: { steps: [{ uses: "sample" }] } }],
      ["steps", 0, "with", "steps", 0],
      "a policy type that is made of others cannot be part of one",
    ],
  ])("%s is refused", (_what, steps, path, message) => {
    expect(errorsOf(() => make(steps))).toEqual([{ path, message }]);
  });

  test("a config that is not there is said to be missing", () => {
    const needs = definePlugin({ ...(inner as object), config: t.Object({ max: t.Integer() }) } as never) as Plugin;
    const only: PluginLookup = { get: () => needs, names: () => [] };
    expect(errorsOf(() => instantiate(outer(), { steps: [{ uses: "sample" }] }, noCel, only))).toEqual([
      { path: ["steps", 0], message: "'with' is missing: 'max' is missing; expected an integer" },
    ]);
  });
});

describe("what a plugin looks for in answers", () => {
  const scanner = literalScanner([{ text: "x", type: "x" }]);
  const found = (tools: PluginTools<typeof reasons>) => ({
    kinds: ["text"] as const,
    scanner,
    action: "deny" as const,
    hit: () => tools.deny("tooMany", { count: 1, max: 0 }),
  });

  test("is handed on as it is, and is enough to do", () => {
    const { answer, evaluate } = instantiate(
      plugin((_, tools) => ({ answer: { texts: [found(tools)] } })),
      {},
      noCel,
    );
    expect(Object.keys(evaluate)).toEqual([]);
    expect(answer!.texts![0]!.hit(new Map())).toMatchObject({ rule: "tooMany", effect: "deny", message: "1 of 0" });
  });

  test.each<[string, unknown]>([
    ["nothing", {}],
    ["no texts", { texts: [] }],
    ["calls that judge nothing", { calls: { needsArguments: () => true } }],
    ["a function", () => null],
  ])("must be something: %s is refused", (_, answer) => {
    expect(
      errorsOf(() =>
        instantiate(
          plugin(() => ({ answer }) as never),
          {},
          noCel,
        ),
      ),
    ).toContainEqual({
      path: [],
      message: "'answer' must have 'texts', 'calls' or both",
    });
  });
});
