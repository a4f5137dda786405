import { testPlugin } from "../../src/sdk/testing.ts";
import regexGuard from "./plugin.ts";

const ticket = { name: "ticket", pattern: "\\bINT-[0-9]{6}\\b" };
const card = { name: "card", pattern: "(?:\\d{4}[ -]?){3}\\d{4}" };
/** So many patterns, each of which takes 8 steps for a character. */
const words = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `word_${i}`, pattern: `word${i}` }));
/** So many patterns of so many instructions that they do not go into one automaton. */
const long = Array.from({ length: 12 }, (_, i) => ({ name: `long_${i}`, pattern: `(?:[a-f]${i}){300}` }));
const both = { patterns: [ticket, card], on: ["prompt", "answer"] };

testPlugin(regexGuard, {
  dir: import.meta.dir,
  config: both,
  cases: [
    { name: "texts without any of the patterns pass", content: ["INT-12", "hello"], expects: "allow" },
    { name: "a phase without texts passes", expects: "allow" },
    {
      name: "a prompt with one of them is refused; the finding names the pattern and quotes nothing",
      content: ["hello", "see INT-123456"],
      expects: {
        deny: "promptMatch",
        code: "prompt_pattern_found",
        status: 403,
        message: "The prompt holds what is not accepted here: ticket.",
      },
    },
    {
      name: "all that are found are named",
      content: ["INT-123456 and 4111 1111 1111 1111"],
      expects: { deny: "promptMatch", message: "The prompt holds what is not accepted here: ticket, card." },
    },
    {
      name: "a pattern does not reach over from one text into the next",
      content: ["INT-", "123456"],
      expects: "allow",
    },
    {
      name: "an answer is looked through as well",
      phase: "response",
      content: ["your ticket is INT-123456"],
      expects: {
        deny: "answerMatch",
        code: "answer_pattern_found",
        message: "The answer holds what is not accepted here: ticket.",
      },
    },
    { name: "an answer without them passes", phase: "response", content: ["no ticket"], expects: "allow" },
    {
      name: "a hit may only warn",
      config: { sets: ["sql_injection"], action: "warn" },
      content: ["name = 'x' OR 1=1"],
      expects: { warn: "promptMatch", message: "The prompt holds what is not accepted here: sql_tautology." },
    },
    {
      name: "both sets are looked for",
      config: { sets: ["sql_injection", "shell_injection"] },
      content: ["'; DROP TABLE users; -- ", "$(rm -rf /)"],
      expects: {
        deny: "promptMatch",
        message: "The prompt holds what is not accepted here: sql_stacked, shell_remove.",
      },
    },
    {
      name: "a prompt can be redacted instead: of what was found, and of nothing else",
      config: { patterns: [ticket, card], action: "redact" },
      content: ["INT-123456"],
      expects: {
        modify: "promptRedacted",
        code: "prompt_redacted",
        message: "Parts of the prompt were replaced: ticket.",
        modifications: [{ op: "redact", path: "messages", value: { pattern: ticket.pattern } }],
      },
    },
    {
      name: "a redaction puts there what it is told to",
      config: { patterns: [ticket], action: "redact", replacement: "#" },
      content: ["INT-123456"],
      expects: {
        modify: "promptRedacted",
        message: "Parts of the prompt were replaced: ticket.",
        modifications: [{ op: "redact", path: "messages", value: { pattern: ticket.pattern, replace: "#" } }],
      },
    },
    {
      name: "nothing is redacted where nothing is found",
      config: { patterns: [ticket], action: "redact" },
      content: ["INT"],
      expects: "allow",
    },
    {
      name: "as much text as is allowed is looked through",
      config: { patterns: [ticket], max_characters: 20 },
      content: ["aaaaaaaaa ", "INT-123456"],
      expects: { deny: "promptMatch", message: "The prompt holds what is not accepted here: ticket." },
    },
    {
      name: "one character more is refused",
      config: { patterns: [ticket], max_characters: 20 },
      content: ["aaaaaaaaaaa", "aaaaaaaaaa"],
      expects: {
        deny: "promptTooLong",
        code: "prompt_too_long_to_check",
        status: 413,
        message: "The prompt is 21 characters; more than 20 are not looked through.",
      },
    },
    {
      name: "or noted, when the policy says so",
      config: { patterns: [ticket], max_characters: 20, too_long: "warn" },
      content: ["INT-123456 INT-123456"],
      expects: { warn: "promptTooLong", message: "The prompt is 21 characters; more than 20 are not looked through." },
    },
    {
      name: "or let pass",
      config: { patterns: [ticket], max_characters: 20, too_long: "allow" },
      content: ["INT-123456 INT-123456"],
      expects: "allow",
    },
    {
      name: "as many characters as the policy says are looked through",
      config: { patterns: [ticket], max_characters: 20 },
      content: ["INT-123456", "0123456789"],
      expects: { deny: "promptMatch", message: "The prompt holds what is not accepted here: ticket." },
    },
    {
      name: "a policy that says nothing of length has 262,144 characters looked through",
      content: ["x".repeat(262_134), "INT-123456"],
      expects: { deny: "promptMatch", message: "The prompt holds what is not accepted here: ticket." },
    },
    {
      name: "and no more",
      content: ["x".repeat(262_145)],
      expects: {
        deny: "promptTooLong",
        message: "The prompt is 262145 characters; more than 262144 are not looked through.",
      },
    },
    {
      name: "an answer is redacted, of what was found and of nothing else, and what was found is named once",
      config: { patterns: [ticket, card], on: ["answer"], action: "redact" },
      phase: "response",
      content: ["INT-123456, 4111 1111 1111 1111 and INT-654321 of INT-1"],
      out: ["[redacted], [redacted] and [redacted] of INT-1"],
      expects: {
        modify: "answerRedacted",
        code: "answer_redacted",
        message: "Parts of the answer were replaced: ticket, card.",
        modifications: [],
      },
    },
    {
      name: "an answer is redacted by what the policy says",
      config: { patterns: [ticket], on: ["answer"], action: "redact", replacement: "" },
      phase: "stream",
      content: ["a INT-123456 b"],
      out: ["a  b"],
      expects: {
        modify: "answerRedacted",
        message: "Parts of the answer were replaced: ticket.",
        modifications: [],
      },
    },
    {
      name: "arguments of calls are looked through too",
      config: { patterns: [ticket], on: ["answer"] },
      phase: "response",
      kind: "tool_arguments",
      content: ['{"id": "INT-123456"}'],
      expects: { deny: "answerMatch", message: "The answer holds what is not accepted here: ticket." },
    },
    {
      name: "an answer may only be noted",
      config: { patterns: [ticket], on: ["answer"], action: "warn" },
      phase: "response",
      content: ["INT-123456"],
      out: ["INT-123456"],
      expects: { warn: "answerMatch", message: "The answer holds what is not accepted here: ticket." },
    },
    {
      name: "what is longer than the longest find is none",
      config: { patterns: [{ name: "quoted", pattern: '"[^"]*"' }], on: ["answer"], action: "redact", max_match: 6 },
      phase: "response",
      content: ['"abcd" "abcde"'],
      out: ['[redacted] "abcde"'],
      expects: {
        modify: "answerRedacted",
        message: "Parts of the answer were replaced: quoted.",
        modifications: [],
      },
    },
    {
      name: "so many patterns that one automaton is not enough are looked for as well",
      config: { patterns: [...words(60), ...long], on: ["answer"], max_characters: 1_000 },
      phase: "response",
      content: ["so word59 is there"],
      out: ["so "],
      expects: { deny: "answerMatch", message: "The answer holds what is not accepted here: word_5." },
    },
  ],
  accepts: [
    { patterns: [{ name: "n".repeat(64), pattern: "x" }], max_characters: 1 },
    { patterns: words(100) },
    { patterns: words(6), sets: ["sql_injection"] },
    { patterns: [ticket], action: "redact", replacement: "x".repeat(1024) },
    { patterns: words(32), max_characters: 2 ** 20 },
    { patterns: words(16), max_characters: 2_000_000 },
    { patterns: [ticket], on: ["answer"], max_match: 4_096 },
  ],
  refuses: [
    { config: {}, at: "", message: "set patterns or sets, or both" },
    { config: { patterns: [] }, at: "patterns" },
    { config: { patterns: words(101) }, at: "patterns" },
    { config: { patterns: [{ name: "n".repeat(65), pattern: "x" }] }, at: "patterns.0.name" },
    {
      config: { patterns: [{ name: "x", pattern: "" }] },
      at: "patterns.0.pattern",
      message: "expected a string of at least 1 character, got ''",
    },
    {
      config: { sets: [] },
      at: "sets",
      message: "expected a list of at least 1 element without repetitions, got an empty list",
    },
    { config: { sets: ["sql_injection", "sql_injection"] }, at: "sets" },
    { config: { patterns: [ticket], on: [] }, at: "on" },
    { config: { patterns: [ticket], on: ["prompt", "prompt"] }, at: "on" },
    { config: { patterns: [ticket], action: "redact", replacement: "x".repeat(1025) }, at: "replacement" },
    { config: { patterns: [ticket], max_characters: 0 }, at: "max_characters" },
    { config: { patterns: [ticket], max_match: 0 }, at: "max_match" },
    { config: { patterns: [ticket], max_match: 4_097 }, at: "max_match" },
    {
      config: { patterns: words(17), max_characters: 2_000_000 },
      at: "patterns.16.pattern",
      message: "with this the patterns take 136 steps for each character; the most for 2000000 characters is 134",
    },
    { config: { patterns: words(16), sets: ["sql_injection"], max_characters: 2_000_000 }, at: "sets.0" },
    {
      config: { patterns: [{ name: "x", pattern: "^$" }] },
      at: "patterns.0.pattern",
      message: "the pattern matches the empty text, and so every text",
    },
    {
      config: { patterns: [ticket, { name: "x", pattern: "a(?=b)" }] },
      at: "patterns.1.pattern",
      message: "the pattern is not a valid RE2 expression: invalid or unsupported Perl syntax: `(?=`",
    },
    {
      config: { patterns: [{ name: "x", pattern: "a*" }] },
      at: "patterns.0.pattern",
      message: "the pattern matches the empty text, and so every text",
    },
    { config: { patterns: [ticket, ticket] }, at: "patterns.1.name", message: "the name 'ticket' is there twice" },
    {
      config: { patterns: [{ name: "sql_union", pattern: "x" }], sets: ["sql_injection"] },
      at: "sets.0",
      message: "the name 'sql_union' is there twice",
    },
    { config: { patterns: [{ name: "Not A Name", pattern: "x" }] }, at: "patterns.0.name" },
    {
      config: { sets: ["sql"] },
      at: "sets.0",
      message: "expected one of 'shell_injection', 'sql_injection', got 'sql'",
    },
    {
      config: { patterns: [ticket], replacement: "x" },
      at: "replacement",
      message: "'replacement' has no effect on 'action: deny'",
    },
    {
      config: { patterns: [{ name: "x", pattern: "[ab]*a[ab]{150}[cd]" }], max_characters: 2_000_000 },
      at: "patterns.0.pattern",
      message: "with this the patterns take 156 steps for each character; the most for 2000000 characters is 134",
    },
    { config: { patterns: [ticket], max_characters: 2_000_001 }, at: "max_characters" },
  ],
});
