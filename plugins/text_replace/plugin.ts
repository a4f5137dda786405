import {
  answerKinds,
  type Content,
  contentConfig,
  definePlugin,
  literalScanner,
  PluginConfigError,
  patternScanner,
  type ScanLiteral,
  ScannerRedaction,
  type ScanPattern,
  scanWhole,
  type TextScanner,
  t,
  unionScanner,
} from "../../src/sdk/index.ts";

/** One of the replacements of a config. */
interface Replacement {
  readonly name?: string;
  readonly text?: string;
  readonly pattern?: string;
  readonly with: string;
  readonly ignore_case?: boolean;
}

/**
 * Puts other words in place of words, in prompts and in answers, streams included: a word that comes in several pieces is
 * replaced like any other.
 */
export default definePlugin({
  name: "text_replace",
  summary: "Puts other words in place of words or patterns, in prompts and answers.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    replacements: t.Array(
      t.Object({
        name: t.Optional(
          t.String({
            pattern: "^[a-z][a-z0-9_]*$",
            maxLength: 64,
            description: "What records call it, in snake_case; its place, from 1, when absent.",
          }),
        ),
        text: t.Optional(
          t.String({ minLength: 1, maxLength: 1024, description: "The words to replace, as they stand." }),
        ),
        pattern: t.Optional(
          t.String({ minLength: 1, description: "Or a regular expression in RE2's syntax; (?i) ignores case." }),
        ),
        with: t.String({ maxLength: 1024, description: "What stands in their place; may be empty." }),
        ignore_case: t.Optional(t.Boolean({ description: "Whether the words are found in any case; only for text." })),
      }),
      { minItems: 1, maxItems: 500, description: "What is replaced by what." },
    ),
    on: { ...contentConfig.on, default: ["answer"], description: "Which texts are changed." },
    max_match: t.Integer({
      minimum: 1,
      maximum: 4_096,
      default: 256,
      description: "Longest find of a pattern, in characters: no more of a stream is held back at any time.",
    }),
    max_characters: contentConfig.max_characters,
    too_long: contentConfig.too_long,
  }),
  reads: [],
  reasons: {
    promptReplaced: { message: "Words of the prompt were replaced: {found}." },
    answerReplaced: { message: "Words of the answer were replaced: {found}." },
    promptTooLong: {
      code: "prompt_too_long_to_check",
      status: 413,
      message: "The prompt is {characters} characters; more than {max} are not looked through.",
    },
  },
  examples: [
    {
      replacements: [
        { name: "code_name", text: "Project Falcon", with: "the project", ignore_case: true },
        { name: "internal_host", pattern: "\\b[a-z0-9-]+\\.corp\\.example\\b", with: "[internal host]" },
      ],
      on: ["prompt", "answer"],
      max_match: 256,
      max_characters: 262_144,
      too_long: "deny",
    },
  ],

  create({ replacements, on, max_match, max_characters: max, too_long }, { deny, warn, modify }) {
    const scanner = scannerOf(replacements, max_match);
    const request = (_: unknown, content: Content) => {
      const texts = content.texts();
      const characters = texts.reduce((sum, text) => sum + text.length, 0);
      if (characters > max) {
        return too_long === "allow" ? null : (too_long === "deny" ? deny : warn)("promptTooLong", { characters, max });
      }
      const found = [...new Set(texts.flatMap((text) => scanWhole(scanner, text).map(({ type }) => type)))].sort();
      if (found.length === 0) return null;
      const value = new ScannerRedaction(scanner, found);
      return modify("promptReplaced", { found: found.join(", ") }, [{ op: "redact", path: "messages", value }]);
    };
    const answer = {
      texts: [
        {
          kinds: answerKinds,
          scanner,
          action: "redact" as const,
          hit: (found: ReadonlyMap<string, number>) =>
            modify("answerReplaced", { found: [...found.keys()].sort().join(", ") }, []),
        },
      ],
    };
    return { ...(on.includes("prompt") && { request }), ...(on.includes("answer") && { answer }) };
  },
});

function scannerOf(replacements: readonly Replacement[], maxLength: number): TextScanner {
  const names = new Set<string>();
  const exact: ScanLiteral[] = [];
  const anyCase: ScanLiteral[] = [];
  const patterns: ScanPattern[] = [];
  for (const [i, { name = String(i + 1), text, pattern, with: replacement, ignore_case }] of replacements.entries()) {
    const at = `replacements.${i}`;
    if (names.has(name)) throw new PluginConfigError(`${at}.name`, `the name '${name}' is there twice`);
    names.add(name);
    if ((text === undefined) === (pattern === undefined))
      throw new PluginConfigError(at, "set either 'text' or 'pattern'");
    if (pattern !== undefined) {
      if (ignore_case !== undefined) {
        throw new PluginConfigError(`${at}.ignore_case`, "'ignore_case' is for 'text'; a pattern begins with (?i)");
      }
      // Each by itself first: so it is known which of them is wrong.
      scannerAt(`${at}.pattern`, () => patternScanner([{ type: name, pattern }]));
      patterns.push({ type: name, pattern, replacement });
    } else if (ignore_case) anyCase.push({ type: name, text: text!, replacement });
    else exact.push({ type: name, text: text!, replacement });
  }
  return unionScanner([
    ...(exact.length > 0 ? [literalScanner(exact)] : []),
    ...(anyCase.length > 0 ? [literalScanner(anyCase, true)] : []),
    ...(patterns.length > 0 ? [scannerAt("replacements", () => patternScanner(patterns, { maxLength }))] : []),
  ]);
}

function scannerAt(path: string, make: () => TextScanner): TextScanner {
  try {
    return make();
  } catch (error) {
    throw new PluginConfigError(path, (error as Error).message);
  }
}
