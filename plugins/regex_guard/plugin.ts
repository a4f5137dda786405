import { type Content, compilePattern, definePlugin, type Pattern, PluginConfigError, t } from "../../src/sdk/index.ts";
import { type NamedPattern, type SetName, sets } from "./sets.ts";

/** Most characters that a policy may have looked through. */
const mostCharacters = 2_000_000;
/** Most characters times steps: about a quarter of a second for the worst patterns on the worst text. */
const maxWork = 2 ** 28;
/** What a character takes where the automaton is whole; where it is too large it takes one step for each instruction. */
const stepsOfAutomaton = 8;

const setNames = Object.keys(sets) as SetName[];

/**
 * Looks for patterns in the texts of the prompt or of the answer.
 *
 * Patterns take linear time, and how much text they are tried on is bounded; what becomes of longer texts is written
 * down. What was found is named, never quoted: a finding goes into records, a text does not.
 */
export default definePlugin({
  name: "regex_guard",
  summary: "Looks for patterns in prompts and answers, to refuse, note or redact what holds them.",
  onError: "deny",
  phases: ["request", "response"],
  config: t.Object({
    patterns: t.Optional(
      t.Array(
        t.Object({
          name: t.String({
            pattern: "^[a-z][a-z0-9_]*$",
            maxLength: 64,
            description: "What the finding calls it, in snake_case.",
          }),
          pattern: t.String({ minLength: 1, description: "A regular expression in RE2's syntax; (?i) ignores case." }),
        }),
        { minItems: 1, maxItems: 100, description: "Patterns to look for." },
      ),
    ),
    sets: t.Optional(
      t.Array(t.Union(setNames.map((name) => t.Literal(name))), {
        minItems: 1,
        uniqueItems: true,
        description: `Patterns that come with the plugin: ${setNames.join(", ")}.`,
      }),
    ),
    on: t.Array(t.Union([t.Literal("prompt"), t.Literal("answer")]), {
      minItems: 1,
      uniqueItems: true,
      default: ["prompt"],
      description: "Which texts are looked through.",
    }),
    action: t.Union([t.Literal("deny"), t.Literal("warn"), t.Literal("redact")], {
      default: "deny",
      description: "What becomes of a text in which a pattern is found; only a prompt can be redacted.",
    }),
    replacement: t.Optional(
      t.String({ maxLength: 1024, description: "What redact puts in place of what it finds; [redacted] when absent." }),
    ),
    max_characters: t.Integer({
      minimum: 1,
      maximum: mostCharacters,
      default: 262_144,
      description: "Most characters that are looked through, all texts together.",
    }),
    too_long: t.Union([t.Literal("deny"), t.Literal("warn"), t.Literal("allow")], {
      default: "deny",
      description: "What becomes of more text than that, which is not looked through at all.",
    }),
  }),
  reads: [],
  reasons: {
    promptMatch: { code: "prompt_pattern_found", message: "The prompt holds what is not accepted here: {patterns}." },
    answerMatch: { code: "answer_pattern_found", message: "The answer holds what is not accepted here: {patterns}." },
    promptRedacted: { code: "prompt_redacted", message: "Parts of the prompt were replaced: {patterns}." },
    promptTooLong: {
      code: "prompt_too_long_to_check",
      status: 413,
      message: "The prompt is {characters} characters; more than {max} are not looked through.",
    },
    answerTooLong: {
      code: "answer_too_long_to_check",
      message: "The answer is {characters} characters; more than {max} are not looked through.",
    },
  },
  examples: [
    {
      patterns: [{ name: "ticket_number", pattern: "\\bINT-[0-9]{6}\\b" }],
      on: ["prompt", "answer"],
      action: "deny",
      max_characters: 262_144,
      too_long: "deny",
    },
    {
      sets: ["shell_injection", "sql_injection"],
      on: ["prompt"],
      action: "warn",
      max_characters: 100_000,
      too_long: "warn",
    },
  ],

  create(config, { deny, warn, modify }) {
    const { on, action, replacement, max_characters: max, too_long } = config;
    if (action === "redact" && on.includes("answer")) {
      throw new PluginConfigError("on", "an answer cannot be redacted; use 'action: deny' or 'action: warn' for it");
    }
    if (replacement !== undefined && action !== "redact") {
      throw new PluginConfigError("replacement", `'replacement' has no effect on 'action: ${action}'`);
    }
    const patterns = compilePatterns(config, max);

    const judge = (texts: readonly string[], place: "prompt" | "answer") => {
      const characters = texts.reduce((sum, text) => sum + text.length, 0);
      if (characters > max) {
        if (too_long === "allow") return null;
        return (too_long === "deny" ? deny : warn)(`${place}TooLong`, { characters, max });
      }
      const found = patterns.filter(({ compiled }) => texts.some((text) => compiled.test(text)));
      if (found.length === 0) return null;
      const values = { patterns: found.map(({ name }) => name).join(", ") };
      if (action !== "redact") return (action === "deny" ? deny : warn)(`${place}Match`, values);
      const changes = found.map(({ pattern }) => ({
        op: "redact" as const,
        path: "messages",
        value: { pattern, ...(replacement !== undefined && { replace: replacement }) },
      }));
      return modify("promptRedacted", values, changes);
    };
    return {
      ...(on.includes("prompt") && { request: (_: unknown, content: Content) => judge(content.texts(), "prompt") }),
      ...(on.includes("answer") && { response: (_: unknown, content: Content) => judge(content.texts(), "answer") }),
    };
  },
});

interface Looked extends NamedPattern {
  readonly compiled: Pattern;
}

const builtIn = new Map<SetName, readonly Looked[]>();

/** The patterns of a set, compiled once for all policies: making their automata takes a while. */
function compiledSet(name: SetName): readonly Looked[] {
  let set = builtIn.get(name);
  if (set === undefined) {
    set = sets[name].map((one) => ({ ...one, compiled: compilePattern(one.pattern, mostCharacters) }));
    builtIn.set(name, set);
  }
  return set;
}

function compilePatterns(
  config: { readonly patterns?: readonly NamedPattern[]; readonly sets?: readonly SetName[] },
  max: number,
): readonly Looked[] {
  const own = (config.patterns ?? []).map((one, i) => {
    const at = `patterns.${i}.pattern`;
    return { ...one, at, nameAt: `patterns.${i}.name`, compiled: compile(one.pattern, at) };
  });
  const built = (config.sets ?? []).flatMap((set, i) =>
    compiledSet(set).map((one) => ({ ...one, at: `sets.${i}`, nameAt: `sets.${i}` })),
  );
  if (own.length + built.length === 0) throw new PluginConfigError("", "set patterns or sets, or both");

  const known = new Set<string>();
  let steps = 0;
  return [...own, ...built].map(({ name, pattern, compiled, at, nameAt }) => {
    if (known.has(name)) throw new PluginConfigError(nameAt, `the name '${name}' is there twice`);
    known.add(name);
    steps += compiled.states === null ? compiled.size : stepsOfAutomaton;
    if (steps * max > maxWork) {
      const most = Math.floor(maxWork / max);
      const message = `with this the patterns take ${steps} steps for each character; the most for ${max} characters is ${most}`;
      throw new PluginConfigError(at, message);
    }
    return { name, pattern, compiled };
  });
}

function compile(pattern: string, at: string): Pattern {
  let compiled: Pattern;
  try {
    compiled = compilePattern(pattern, mostCharacters);
  } catch (error) {
    throw new PluginConfigError(at, (error as Error).message);
  }
  if (!compiled.test("")) return compiled;
  throw new PluginConfigError(at, "the pattern matches the empty text, and so every text");
}
