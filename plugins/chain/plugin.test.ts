import { describe, expect, test } from "bun:test";
import { createCel } from "../../src/cel/cel.ts";
import { pluginCel } from "../../src/cel/plugin-tools.ts";
import { emptyFacts } from "../../src/core/facts.ts";
import { noContent, notApplicable } from "../../src/core/policy.ts";
import { definePlugin, type RuleHit, t } from "../../src/sdk/index.ts";
import { type CompileCel, instantiate } from "../../src/sdk/instantiate.ts";
import { testPlugin } from "../../src/sdk/testing.ts";
import budget from "../budget/plugin.ts";
import customCel from "../custom_cel/plugin.ts";
import modelAllowlist from "../model_allowlist/plugin.ts";
import rateLimit from "../rate_limit/plugin.ts";
import regexGuard from "../regex_guard/plugin.ts";
import requestSize from "../request_size/plugin.ts";
import timeWindow from "../time_window/plugin.ts";
import tokenLimit from "../token_limit/plugin.ts";
import chain from "./plugin.ts";

const size = (max: number) => ({ uses: "request_size", with: { max_request_bytes: max } });
const models = (...allowed: string[]) => ({ uses: "model_allowlist", with: { allowed_model_ids: allowed } });
const words = (action: string, pattern: string) => ({
  uses: "regex_guard",
  with: { patterns: [{ name: "word", pattern }], action },
});
const request = (bytes: number, model = "gpt-4o") => ({ request: { bytes, model } });
const tooLarge = (label: string, bytes: number, max: number) => ({
  rule: `${label}.tooLarge`,
  effect: "deny" as const,
  code: "request_too_large",
  status: 413,
  message: `The request is ${bytes} bytes, the most accepted is ${max}.`,
});
const first = (...steps: object[]) => ({ mode: "first_match", steps });
const any = (...steps: object[]) => ({ mode: "any", steps });

