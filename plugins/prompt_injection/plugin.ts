import {
  type Content,
  contentConfig,
  definePlugin,
  eachText,
  PluginConfigError,
  patternScanner,
  t,
} from "../../src/sdk/index.ts";
import { normalise, unescaped } from "./normalise.ts";
import { rules } from "./rules.ts";

/** Weight of text that is hidden in characters that nobody sees. */
const hiddenWeight = 0.9;
const hiddenText = "hidden_text";
const names = [...rules.map(({ name }) => name), hiddenText];

const scanner = patternScanner(
  rules.map(({ name, pattern }) => ({ type: name, pattern })),
  { maxLength: 320 },
);

/**
 * Scores prompts by what attacks on models say, and refuses or notes those whose score reaches a threshold.
 *
 * What is found in different places adds up as independent signs do: two of weight one half make three quarters.
 */
export default definePlugin({
  name: "prompt_injection",
  summary: "Scores prompts and tool results by signs of prompt injection, to refuse or note those above a threshold.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    threshold: t.Number({
      minimum: 0.05,
      maximum: 1,
      default: 0.75,
      description: "The score from which the action is taken, from 0 to 1.",
    }),
    action: t.Union([t.Literal("deny"), t.Literal("warn")], {
      default: "deny",
      description: "What becomes of a prompt whose score reaches the threshold.",
    }),
    weights: t.Record(t.String(), t.Number({ minimum: 0, maximum: 1 }), {
      default: {},
      description: "Other weights for some of the signs; 0 turns one off.",
    }),
    max_characters: contentConfig.max_characters,
    too_long: contentConfig.too_long,
  }),
  reads: [],
  provides: { "injection.score": {} },
  reasons: {
    injectionFound: {
      code: "prompt_injection",
      message: "The prompt looks like an attack: score {score} of {threshold} ({found}).",
    },
    promptTooLong: {
      code: "prompt_too_long_to_check",
      status: 413,
      message: "The prompt is {characters} characters; more than {max} are not looked through.",
    },
  },
  examples: [
    { threshold: 0.75, action: "deny", weights: {}, max_characters: 262_144, too_long: "deny" },
    { threshold: 0.5, action: "warn", weights: { you_are_now: 0 }, max_characters: 262_144, too_long: "warn" },
  ],

  create({ threshold, action, weights: own, max_characters: max, too_long }, { deny, warn }) {
    for (const name of Object.keys(own)) {
      if (names.includes(name)) continue;
      throw new PluginConfigError(`weights.${name}`, `there is no sign '${name}'; there are ${names.join(", ")}`);
    }
    const weights = new Map([...rules.map(({ name, weight }) => [name, own[name] ?? weight] as const)]);
    weights.set(hiddenText, own[hiddenText] ?? hiddenWeight);

    const request = (_: unknown, content: Content) => {
      const texts = content.texts();
      const characters = texts.reduce((sum, text) => sum + text.length, 0);
      if (characters > max) {
        return too_long === "allow" ? null : (too_long === "deny" ? deny : warn)("promptTooLong", { characters, max });
      }
      const signs = new Set<string>();
      for (const text of texts) addSigns(signs, text);
      const { found, score } = scoreOf(signs, weights);
      if (found.length === 0 || score < threshold) return null;
      return (action === "deny" ? deny : warn)("injectionFound", { score, threshold, found: found.join(", ") });
    };
    return {
      request,
      async facts(content, signal) {
        const signs = new Set<string>();
        await eachText(content, { max, signal }, (text) => addSigns(signs, text));
        return { "injection.score": scoreOf(signs, weights).score };
      },
    };
  },
});

/** Adds the signs in a text, as it stands and with JSON's escapes resolved. */
function addSigns(found: Set<string>, one: string): void {
  for (const way of one.includes("\\") ? [one, unescaped(one)] : [one]) {
    const { text, hidden } = normalise(way);
    if (hidden) found.add(hiddenText);
    addMatches(found, text);
    // Some signs stand at the beginning of a line; in all others a line may break.
    if (text.includes("\n")) addMatches(found, text.replaceAll("\n", " "));
  }
}

function addMatches(found: Set<string>, text: string): void {
  for (const { type } of scanner.scan(text, 0, true).matches) found.add(type);
}

/** The signs that count, in order, and what they come to together. */
function scoreOf(signs: ReadonlySet<string>, weights: ReadonlyMap<string, number>) {
  const found = [...signs].filter((name) => weights.get(name)! > 0).sort();
  const score = Math.round((1 - found.reduce((left, name) => left * (1 - weights.get(name)!), 1)) * 100) / 100;
  return { found, score };
}
