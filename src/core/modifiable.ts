import type { Modification } from "./decision.ts";
import type { TextScanner } from "./stream.ts";

/** What a rule can do to a part of a request. `cap` also sets when the client sent nothing. */
export const modificationOps = [
  "set",
  "cap",
  "floor",
  "remove",
  "append",
  "redact",
  "route",
] as const satisfies readonly Modification["op"][];

/** What is known of a part of a request that rules may change. */
export interface ModifiableSpec {
  /** What `set`, `cap`, `floor`, `append` and `route` take. */
  readonly type: "int" | "double" | "string" | "list<string>";
  readonly ops: readonly Modification["op"][];
  /** Least and greatest number. */
  readonly min?: number;
  readonly max?: number;
  /** Most characters of a string, most elements of a list. */
  readonly size?: number;
  /** The values it can have, when the list is closed. */
  readonly values?: readonly string[];
  /** What holds when the client sends nothing, where that is not the model's to say. */
  readonly unsent?: number;
  readonly doc: string;
}

const number = ["set", "cap", "floor", "remove"] as const;

/**
 * Every part of a request that rules may change, by the name that OpenAI's chat completions have for it: the one list
 * that files are checked against, and that every wire format has an answer to.
 */
export const modifiableCatalogue = {
  max_tokens: {
    type: "int",
    ops: number,
    min: 1,
    doc: "The most completion tokens of one answer. The chat surface changes max_tokens and max_completion_tokens, whichever was sent, and adds the latter; responses have max_output_tokens, Gemini generationConfig.maxOutputTokens.",
  },
  messages: {
    type: "string",
    ops: ["redact"],
    doc: "Every text of the prompt: messages, system prompt, tool results and the arguments of tool calls, and the descriptions of tools.",
  },
  model: {
    type: "string",
    ops: ["route"],
    size: 256,
    doc: "The model that answers. The rules that apply to it are asked before it is used.",
  },
  n: {
    type: "int",
    ops: ["cap", "remove"],
    min: 1,
    unsent: 1,
    doc: "How many answers are asked for; Gemini has generationConfig.candidateCount. On the messages surface, responses' and Cohere's there is always one; of completions best_of is bound as well.",
  },
  reasoning_effort: {
    type: "string",
    ops: ["set", "remove"],
    values: ["low", "medium", "high"],
    doc: "How hard the model thinks. On the responses surface reasoning.effort; on the messages surface output_config.effort; on Gemini's thinkingLevel, or for models before the third generation a thinkingBudget of 1024, 8192 or 24576 tokens; on Cohere's a token_budget of as many.",
  },
  service_tier: {
    type: "string",
    ops: ["set", "remove"],
    values: ["auto", "default"],
    doc: "Whether priority capacity may be used (auto) or only standard capacity (default; on the messages surface standard_only, on Gemini's standard). Cohere has none.",
  },
  stop: {
    type: "list<string>",
    ops: ["set", "append", "remove"],
    size: 16,
    doc: "Texts at which the model stops. On the messages surface and Cohere's stop_sequences, on Gemini's stopSequences. Responses take none.",
  },
  system: {
    type: "string",
    ops: ["append"],
    size: 8_192,
    doc: "System instructions. The chat surface and Cohere's get a message of its own after the client's leading system messages, responses more instructions, completions a text before each prompt, the messages surface a text block, Gemini's a part of systemInstruction.",
  },
  temperature: {
    type: "double",
    ops: number,
    min: 0,
    max: 2,
    doc: "The sampling temperature. On the messages surface never more than 1, its greatest.",
  },
  tools: {
    type: "list<string>",
    ops: ["remove"],
    size: 256,
    doc: "The tools offered: those whose name fits one of the globs given, or all. Without any tool left, what chooses among them goes as well.",
  },
  top_p: {
    type: "double",
    ops: number,
    min: 0,
    max: 1,
    doc: "Nucleus sampling: the share of likely tokens looked at. Cohere calls it p, and takes 0.01 to 0.99.",
  },
  user: {
    type: "string",
    ops: ["set", "remove"],
    size: 256,
    doc: "What names the end user to the provider: user, and with remove safety_identifier; on the messages surface metadata.user_id. Gemini and Cohere have no place for it. Rules and limits go on knowing the user.",
  },
} as const satisfies Record<string, ModifiableSpec>;

/** A part of a request that rules may change. */
export type ModifiablePath = keyof typeof modifiableCatalogue;

/** All of them, in order. */
export const modifiablePaths = Object.keys(modifiableCatalogue) as readonly ModifiablePath[];

/** What a redaction puts in place of what it finds, unless it says otherwise. */
export const redactedText = "[redacted]";

/** What a `redact` looks for. A list of strings stands for literals with the usual replacement. */
export type Redaction =
  | readonly string[]
  /** Literals, found wherever they stand, case included. */
  | { readonly literals: readonly string[]; readonly replace?: string }
  /** An expression in RE2's syntax. */
  | { readonly pattern: string; readonly replace?: string }
  | ScannerRedaction;

/** What a policy type's own scanner finds, replaced as it says. As JSON, and so wherever it is written down, it is its types. */
export class ScannerRedaction {
  readonly scanner: TextScanner;
  /** What is told of it: what was found. */
  readonly types: readonly string[];

  constructor(scanner: TextScanner, types: readonly string[]) {
    this.scanner = scanner;
    this.types = types;
  }

  toJSON(): { readonly types: readonly string[] } {
    return { types: this.types };
  }
}

