import type { Problem } from "../problem.ts";
import type { PolicyFileContent } from "../schema.ts";
import type { Compiled } from "./compiled.ts";
import { Places } from "./places.ts";

/** Params and variables that nothing reads: a rule that was to read them says something else. */
export function checkUnused(file: Compiled): Problem[] {
  const { content } = file;
  if (content === undefined || content.uses !== undefined) return [];
  const variables = Object.entries(content.variables ?? {});
  const params = Object.keys(content.params ?? {});
  if (variables.length + params.length === 0) return [];
  const used = namesIn(textsOf(content));
  // A variable counts as read when one that is read reads it; each reads only those before it.
  for (const [name, source] of variables.toReversed()) {
    if (used.has(`vars.${name}`)) for (const read of namesIn([source])) used.add(read);
  }
  const places = new Places(file);
  const report = (section: "params" | "variables", name: string, read: string) =>
    used.has(read)
      ? []
      : (places.problem(
          "C073",
          [section, name],
          `${section === "params" ? "the param" : "the variable"} '${name}' is not used; read it as ${read}, or take it away`,
          "key",
        ) ?? []);
  return [
    ...params.flatMap((name) => report("params", name, `params.${name}`)),
    ...variables.flatMap(([name]) => report("variables", name, `vars.${name}`)),
  ];
}

/** Every text that can read a param or a variable. */
function textsOf({ match = [], rules = [] }: PolicyFileContent): readonly string[] {
  return [
    ...match,
    ...rules.flatMap(({ when = "", must = "", message = "", modify = [] }) => [
      when,
      must,
      message,
      JSON.stringify(modify),
    ]),
  ];
}

function namesIn(texts: readonly string[]): Set<string> {
  const found = texts.flatMap((text) => [...text.matchAll(/\b(params|vars)\s*\.\s*([A-Za-z_]\w*)/g)]);
  return new Set(found.map(([, root, name]) => `${root}.${name}`));
}
