import type { CompiledCel } from "../../cel/cel.ts";
import type { CompiledFile } from "../compile.ts";
import type { Path } from "../document.ts";

/** An expression of a policy, and where it stands in the policy's content. */
export interface Expression {
  readonly path: Path;
  readonly cel: CompiledCel;
}

/** Gates, the rules' conditions and the variables that they can read. */
export function expressionsOf({ conditions }: CompiledFile): readonly Expression[] {
  const vars = conditions[0]?.cel.names.vars ?? new Map<string, CompiledCel>();
  return [
    ...conditions.map(({ path, cel }) => ({ path: toPath(path), cel })),
    ...[...vars].map(([name, cel]) => ({ path: ["variables", name], cel })),
  ];
}

/** The path of a condition, such as `rules.0.when`. */
export function toPath(dotted: string): Path {
  return dotted.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
