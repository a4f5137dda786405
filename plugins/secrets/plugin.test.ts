import { expect } from "bun:test";
import { testPlugin } from "../../src/sdk/testing.ts";
import secrets from "./plugin.ts";

const on = ["prompt", "answer"];
const password = 'password = "k8Jd93jsk2Lq"';
const found = { message: "The prompt holds a secret: high_entropy." };

testPlugin(secrets, {
  dir: import.meta.dir,
  config: { on },
  facts: [
    { name: "nothing is found where nothing is", content: ["hello"], finds: { "secrets.types": [] } },
    {
      name: "what is found is told by its types, each once",
      content: ["AKIAIOSFODNN7EXAMPLQ AKIAIOSFODNN7EXAMPLQ"],
      finds: { "secrets.types": ["aws_access_key"] },
    },
  ],
  cases: [
    { name: "texts without secrets pass", content: ["what is a password?"], expects: "allow" },
    {
      name: "a prompt with one is refused; it is named by type and not quoted",
      content: ["hello", password],
      expects: { deny: "promptFound", code: "secret_in_prompt", status: 403, ...found },
    },
    {
      name: "the value of a key in the arguments of a call is told by the key",
      content: ['{"db": {"password": "k8Jd93jsk2Lq"}}'],
      expects: { deny: "promptFound", ...found },
    },
    {
      name: "it may only be noted",
      config: { action: "warn" },
      content: [password],
      expects: { warn: "promptFound", ...found },
    },
    {
      name: "a prompt is redacted",
      config: { action: "redact" },
      content: [password],
      expects: {
        modify: "promptRedacted",
        code: "secret_redacted_in_prompt",
        message: "Secrets in the prompt were replaced: high_entropy.",
        modifications: [
          { op: "redact", path: "messages", value: expect.objectContaining({ types: ["high_entropy"] }) },
        ],
      },
    },
    {
      name: "an answer ends before it",
      phase: "response",
      content: [`It is:\n${password}`],
      out: ["It is:\n"],
      expects: { deny: "answerFound", code: "secret_in_answer", message: "The answer holds a secret: high_entropy." },
    },
    {
      name: "of an assignment in an answer only the secret is replaced",
      config: { on, action: "redact" },
      phase: "stream",
      content: [`It is ${password}.`],
      out: ['It is password = "[high_entropy]".'],
      expects: {
        modify: "answerRedacted",
        code: "secret_redacted_in_answer",
        message: "Secrets in the answer were replaced: high_entropy.",
        modifications: [],
      },
    },
    { name: "types that are not asked for pass", config: { types: ["jwt"] }, content: [password], expects: "allow" },
    {
      name: "a prompt that is too long is refused",
      config: { max_characters: 5 },
      content: ["abc", "def"],
      expects: {
        deny: "promptTooLong",
        code: "prompt_too_long_to_check",
        status: 413,
        message: "The prompt is 6 characters; more than 5 are not looked through for secrets.",
      },
    },
  ],
  accepts: [{ types: ["private_key"] }],
  refuses: [
    { config: { types: [] }, at: "types" },
    { config: { types: ["passwords"] }, at: "types.0" },
    { config: { on: [] }, at: "on" },
  ],
});
