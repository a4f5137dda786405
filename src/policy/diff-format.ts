import type { FieldChange, ItemChange, PolicySetDiff, Tendency } from "../core/revisions.ts";
import { githubAnnotation } from "./problem.ts";

/** How differences can be printed. */
export const diffFormats = ["text", "json", "github"] as const;
/** One of the {@link diffFormats}. */
export type DiffFormat = (typeof diffFormats)[number];

/** Longest value that is shown. */
const maxValue = 120;
const ways: Readonly<Record<Tendency, string>> = {
  loosens: "loosens",
  unknown: "cannot tell",
  tightens: "tightens",
  neither: "neither",
};

/** Differences as lines. `names` is what people called the two sets. */
export function formatDiff(
  diff: PolicySetDiff,
  names: { readonly base: string; readonly head: string },
  format: DiffFormat,
): readonly string[] {
  if (format === "json") return [JSON.stringify({ ...diff, names }, null, 2)];
  if (format === "github") return [...annotations(diff), summaryOf(diff)];
  return [`from  ${names.base}`, `to    ${names.head}`, "", ...diff.items.flatMap(itemLines), summaryOf(diff)];
}

function itemLines({ change, kind, id, tendency, why, fields }: ItemChange): readonly string[] {
  const head = `${change} ${kind} ${id}`;
  if (fields.length === 0) return [`${head}  [${ways[tendency]}: ${why}]`, ""];
  const lines = fields.map((field) => `  ${field.field}: ${valuesOf(field)}  [${ways[field.tendency]}: ${field.why}]`);
  return [head, ...lines, ""];
}

function valuesOf({ change, before, after }: FieldChange): string {
  if (change === "added") return `added ${shown(after)}`;
  if (change === "removed") return `removed ${shown(before)}`;
  return `${shown(before)} → ${shown(after)}`;
}

function shown(value: unknown): string {
  const text = typeof value === "string" && !/\s{2}|[\n"→]/.test(value) ? value : JSON.stringify(value);
  return text.length > maxValue ? `${text.slice(0, maxValue - 1)}…` : text;
}

/** Annotations of a pull request: a warning for what loosens, a notice for what a person has to judge or likes to know. */
function annotations({ items }: PolicySetDiff): readonly string[] {
  const lines: (readonly [Tendency, string])[] = [];
  for (const { file, kind, id, change, tendency, why, fields } of items) {
    const note = (way: Tendency, message: string, line: number, column: number) => {
      if (way === "neither") return;
      const level = way === "loosens" ? "warning" : "notice";
      lines.push([way, githubAnnotation(level, { file, line, column, title: `${ways[way]}: ${kind} ${id}` }, message)]);
    };
    if (fields.length === 0) note(tendency, `${change}: ${why}`, 1, 1);
    for (const field of fields) {
      note(field.tendency, `${field.field}: ${valuesOf(field)} (${field.why})`, field.line, field.column);
    }
  }
  // Only the first ones of each level are shown.
  const order = Object.keys(ways);
  return lines.sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)).map(([, line]) => line);
}

function summaryOf({ items, summary }: PolicySetDiff): string {
  if (items.length === 0) return "no difference in meaning";
  const counted = (["added", "removed", "changed"] as const).filter((change) => summary[change] > 0);
  const what = counted.map((change) => `${summary[change]} ${change}`).join(", ");
  const { loosens, tightens, unknown, neither } = summary;
  return `${what}: ${loosens} loosening, ${tightens} tightening, ${unknown} that cannot be told, ${neither} neither`;
}
