import {
  contentConfig,
  contentGuard,
  definePlugin,
  PluginConfigError,
  patternScanner,
  pseudonym,
  type ScanPattern,
  type TextScanner,
  t,
  typesFound,
} from "../../src/sdk/index.ts";
import { detectors, type PiiType, piiTypes } from "./detectors.ts";

/** Longest thing that is found, in characters; RFC 5321 has no longer address of mail. */
const longest = 254;

/**
 * Looks for what tells of a person in prompts and answers.
 *
 * Detectors are expressions in linear time with checks of what they find; each find has a confidence that is the same for
 * every text, so that what a policy does can be told beforehand.
 */
export default definePlugin({
  name: "pii",
  summary: "Looks for personal data in prompts and answers, to refuse, note or redact what holds it.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    types: t.Array(t.Union(piiTypes.map((name) => t.Literal(name))), {
      minItems: 1,
      uniqueItems: true,
      default: [...piiTypes],
      description: `What is looked for: ${piiTypes.join(", ")}.`,
    }),
    min_confidence: t.Number({
      minimum: 0,
      maximum: 1,
      default: 0.7,
      description: "How sure a kind of find has to be to count; the reference has each kind's.",
    }),
    ...contentConfig,
    replace_with: t.Union([t.Literal("label"), t.Literal("mask"), t.Literal("hash")], {
      default: "label",
      description:
        "What redact puts in place: the type, a star for each letter and digit, or the type with a short keyed hash.",
    }),
    hash_key: t.Optional(
      t.String({
        minLength: 16,
        maxLength: 256,
        description:
          "What keys the hashes, where several processes or policies must give the same; each process has its own when absent.",
      }),
    ),
  }),
  reads: [],
  provides: { "pii.types": { values: piiTypes }, "pii.count": {} },
  reasons: {
    promptFound: { code: "pii_in_prompt", message: "The prompt holds personal data: {found}." },
    answerFound: { code: "pii_in_answer", message: "The answer holds personal data: {found}." },
    promptRedacted: { code: "pii_redacted_in_prompt", message: "Personal data in the prompt was replaced: {found}." },
    answerRedacted: { code: "pii_redacted_in_answer", message: "Personal data in the answer was replaced: {found}." },
    promptTooLong: {
      code: "prompt_too_long_to_check",
      status: 413,
      message: "The prompt is {characters} characters; more than {max} are not looked through for personal data.",
    },
  },
  examples: [
    {
      types: ["email", "phone", "ssn", "credit_card"],
      min_confidence: 0.7,
      on: ["prompt", "answer"],
      action: "redact",
      max_characters: 262_144,
      too_long: "deny",
      replace_with: "label",
    },
    {
      types: ["ssn", "credit_card"],
      min_confidence: 0.9,
      on: ["prompt"],
      action: "deny",
      max_characters: 262_144,
      too_long: "deny",
      replace_with: "label",
    },
  ],

  create(config, tools) {
    const { types, min_confidence: least, replace_with, hash_key, action } = config;
    if (hash_key !== undefined && (replace_with !== "hash" || action !== "redact")) {
      throw new PluginConfigError(
        "hash_key",
        "'hash_key' has an effect only with 'action: redact' and 'replace_with: hash'",
      );
    }
    for (const [i, type] of types.entries()) {
      const most = Math.max(...detectors.filter((one) => one.type === type).map(({ confidence }) => confidence));
      if (most >= least) continue;
      const message = `no detector of ${type} is as sure as ${least}; the surest has ${most}`;
      throw new PluginConfigError(config.types.length === piiTypes.length ? "min_confidence" : `types.${i}`, message);
    }
    const scanner = scannerOf(types, least, replace_with, hash_key);
    return {
      ...contentGuard(tools, { ...config, scanner }),
      async facts(content, signal) {
        const found = await typesFound(scanner, content, { max: config.max_characters, signal });
        const count = [...found.values()].reduce((sum, often) => sum + often, 0);
        return { "pii.types": [...found.keys()], "pii.count": count };
      },
    };
  },
});

const scanners = new Map<string, TextScanner>();

/** The scanner of a config without a key, made once for all policies: its automaton grows with use. */
function scannerOf(
  types: readonly PiiType[],
  least: number,
  replace: "label" | "mask" | "hash",
  key?: string,
): TextScanner {
  const chosen = detectors.filter(
    ({ type, confidence }) => confidence >= least && (type === null || types.includes(type)),
  );
  const make = () =>
    patternScanner(
      chosen.map(({ confidence: _, ...one }) => ({ ...one, ...replacementOf(one.type, replace, key) })),
      { maxLength: longest },
    );
  if (key !== undefined) return make();
  const name = `${replace} ${chosen.map((one) => detectors.indexOf(one)).join(" ")}`;
  const scanner = scanners.get(name) ?? make();
  scanners.set(name, scanner);
  return scanner;
}

function replacementOf(
  type: PiiType | null,
  replace: "label" | "mask" | "hash",
  key: string | undefined,
): Pick<ScanPattern, "replacement"> {
  if (replace === "label" || type === null) return {};
  if (replace === "mask") return { replacement: (found) => found.replaceAll(/[\p{L}\p{N}]/gu, "*") };
  return { replacement: (found) => `[${type}:${pseudonym(`${type} ${found}`, key)}]` };
}
