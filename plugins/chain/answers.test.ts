import { describe, expect, test } from "bun:test";
import { type CompileCel, instantiate } from "../../src/sdk/instantiate.ts";
import type { Plugin } from "../../src/sdk/plugin.ts";
import { guardTexts, judgeCall } from "../../src/sdk/testing-answers.ts";
import regexGuard from "../regex_guard/plugin.ts";
import textReplace from "../text_replace/plugin.ts";
import toolGuard from "../tool_guard/plugin.ts";
import chain from "./plugin.ts";

const noCel: CompileCel = () => ({ reads: [], test: () => true });
const plugins: readonly Plugin[] = [textReplace, toolGuard, regexGuard] as unknown as readonly Plugin[];
const lookup = {
  get: (wanted: string) => plugins.find(({ name }) => name === wanted),
  names: () => plugins.map(({ name }) => name),
};
const make = (config: object) => instantiate(chain as unknown as Plugin, config, noCel, lookup);

const words = { uses: "text_replace", with: { replacements: [{ name: "a", text: "falcon", with: "eagle" }] } };
const ticket = {
  name: "tickets",
  uses: "regex_guard",
  with: { patterns: [{ name: "t", pattern: "INT-\\d+" }], on: ["answer"] },
};
const calls = (rules: object[]) => ({ uses: "tool_guard", with: { rules, offered: "ignore" } });

describe("a chain's steps that look into answers", () => {
  test("look for all that they look for, and their finds have their labels and the chain's words", () => {
    const { answer } = make({ steps: [words, ticket], message: "Not that.", code: "not_that" });
    const { hits, out } = guardTexts(answer!, "text", ["a falcon", "see INT-12 now"]);
    expect(out).toEqual(["a eagle", "see "]);
    expect(hits.map(({ rule, message, code }) => [rule, message, code])).toEqual([
      ["1.answerReplaced", "Words of the answer were replaced: a.", "answer_replaced"],
      ["tickets.answerMatch", "Not that.", "not_that"],
    ]);
  });

  test("judge the calls that the steps before them leave; a refusal is stronger than what is taken out or changed", () => {
    const steps = [
      calls([{ name: "cap", tools: ["*"], action: "rewrite", rewrite: { cap: { n: 5 } } }]),
      calls([
        { name: "none", tools: ["mail"], action: "strip" },
        { name: "five", tools: ["run"], when: [{ path: "n", op: "eq", value: 5 }], action: "deny" },
      ]),
    ];
    const { answer } = make({ steps });
    const judge = (name: string, written: string) => {
      const verdict = judgeCall(answer!, { name, arguments: written });
      return verdict && [verdict.hit.rule, verdict.then];
    };
    expect(judge("search", '{"n":9}')).toEqual(["1.callRewritten", { arguments: '{"n":5}' }]);
    expect(judge("search", '{"n":1}')).toBeNull();
    expect(judge("mail", '{"n":9}')).toEqual(["2.callStripped", "strip"]);
    expect(judge("run", '{"n":9}')).toEqual(["2.callDenied", "deny"]);
    expect(make({ steps: [steps[1]!] }).answer!.calls!.needsArguments("mail")).toBe(false);
  });

  test("a chain of which no step does looks for nothing", () => {
    const { answer } = make({ steps: [{ ...ticket, with: { ...ticket.with, on: ["prompt"] } }] });
    expect(answer).toBeUndefined();
  });

  test.each(["any", "first_match"])("do not go with mode %s", (mode) => {
    expect(() => make({ mode, steps: [words] })).toThrow(
      `a step that looks for something in answers goes only with mode all, not with mode ${mode}`,
    );
  });
});
