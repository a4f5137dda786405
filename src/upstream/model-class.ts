import type { Surface } from "../core/phases.ts";

/** How a call takes its time: at once, word by word, or after long thought. */
export const modelClasses = ["quick", "chat", "reasoning"] as const;

/** One of the {@link modelClasses}. */
export type ModelClass = (typeof modelClasses)[number];

/** Surfaces that compute and do not write. */
const quick: ReadonlySet<Surface> = new Set<Surface>([
  "embeddings",
  "azure-embeddings",
  "gemini-embeddings",
  "cohere-embeddings",
  "count_tokens",
  "gemini-count-tokens",
]);

/**
 * Models that may think for minutes before their first word, by their vendors' names. Claude is not among them: its streams
 * begin at once, thinking or not.
 */
const thinking =
  /^(?:o\d|gpt-5(?!.*(?:chat|nano))|gpt-oss|deepseek-(?:reasoner|r\d)|magistral|grok-(?:3-mini|4|5)|gemini-(?:2\.5|[3-9])|qwq|kimi-k2-thinking|sonar-(?:reasoning|deep))|thinking|reason/;

/** Whether models of this name may think for minutes. A vendor's name before it, as hosts of many vendors write it, does not matter. */
export function thinksLong(model: string): boolean {
  return thinking.test(model.toLowerCase().slice(model.lastIndexOf("/") + 1));
}

/** The class of a call. */
export function classOf(surface: Surface, reasons: boolean): ModelClass {
  if (quick.has(surface)) return "quick";
  return reasons ? "reasoning" : "chat";
}