testPlugin(chain, {
  dir: import.meta.dir,
  cel: pluginCel(createCel()),
  plugins: [budget, chain, customCel, modelAllowlist, rateLimit, regexGuard, requestSize, timeWindow, tokenLimit],
  config: { steps: [size(1000), { name: "models", ...models("gpt-*") }] },
  cases: [
    { name: "what every step lets pass, passes", facts: request(1000), expects: "allow" },
    {
      name: "what one refuses is refused, in its words and under its label",
      facts: request(10, "o3"),
      expects: {
        hits: [
          {
            rule: "models.modelNotAllowed",
            code: "model_not_allowed",
            status: 403,
            message: "The model 'o3' is not among the models allowed here.",
          },
        ],
      },
    },
    {
      name: "of several refusals the first step's is the one",
      facts: request(1001, "o3"),
      expects: { hits: [tooLarge("1", 1001, 1000)] },
    },
    {
      name: "warnings of other steps stand beside the refusal",
      config: { steps: [words("warn", "x"), size(10)] },
      facts: request(11),
      content: ["x"],
      expects: { hits: [{ rule: "1.promptMatch", effect: "warn" }, tooLarge("2", 11, 10)] },
    },
    {
      name: "modifications of several steps are all made",
      config: {
        steps: [{ uses: "token_limit", with: { max_completion_tokens: 100 } }, words("redact", "x")],
      },
      facts: request(11),
      content: ["x"],
      expects: {
        hits: [
          { rule: "1.completionCapped", modifications: [{ op: "cap", path: "max_tokens", value: 100 }] },
          { rule: "2.promptRedacted", modifications: [{ op: "redact", path: "messages", value: { pattern: "x" } }] },
        ],
      },
    },
    {
      name: "the refusal may have words of its own; warnings keep theirs",
      config: { steps: [words("warn", "x"), size(10)], message: "No.", code: "no", status: 451 },
      facts: request(11),
      content: ["x"],
      expects: {
        hits: [
          { code: "prompt_pattern_found", status: 403 },
          { rule: "2.tooLarge", code: "no", status: 451, message: "No." },
        ],
      },
    },
    {
      name: "a phase in which only one step is asked is that step's",
      config: { steps: [size(10), { uses: "custom_cel", with: { post_check_expression: "total_tokens < 5" } }] },
      phase: "usage",
      facts: { usage: { total_tokens: 5 } },
      expects: { hits: [{ rule: "2.postCheckFailed", effect: "warn" }] },
    },
    {
      name: "the limits of a step are reserved, and its counter is told from another's",
      config: {
        steps: [
          { uses: "rate_limit", with: { requests_per_minute: 5 } },
          { name: "day", uses: "rate_limit", with: { windows: [{ every: "day", requests: 50 }] } },
        ],
      },
      expects: {
        limits: [
          { name: "1.requests/minute", max: 5 },
          { name: "day.requests/day", max: 50 },
        ],
      },
    },
    {
      name: "a limit without room refuses in its step's words",
      config: {
        steps: [size(10), { name: "rate", uses: "rate_limit", with: { requests_per_minute: 5 } }],
        message: "No.",
      },
      expects: {
        exhausted: "rate.requests/minute",
        used: 5,
        resetSeconds: 9,
        expects: { hits: [{ rule: "rate.spent", status: 429 }] },
      },
    },
    {
      name: "a limit that had room warns in its step's words",
      config: { steps: [{ name: "money", uses: "budget", with: { tokens_per_day: 100 } }, size(10)] },
      expects: {
        granted: "money.tokens/day",
        used: 80,
        resetSeconds: 9,
        expects: { hits: [{ rule: "money.nearlySpent", effect: "warn", code: "budget_75" }] },
      },
    },
    {
      name: "and says nothing where its step does not",
      config: {
        steps: [
          { name: "money", uses: "budget", with: { tokens_per_day: 100 } },
          { name: "rate", uses: "rate_limit", with: { requests_per_minute: 5 } },
        ],
      },
      expects: { granted: "money.tokens/day", used: 10, resetSeconds: 9, expects: null },
    },
    {
      name: "nor where its type has nothing to say",
      config: { steps: [{ name: "rate", uses: "rate_limit", with: { requests_per_minute: 5 } }] },
      expects: { granted: "rate.requests/minute", used: 4, resetSeconds: 9, expects: null },
    },
    {
      name: "first_match: what nothing is said about passes",
      config: first(words("warn", "x"), size(10)),
      facts: request(10),
      content: ["y"],
      expects: "allow",
    },
    {
      name: "first_match: the first to say anything decides, and a warning lets pass what a later step would refuse",
      config: first(words("warn", "x"), size(10)),
      facts: request(11),
      content: ["x"],
      expects: { hits: [{ rule: "1.promptMatch", effect: "warn" }] },
    },
    {
      name: "first_match: a later step decides when those before it are silent",
      config: first(words("warn", "x"), size(10)),
      facts: request(11),
      content: ["y"],
      expects: { hits: [tooLarge("2", 11, 10)] },
    },
    {
      name: "any: one step that lets it pass is enough",
      config: any(size(10), models("gpt-*")),
      facts: request(11),
      expects: "allow",
    },
    {
      name: "any: and so is the other",
      config: any(size(10), models("o3")),
      facts: request(10),
      expects: "allow",
    },
    {
      name: "any: when none does there is one refusal",
      config: any(size(10), models("o3")),
      facts: request(11),
      expects: {
        deny: "noStepPasses",
        code: "no_step_passes",
        message:
          "None of the ways in which the request could pass is open: " +
          "The request is 11 bytes, the most accepted is 10. The model 'gpt-4o' is not among the models allowed here.",
      },
    },
    {
      name: "any: the step that lets it pass says with which warnings",
      config: any(size(10), words("warn", "x")),
      facts: request(11),
      content: ["x"],
      expects: { hits: [{ rule: "2.promptMatch", effect: "warn" }] },
    },
    {
      name: "any: its refusal may have words of its own as well",
      config: { ...any(size(10), models("o3")), message: "No.", code: "no" },
      facts: request(11),
      expects: { deny: "noStepPasses", code: "no", message: "No." },
    },
  ],
  accepts: [
    { steps: Array.from({ length: 20 }, (_, i) => size(i + 1)) },
    { steps: [{ name: "n".repeat(64), ...size(1) }], message: "m".repeat(1000), status: 400 },
    { steps: [size(1)], message: "m", status: 599 },
  ],
  refuses: [
    { config: { steps: [] }, at: "steps" },
    { config: { steps: Array.from({ length: 21 }, (_, i) => size(i + 1)) }, at: "steps" },
    { config: { steps: [{ name: "n".repeat(65), ...size(1) }] }, at: "steps.0.name" },
    {
      config: { steps: [{ uses: "" }] },
      at: "steps.0.uses",
      message: "expected a string of at least 1 character, got ''",
    },
    { config: { steps: [size(1)], message: "" }, at: "message" },
    { config: { steps: [size(1)], message: "m".repeat(1001) }, at: "message" },
    { config: { steps: [size(1)], status: 399 }, at: "status" },
    { config: { steps: [size(1)], status: 600 }, at: "status" },
    {
      config: { steps: [size(10), { uses: "request_siz" }] },
      at: "steps.1.uses",
      message: "there is no policy type 'request_siz'; did you mean 'request_size'?",
    },
    {
      config: { steps: [size(10), size(0)] },
      at: "steps.1.with.max_request_bytes",
      message: "expected an integer of at least 1, got 0",
    },
    {
      config: { steps: [{ uses: "request_size" }] },
      at: "steps.0",
      message: "'with' is missing: 'max_request_bytes' is missing; expected an integer of at least 1",
    },
    {
      config: { steps: [{ uses: "custom_cel", with: { pre_check_expression: "request.byte < 5" } }] },
      at: "steps.0.with.pre_check_expression",
    },
    {
      config: { steps: [{ uses: "chain", with: { steps: [size(10)] } }] },
      at: "steps.0.with.steps.0",
      message: "a policy type that is made of others cannot be part of one",
    },
    {
      config: {
        steps: [
          { name: "a", ...size(1) },
          { name: "a", ...size(2) },
        ],
      },
      at: "steps.1.name",
      message: "the name 'a' is there twice",
    },
    {
      config: any(size(1), { uses: "rate_limit", with: { requests_per_minute: 5 } }),
      at: "steps.1.uses",
      message: "a step that takes from counters cannot be one of several ways to pass; use mode all or first_match",
    },
    {
      config: any(size(1), { uses: "regex_guard", with: { sets: ["sql_injection"], on: ["answer"] } }),
      at: "steps.1.uses",
      message: "a step that looks for something in answers goes only with mode all, not with mode any",
    },
    { config: { mode: "some", steps: [size(1)] }, at: "mode" },
  ],
});

