import { expect } from "bun:test";
import { testPlugin } from "../../src/sdk/testing.ts";
import textReplace from "./plugin.ts";

const falcon = { name: "falcon", text: "Project Falcon", with: "the project" };
const host = { name: "host", pattern: "\\b[a-z0-9-]+\\.corp\\.example\\b", with: "[host]" };
const on = ["prompt", "answer"];
const replaced = { op: "redact", path: "messages" } as const;

testPlugin(textReplace, {
  dir: import.meta.dir,
  config: { replacements: [falcon, host], on },
  cases: [
    { name: "texts without any of the words pass", content: ["Project Eagle", "corp.example"], expects: "allow" },
    {
      name: "words of a prompt are replaced; records name what was, and quote nothing",
      content: ["Project Falcon runs on db1.corp.example"],
      expects: {
        modify: "promptReplaced",
        code: "prompt_replaced",
        message: "Words of the prompt were replaced: falcon, host.",
        modifications: [{ ...replaced, value: expect.objectContaining({ types: ["falcon", "host"] }) }],
      },
    },
    {
      name: "words of an answer are replaced, wherever they are split",
      phase: "response",
      content: ["Project Falcon runs on db1.corp.example.", "Project Falco n", "ok"],
      out: ["the project runs on [host].", "Project Falco n", "ok"],
      expects: {
        modify: "answerReplaced",
        code: "answer_replaced",
        message: "Words of the answer were replaced: falcon, host.",
        modifications: [],
      },
    },
    {
      name: "of several that begin at one place the longest is replaced",
      config: {
        replacements: [
          { text: "Falcon", with: "F" },
          { text: "Falcon 9", with: "N" },
        ],
      },
      phase: "response",
      content: ["Falcon 8, Falcon 9"],
      out: ["F 8, N"],
      expects: { modify: "answerReplaced", message: "Words of the answer were replaced: 1, 2.", modifications: [] },
    },
    {
      name: "in any case where the policy says so",
      config: {
        replacements: [
          { ...falcon, ignore_case: true },
          { text: "x", with: "" },
        ],
      },
      phase: "response",
      content: ["PROJECT falcon, x, X"],
      out: ["the project, , X"],
      expects: {
        modify: "answerReplaced",
        message: "Words of the answer were replaced: 2, falcon.",
        modifications: [],
      },
    },
    {
      name: "arguments of calls stay JSON",
      config: { replacements: [{ name: "a", text: "a", with: '"' }], on: ["prompt"] },
      content: ['{"x": "a"}'],
      expects: {
        modify: "promptReplaced",
        message: "Words of the prompt were replaced: a.",
        modifications: [{ ...replaced, value: expect.objectContaining({ types: ["a"] }) }],
      },
    },
    {
      name: "a prompt that is too long is refused",
      config: { replacements: [falcon], on: ["prompt"], max_characters: 5 },
      content: ["abc", "def"],
      expects: {
        deny: "promptTooLong",
        code: "prompt_too_long_to_check",
        status: 413,
        message: "The prompt is 6 characters; more than 5 are not looked through.",
      },
    },
    {
      name: "or noted",
      config: { replacements: [falcon], on: ["prompt"], max_characters: 5, too_long: "warn" },
      content: ["abcdef"],
      expects: {
        warn: "promptTooLong",
        message: "The prompt is 6 characters; more than 5 are not looked through.",
      },
    },
    {
      name: "or let pass",
      config: { replacements: [{ text: "a", with: "b" }], on: ["prompt"], max_characters: 5, too_long: "allow" },
      content: ["abcdef"],
      expects: "allow",
    },
    {
      name: "as much as is allowed is looked through",
      config: { replacements: [{ text: "x", with: "b" }], on: ["prompt"], max_characters: 6 },
      content: ["abcdef"],
      expects: "allow",
    },
  ],
  accepts: [
    { replacements: [{ text: "a".repeat(1_024), with: "b".repeat(1_024) }] },
    { replacements: Array.from({ length: 500 }, (_, i) => ({ text: `word${i}`, with: "x" })) },
    { replacements: [host], max_match: 4_096 },
  ],
  refuses: [
    { config: { replacements: [] }, at: "replacements" },
    { config: { replacements: [{ with: "x" }] }, at: "replacements.0", message: "set either 'text' or 'pattern'" },
    {
      config: { replacements: [{ text: "a", pattern: "a", with: "x" }] },
      at: "replacements.0",
      message: "set either 'text' or 'pattern'",
    },
    {
      config: { replacements: [falcon, falcon] },
      at: "replacements.1.name",
      message: "the name 'falcon' is there twice",
    },
    {
      config: { replacements: [falcon, { pattern: "a(?=b)", with: "" }] },
      at: "replacements.1.pattern",
      message: "the pattern is not a valid RE2 expression: invalid or unsupported Perl syntax: `(?=`",
    },
    {
      config: { replacements: [{ pattern: "a*", with: "" }] },
      at: "replacements.0.pattern",
      message: "the pattern matches the empty text, and so every text",
    },
    {
      config: { replacements: [{ pattern: "a", with: "", ignore_case: true }] },
      at: "replacements.0.ignore_case",
      message: "'ignore_case' is for 'text'; a pattern begins with (?i)",
    },
    { config: { replacements: [host], max_match: 0 }, at: "max_match" },
    { config: { replacements: [host], max_match: 4_097 }, at: "max_match" },
    { config: { replacements: [falcon], on: [] }, at: "on" },
  ],
});
