import { RE2JS } from "re2js";
import { determinise } from "./determinise.ts";

/** Longest source of a pattern, in UTF-16 units. */
export const maxPatternSource = 4_096;
/** Largest compiled pattern, in instructions: what keeps the worst text of the usual length under some milliseconds. */
export const maxPatternSize = 1_000;
/** Longest text that a pattern is tried on unless it says otherwise, in UTF-16 units. */
export const maxPatternText = 65_536;

/** A regular expression in RE2's syntax, which takes time linear in the text, whatever either of them is. */
export interface Pattern {
  readonly source: string;
  /** Instructions it compiled to. */
  readonly size: number;
  /**
   * States of its automaton: then a character of a text takes some nanoseconds. `null` when there are too many: then
   * it takes so many for each instruction, in the worst of texts.
   */
  readonly states: number | null;
  /**
   * Whether it matches anywhere in the text.
   *
   * @throws Error when the text is longer than the pattern takes
   */
  test(text: string): boolean;
  /**
   * The text with this in place of every match that is not empty. It stands as it is written: `$1` means nothing.
   *
   * @throws Error when the text is longer than the pattern takes
   */
  replaceAll(text: string, replacement: string): string;
}

/**
 * Compiles a regular expression that was found in a config. Bounded in its source, in what it compiles to and in the
 * texts it is tried on, so no pattern and no text can hold a request up.
 *
 * @param maxText longest text that it takes, in UTF-16 units
 * @throws Error with a sentence for people when it is not valid or too large
 */
export function compilePattern(source: string, maxText: number = maxPatternText): Pattern {
  if (source.length > maxPatternSource) {
    throw new Error(`a pattern of ${source.length} characters is too long; the most is ${maxPatternSource}`);
  }
  const program = compile(source);
  const size = program.programSize();
  if (size > maxPatternSize) {
    throw new Error(`the pattern compiles to ${size} instructions, the most is ${maxPatternSize}`);
  }
  const within = (text: string) => {
    if (text.length > maxText) throw new Error(`a text of ${text.length} characters is too long for a pattern`);
    return text;
  };
  return {
    source,
    size,
    states: determinise(program),
    test: (text) => program.test(within(text)),
    replaceAll: (text, replacement) =>
      program.matcher(within(text)).replaceAll((match: string) => (match === "" ? "" : replacement)),
  };
}

/** What {@link compilePattern} has against a pattern, or `null`. */
export function patternProblem(source: string): string | null {
  try {
    compilePattern(source);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, "") : String(cause);
    throw new Error(`the pattern is not a valid RE2 expression: ${reason}`, { cause });
  }
}
