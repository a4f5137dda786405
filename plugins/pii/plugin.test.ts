import { expect } from "bun:test";
import { testPlugin } from "../../src/sdk/testing.ts";
import pii from "./plugin.ts";

const on = ["prompt", "answer"];
const redact = { on, action: "redact" };
const card = "4111 1111 1111 1111";

testPlugin(pii, {
  dir: import.meta.dir,
  config: { on },
  facts: [
    { name: "nothing is found where nothing is", content: ["hello"], finds: { "pii.types": [], "pii.count": 0 } },
    {
      name: "what is found is told by its types, each once, and counted",
      content: ["ann@example.com, bob@example.com", card],
      finds: { "pii.types": ["credit_card", "email"], "pii.count": 3 },
    },
    {
      name: "a config for facts says what is looked for",
      config: { types: ["ssn", "credit_card"] },
      content: ["ann@example.com", card],
      finds: { "pii.types": ["credit_card"], "pii.count": 1 },
    },
    {
      name: "of a prompt that is too long nothing is found out",
      config: { max_characters: 10 },
      content: ["hello", "hello."],
      finds: { fails: "prompt too long" },
    },
  ],
  cases: [
    { name: "texts without personal data pass", content: ["What is 4111 times 11?", "Bob"], expects: "allow" },
    {
      name: "a prompt with it is refused; what was found is named by type and not quoted",
      content: ["mail ann@example.com", `pay with ${card}`],
      expects: {
        deny: "promptFound",
        code: "pii_in_prompt",
        status: 403,
        message: "The prompt holds personal data: credit_card, email.",
      },
    },
    {
      name: "it may only be noted",
      config: { action: "warn" },
      content: ["ann@example.com"],
      expects: { warn: "promptFound", message: "The prompt holds personal data: email." },
    },
    {
      name: "a prompt is redacted",
      config: redact,
      content: ["ann@example.com"],
      expects: {
        modify: "promptRedacted",
        code: "pii_redacted_in_prompt",
        message: "Personal data in the prompt was replaced: email.",
        modifications: [{ op: "redact", path: "messages", value: expect.objectContaining({ types: ["email"] }) }],
      },
    },
    {
      name: "arguments of calls in a prompt are looked through with escapes resolved",
      content: ['{"to": "ann\\u0040example.com"}'],
      expects: { deny: "promptFound", message: "The prompt holds personal data: email." },
    },
    {
      name: "an answer ends before it",
      phase: "response",
      content: ["Write to ann@example.com today"],
      out: ["Write to "],
      expects: { deny: "answerFound", code: "pii_in_answer", message: "The answer holds personal data: email." },
    },
    {
      name: "an answer with it may only be noted",
      config: { on, action: "warn" },
      phase: "response",
      content: ["ann@example.com"],
      out: ["ann@example.com"],
      expects: { warn: "answerFound", message: "The answer holds personal data: email." },
    },
    {
      name: "an answer is redacted by labels",
      config: redact,
      phase: "response",
      content: [`ann@example.com has ${card}; bob@example.com does not`],
      out: ["[email] has [credit_card]; [email] does not"],
      expects: {
        modify: "answerRedacted",
        code: "pii_redacted_in_answer",
        message: "Personal data in the answer was replaced: credit_card, email.",
        modifications: [],
      },
    },
    {
      name: "by masks",
      config: { ...redact, replace_with: "mask" },
      phase: "response",
      content: [`ann@example.com, ${card}`],
      out: ["***@*******.***, **** **** **** ****"],
      expects: {
        modify: "answerRedacted",
        message: "Personal data in the answer was replaced: credit_card, email.",
        modifications: [],
      },
    },
    {
      name: "by keyed hashes, the same for the same",
      config: { ...redact, replace_with: "hash", hash_key: "a key of sixteen" },
      phase: "response",
      content: ["ann@example.com bob@example.com ann@example.com"],
      out: ["[email:07964dd1] [email:ecef77ee] [email:07964dd1]"],
      expects: {
        modify: "answerRedacted",
        message: "Personal data in the answer was replaced: email.",
        modifications: [],
      },
    },
    {
      name: "kinds of finds that are less sure than asked for are not looked for",
      config: { types: ["name"] },
      content: ["John Smith"],
      expects: "allow",
    },
    {
      name: "and those that are as sure are",
      config: { types: ["name"], min_confidence: 0.65 },
      content: ["John Smith"],
      expects: { deny: "promptFound", message: "The prompt holds personal data: name." },
    },
    {
      name: "types that are not asked for pass",
      config: { types: ["ssn"] },
      content: [`ann@example.com ${card}`],
      expects: "allow",
    },
    {
      name: "a prompt that is too long is refused",
      config: { max_characters: 5 },
      content: ["abc", "def"],
      expects: {
        deny: "promptTooLong",
        code: "prompt_too_long_to_check",
        status: 413,
        message: "The prompt is 6 characters; more than 5 are not looked through for personal data.",
      },
    },
    {
      name: "or noted",
      config: { max_characters: 5, too_long: "warn" },
      content: ["abcdef"],
      expects: {
        warn: "promptTooLong",
        message: "The prompt is 6 characters; more than 5 are not looked through for personal data.",
      },
    },
    {
      name: "or let pass",
      config: { max_characters: 5, too_long: "allow" },
      content: ["a@example.com"],
      expects: "allow",
    },
    {
      name: "as much as is allowed is looked through",
      config: { max_characters: 13 },
      content: ["a@example.com"],
      expects: { deny: "promptFound", message: "The prompt holds personal data: email." },
    },
  ],
  accepts: [
    { types: ["email"], min_confidence: 0.95 },
    { min_confidence: 0 },
    { ...redact, replace_with: "hash" },
    { ...redact, replace_with: "hash", hash_key: "k".repeat(256) },
  ],
  refuses: [
    { config: { types: [] }, at: "types" },
    { config: { types: ["emails"] }, at: "types.0" },
    { config: { min_confidence: 1.1 }, at: "min_confidence" },
    {
      config: { types: ["email", "phone"], min_confidence: 0.92 },
      at: "types.1",
      message: "no detector of phone is as sure as 0.92; the surest has 0.9",
    },
    { config: { min_confidence: 0.99 }, at: "min_confidence" },
    {
      config: { ...redact, hash_key: "k".repeat(16) },
      at: "hash_key",
      message: "'hash_key' has an effect only with 'action: redact' and 'replace_with: hash'",
    },
    { config: { replace_with: "hash", hash_key: "k".repeat(16) }, at: "hash_key" },
    { config: { ...redact, replace_with: "hash", hash_key: "short" }, at: "hash_key" },
  ],
});