const maxLiterals = 1_000;
const maxLiteral = 1_024;
/** Names that fit into a header and a log without quoting. */
const modelName = /^[\x21-\x7e]{1,256}$/;

/**
 * What is wrong with a modification, or `null`. The message says what was received and what is accepted; those on the
 * operation begin with "the operation", those on the path name it first and go on with "cannot".
 *
 * @param patternProblem what is wrong with an expression, or `null`; without it expressions are not looked into
 */
export function modificationProblem(
  { op, path, value }: Modification,
  patternProblem: (source: string) => string | null = () => null,
): string | null {
  if (!(modificationOps as readonly string[]).includes(op)) {
    return `the operation '${op}' is not known; known: ${modificationOps.join(", ")}`;
  }
  if (!Object.hasOwn(modifiableCatalogue, path)) {
    return `'${path}' cannot be modified; what can be: ${modifiablePaths.join(", ")}`;
  }
  const spec: ModifiableSpec = modifiableCatalogue[path as ModifiablePath];
  if (!spec.ops.includes(op)) {
    return `the operation '${op}' does not go with ${path}; what does: ${spec.ops.join(", ")}`;
  }
  switch (op) {
    case "remove":
      return value === undefined ? null : removeProblem(path, value, spec);
    case "redact":
      return redactionProblem(value, patternProblem);
    default:
      return valueProblem(op, path, value, spec);
  }
}

function removeProblem(path: string, value: unknown, spec: ModifiableSpec): string | null {
  if (path !== "tools") return `'remove' takes no value for ${path}; received ${shown(value)}`;
  return areTexts(value, spec.size!) ? null : `'remove' takes tool names or globs, not ${shown(value)}`;
}

function valueProblem(op: string, path: string, value: unknown, spec: ModifiableSpec): string | null {
  const { type, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, size = 0, values } = spec;
  switch (type) {
    case "int":
    case "double": {
      if (typeof value !== "number" || !Number.isFinite(value)) {
        return `'${op}' needs a number as value, not ${shown(value)}`;
      }
      if (type === "int" && !(Number.isSafeInteger(value) && value >= min)) {
        return `${path} must be an integer of at least ${min}, not ${value}`;
      }
      return value < min || value > max ? `${path} must be from ${min} to ${max}, not ${value}` : null;
    }
    case "list<string>":
      if (areTexts(value, size)) return null;
      return `'${op}' needs a string or a list of 1 to ${size} strings as value, not ${shown(value)}`;
    case "string": {
      if (values !== undefined) {
        const known = typeof value === "string" && values.includes(value);
        return known ? null : `${path} must be one of ${values.join(", ")}, not ${shown(value)}`;
      }
      if (typeof value !== "string" || value === "" || value.length > size) {
        return `'${op}' needs a string of 1 to ${size} characters as value, not ${shown(value)}`;
      }
      const spelt = op !== "route" || modelName.test(value);
      return spelt ? null : `'route' needs the name of a model, without spaces, not ${shown(value)}`;
    }
  }
}

/** Whether a value is a string or a list of strings. */
function areTexts(value: unknown, size: number): boolean {
  if (typeof value === "string") return value !== "";
  const list = Array.isArray(value) && value.length > 0 && value.length <= size;
  return list && value.every((item) => typeof item === "string" && item !== "");
}

function redactionProblem(value: unknown, patternProblem: (source: string) => string | null): string | null {
  if (value instanceof ScannerRedaction) return null;
  const accepted = "a list of texts, or a map with 'pattern' or 'literals', and 'replace'";
  if (Array.isArray(value)) return literalsProblem(value);
  if (typeof value !== "object" || value === null) return `'redact' needs ${accepted}, not ${shown(value)}`;
  const { pattern, literals, replace, ...rest } = value as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `'redact' does not know the key '${unknown}'; it takes ${accepted}`;
  if ((pattern === undefined) === (literals === undefined)) return `'redact' needs either 'pattern' or 'literals'`;
  if (replace !== undefined && (typeof replace !== "string" || replace.length > maxLiteral)) {
    return `'replace' must be a string of at most ${maxLiteral} characters, not ${shown(replace)}`;
  }
  if (literals !== undefined) return literalsProblem(literals);
  if (typeof pattern !== "string" || pattern === "") return `'pattern' must be a string, not ${shown(pattern)}`;
  return patternProblem(pattern);
}

function literalsProblem(value: unknown): string | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > maxLiterals) {
    return `'redact' needs 1 to ${maxLiterals} texts to look for, not ${shown(value)}`;
  }
  const wrong = value.find((item) => typeof item !== "string" || item === "" || item.length > maxLiteral);
  return wrong === undefined ? null : `each text to redact has 1 to ${maxLiteral} characters, unlike ${shown(wrong)}`;
}

/** A received value, short enough for a message. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return `'${value.length > 60 ? `${value.slice(0, 59)}…` : value}'`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? "a map" : String(value);
}

/** Parts whose values are texts of a prompt or name a person: those stay out of records. */
const unrecorded: ReadonlySet<string> = new Set<ModifiablePath>(["messages", "stop", "system", "user"]);

/** A modification as records may hold it: with its value where that says nothing of a prompt or a person. */
export function recordedModification({ op, path, value }: Modification): Modification {
  if (value instanceof ScannerRedaction) return { op, path, value: value.toJSON() };
  return value === undefined || unrecorded.has(path) || !Object.hasOwn(modifiableCatalogue, path)
    ? { op, path }
    : { op, path, value };
}

/** The values of a list that may be given as one string. */
export function textsOf(value: unknown): readonly string[] {
  return typeof value === "string" ? [value] : (value as readonly string[]);
}
