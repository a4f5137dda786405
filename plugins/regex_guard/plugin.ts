import {
  type AnswerGuard,
  answerKinds,
  type Content,
  compilePattern,
  definePlugin,
  type Pattern,
  PluginConfigError,
  patternScanner,
  t,
  unionScanner,
} from "../../src/sdk/index.ts";
import { type NamedPattern, type SetName, sets } from "./sets.ts";

/** Most characters that a policy may have looked through. */
const mostCharacters = 2_000_000;
/** Most characters times steps: about a quarter of a second for the worst patterns on the worst text. */
const maxWork = 2 ** 28;
/** Instructions of patterns that share an automaton. */
const instructionsTogether = 8_000;
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
  phases: ["request"],
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
      description: "What becomes of what is found: the request or answer is refused, it is noted, or it is replaced.",
    }),
    replacement: t.Optional(
      t.String({ maxLength: 1024, description: "What redact puts in place of what it finds; [redacted] when absent." }),
    ),
    max_characters: t.Integer({
      minimum: 1,
      maximum: mostCharacters,
      default: 262_144,
      description: "Most characters of a prompt that are looked through, all texts together.",
    }),
    too_long: t.Union([t.Literal("deny"), t.Literal("warn"), t.Literal("allow")], {
      default: "deny",
      description: "What becomes of a longer prompt, which is not looked through at all.",
    }),
    max_match: t.Integer({
      minimum: 1,
      maximum: 4_096,
      default: 256,
      description: "Longest find in an answer, in characters: no more of a stream is held back at any time.",
    }),
  }),
  reads: [],
  reasons: {
    promptMatch: { code: "prompt_pattern_found", message: "The prompt holds what is not accepted here: {patterns}." },
    answerMatch: { code: "answer_pattern_found", message: "The answer holds what is not accepted here: {patterns}." },
    answerRedacted: { code: "answer_redacted", message: "Parts of the answer were replaced: {patterns}." },
    promptRedacted: { code: "prompt_redacted", message: "Parts of the prompt were replaced: {patterns}." },
    promptTooLong: {
      code: "prompt_too_long_to_check",
      status: 413,
      message: "The prompt is {characters} characters; more than {max} are not looked through.",
    },
  },
  examples: [
    {
      patterns: [{ name: "ticket_number", pattern: "\\bINT-[0-9]{6}\\b" }],
      on: ["prompt", "answer"],
      action: "deny",
      max_characters: 262_144,
      too_long: "deny",
      max_match: 64,
    },
    {
      sets: ["shell_injection", "sql_injection"],
      on: ["prompt"],
      action: "warn",
      max_characters: 100_000,
      too_long: "warn",
      max_match: 256,
    },
  ],

  create(config, { deny, warn, modify }) {
    const { on, action, replacement, max_characters: max, too_long } = config;
    if (replacement !== undefined && action !== "redact") {
      throw new PluginConfigError("replacement", `'replacement' has no effect on 'action: ${action}'`);
    }
    const patterns = compilePatterns(config, max);

    const judge = (texts: readonly string[]) => {
      const characters = texts.reduce((sum, text) => sum + text.length, 0);
      if (characters > max) {
        return too_long === "allow" ? null : (too_long === "deny" ? deny : warn)("promptTooLong", { characters, max });
      }
      const found = patterns.filter(({ compiled }) => texts.some((text) => compiled.test(text)));
      if (found.length === 0) return null;
      const values = { patterns: found.map(({ name }) => name).join(", ") };
      if (action !== "redact") return (action === "deny" ? deny : warn)("promptMatch", values);
      const changes = found.map(({ pattern }) => ({
        op: "redact" as const,
        path: "messages",
        value: { pattern, ...(replacement !== undefined && { replace: replacement }) },
      }));
      return modify("promptRedacted", values, changes);
    };
    const answerHit = (found: ReadonlyMap<string, number>) => {
      const values = { patterns: [...found.keys()].join(", ") };
      if (action === "redact") return modify("answerRedacted", values, []);
      return (action === "deny" ? deny : warn)("answerMatch", values);
    };
    const answer = (): AnswerGuard => {
      const scanner = scannerOf(patterns, replacement ?? "[redacted]", config.max_match);
      return { texts: [{ kinds: answerKinds, scanner, action, hit: answerHit }] };
    };
    return {
      ...(on.includes("prompt") && { request: (_: unknown, content: Content) => judge(content.texts()) }),
      ...(on.includes("answer") && { answer: answer() }),
    };
  },
});

/** One automaton for patterns that go together into one, and a scanner of all. */
function scannerOf(patterns: readonly Looked[], replacement: string, maxLength: number) {
  const groups: Looked[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const one of patterns) {
    size += one.compiled.size;
    if (size > instructionsTogether) {
      groups.push([]);
      size = one.compiled.size;
    }
    groups.at(-1)!.push(one);
  }
  return unionScanner(
    groups.map((group) =>
      patternScanner(
        group.map(({ name, pattern }) => ({ type: name, pattern, replacement })),
        { maxLength },
      ),
    ),
  );
}

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
