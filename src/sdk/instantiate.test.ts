import { describe, expect, test } from "bun:test";
import { emptyFacts } from "../core/facts.ts";
import { notApplicable } from "../core/policy.ts";
import { ConfigErrors } from "./config.ts";
import { definePlugin, PluginConfigError, type PluginInstance, t } from "./index.ts";
import { type CompileCel, instantiate } from "./instantiate.ts";
import type { Plugin, PluginTools } from "./plugin.ts";

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
    ).toEqual(["evaluate", "reads"]);
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
    ).toStartWith("1.00 of 2.50 usd");
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
