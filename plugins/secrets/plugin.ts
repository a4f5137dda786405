import { contentConfig, contentGuard, definePlugin, type TextScanner, t, typesFound } from "../../src/sdk/index.ts";
import { secretScanner, secretTypes } from "./detectors.ts";

/**
 * Looks for keys, tokens and passwords in prompts and answers: by the forms that vendors gave theirs, and by what looks
 * random after words that say what it is.
 */
export default definePlugin({
  name: "secrets",
  summary: "Looks for keys, tokens and passwords in prompts and answers, to refuse, note or redact what holds them.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    types: t.Optional(
      t.Array(t.Union(secretTypes.map((name) => t.Literal(name))), {
        minItems: 1,
        uniqueItems: true,
        description: "What is looked for; everything when absent.",
      }),
    ),
    ...contentConfig,
  }),
  reads: [],
  provides: { "secrets.types": { values: secretTypes } },
  reasons: {
    promptFound: { code: "secret_in_prompt", message: "The prompt holds a secret: {found}." },
    answerFound: { code: "secret_in_answer", message: "The answer holds a secret: {found}." },
    promptRedacted: { code: "secret_redacted_in_prompt", message: "Secrets in the prompt were replaced: {found}." },
    answerRedacted: { code: "secret_redacted_in_answer", message: "Secrets in the answer were replaced: {found}." },
    promptTooLong: {
      code: "prompt_too_long_to_check",
      status: 413,
      message: "The prompt is {characters} characters; more than {max} are not looked through for secrets.",
    },
  },
  examples: [
    { on: ["prompt", "answer"], action: "redact", max_characters: 262_144, too_long: "deny" },
    {
      types: ["private_key", "aws_access_key"],
      on: ["prompt"],
      action: "deny",
      max_characters: 262_144,
      too_long: "deny",
    },
  ],
  create(config, tools) {
    const scanner = scannerOf(config.types ?? secretTypes);
    return {
      ...contentGuard(tools, { ...config, scanner }),
      async facts(content, signal) {
        const found = await typesFound(scanner, content, { max: config.max_characters, signal });
        return { "secrets.types": [...found.keys()] };
      },
    };
  },
});

const scanners = new Map<string, TextScanner>();

/** Made once for all policies that look for the same: its automata grow with use. */
function scannerOf(types: readonly string[]): TextScanner {
  const name = [...types].sort().join(" ");
  const scanner = scanners.get(name) ?? secretScanner(types);
  scanners.set(name, scanner);
  return scanner;
}
