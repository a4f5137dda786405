import type { CelScope } from "../cel/bindings.ts";
import type { CelNames, CompiledCel } from "../cel/cel.ts";
import { celText } from "../cel/cel.ts";
import { CelProblem } from "../cel/checks.ts";
import type { FactName, Facts } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import type { PolicyContext } from "./context.ts";
import type { Path } from "./document.ts";

/** Longest value that is put into a message: some of them are the client's own words. */
const maxValueLength = 200;
const placeholder = /\{([A-Za-z_][\w.]*)\}/g;

/** A message whose placeholders are known. */
export interface MessageTemplate {
  readonly reads: readonly FactName[];
  fill(facts: Facts, scope: CelScope): string;
}

/** Compiles the message at a path of the file. Unknown placeholders are noted. */
export function compileMessage(
  template: string,
  phase: Phase,
  names: CelNames,
  { cel, notes }: Pick<PolicyContext, "cel" | "notes">,
  path: Path,
): MessageTemplate {
  const parts: (string | CompiledCel)[] = [];
  let from = 0;
  for (const match of template.matchAll(placeholder)) {
    parts.push(template.slice(from, match.index));
    from = match.index + match[0].length;
    try {
      parts.push(cel.compile(match[1]!, phase, names));
    } catch (error) {
      if (!(error instanceof CelProblem)) throw error;
      const range = { start: match.index + 1, end: from - 1 };
      notes.reportCel(path, error, range, error.code === "C003" ? "C003" : "C025");
    }
  }
  parts.push(template.slice(from));
  if (parts.length === 1) return { reads: [], fill: () => template };
  const reads = parts.flatMap((part) => (typeof part === "string" ? [] : part.reads));

  return {
    reads,
    fill: (facts, scope) =>
      parts.map((part) => (typeof part === "string" ? part : valueText(part, facts, scope))).join(""),
  };
}

/** A value that cannot be computed must not undo the refusal that wanted to name it. */
function valueText(part: CompiledCel, facts: Facts, scope: CelScope): string {
  try {
    const text = celText(part.value(facts, scope));
    return text.length > maxValueLength ? `${text.slice(0, maxValueLength - 1)}…` : text;
  } catch {
    return `{${part.source}}`;
  }
}