describe("a chain of steps that fail or have nothing to say", () => {
  const noCel: CompileCel = () => ({ reads: [], test: () => true });
  const disposed: string[] = [];
  /** Answers as its config says. */
  const sample = definePlugin({
    name: "sample",
    summary: "Answers as it is told.",
    onError: "deny",
    phases: ["request", "stream", "response", "usage"],
    config: t.Object({ say: t.String(), phase: t.String({ default: "request" }) }),
    reads: ["request.bytes"],
    reasons: { no: { message: "No." } },
    create: ({ say, phase }, { deny }) => ({
      monotone: say === "rises" ? ["request.bytes"] : [],
      [phase]() {
        if (say === "fail") throw new Error("it failed");
        return say === "skip" ? notApplicable : say === "no" ? deny("no", {}) : null;
      },
      dispose() {
        disposed.push(say);
      },
    }),
  });
  const lookup = { get: () => sample as never, names: () => ["sample"] };
  const make = (mode: string, ...says: string[]) =>
    instantiate(chain as never, { mode, steps: says.map((say) => ({ uses: "sample", with: { say } })) }, noCel, lookup);
  const ask = (mode: string, ...says: string[]): string => {
    try {
      const verdict = make(mode, ...says).evaluate.request!(emptyFacts(), noContent);
      if (verdict === null || verdict === notApplicable) return verdict === null ? "passes" : "skipped";
      return (verdict as readonly RuleHit[]).map(({ rule }) => rule).join();
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each([
    ["all", ["skip", "skip"], "skipped"],
    ["all", ["skip", "yes"], "passes"],
    ["all", ["fail", "yes"], "it failed"],
    ["all", ["fail", "no"], "2.no"],
    ["first_match", ["skip", "skip"], "skipped"],
    ["first_match", ["skip", "no"], "2.no"],
    ["first_match", ["yes", "skip"], "passes"],
    ["first_match", ["fail", "no"], "it failed"],
    ["first_match", ["no", "fail"], "1.no"],
    ["any", ["skip", "skip"], "skipped"],
    ["any", ["skip", "no"], "noStepPasses"],
    ["any", ["yes", "fail"], "passes"],
    ["any", ["fail", "yes"], "it failed"],
    ["any", ["fail", "no"], "it failed"],
    ["any", ["no", "no"], "noStepPasses"],
  ])("mode %s of %p: %s", (mode, says, outcome) => expect(ask(mode, ...says)).toBe(outcome));

  test("in mode any all steps are asked in the same phases", () => {
    const steps = ["request", "usage"].map((phase) => ({ uses: "sample", with: { say: "no", phase } }));
    expect(() => instantiate(chain as never, { mode: "any", steps }, noCel, lookup)).toThrow(
      "it is asked in usage and the first step in request; in mode any all are asked in the same phases",
    );
  });

  test("its rules are those of its steps, under their labels", () => {
    expect(make("all", "no", "yes").rules.map(({ id }) => id)).toEqual(["1.no", "2.no"]);
    expect(make("any", "no", "yes").rules.map(({ id }) => id)).toEqual(["noStepPasses", "1.no", "2.no"]);
  });

  test("the rule of its own refusal has the code that it refuses with", () => {
    const ruleOf = (more: object) => {
      const steps = [{ uses: "sample", with: { say: "no" } }];
      return instantiate(chain as never, { mode: "any", steps, ...more }, noCel, lookup).rules[0];
    };
    expect(ruleOf({})).toEqual({ id: "noStepPasses", effect: "deny", code: "no_step_passes" });
    expect(ruleOf({ code: "closed" })).toEqual({ id: "noStepPasses", effect: "deny", code: "closed" });
  });

  test.each(["all", "first_match", "any"])(
    "in mode %s it is asked when its steps are, and takes from no counter",
    (mode) => {
      for (const phase of ["request", "stream", "response", "usage"]) {
        const steps = [{ uses: "sample", with: { say: "no", phase } }];
        const { evaluate, limits } = instantiate(chain as never, { mode, steps }, noCel, lookup);
        expect([Object.keys(evaluate), limits]).toEqual([[phase], undefined]);
      }
    },
  );

  test("a fact is monotone when it is to every step that reads it", () => {
    expect(make("all", "rises", "rises").monotone).toEqual(["request.bytes"]);
    expect(make("all", "rises", "no").monotone).toEqual([]);
    expect(make("any", "rises", "rises").monotone).toEqual([]);
  });

  test("every step is disposed, once", () => {
    disposed.length = 0;
    const { dispose } = make("all", "a", "b");
    dispose!();
    dispose!();
    expect(disposed).toEqual(["a", "b"]);
  });
});
