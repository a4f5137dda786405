import type { CompiledCel } from "../../cel/cel.ts";
import { keysRead } from "../../cel/keys.ts";
import { nearest } from "../../sdk/suggest.ts";
import type { Problem } from "../problem.ts";
import type { Compiled } from "./compiled.ts";
import { expressionsOf } from "./expressions.ts";
import { Places, type Range } from "./places.ts";

/** What is wrong with a header that an expression reads, and where; `null` when policies may read all that it does. */
export function headerProblem(
  { tree }: Pick<CompiledCel, "tree">,
  allowed: readonly string[],
): (Range & { readonly message: string }) | null {
  const found = keysRead(tree).find(({ map, key }) => map === "request.headers" && !allowed.includes(key));
  if (found === undefined) return null;
  const { key, start, end } = found;
  const lower = key.toLowerCase();
  const meant = allowed.includes(lower) ? lower : nearest(lower, allowed);
  const advice =
    meant === undefined
      ? `add '${lower}' to the setting policy_headers${listed(allowed)}`
      : `did you mean '${meant}'? Names of headers are in lower case`;
  return { message: `the header '${key}' is none that policies may read; ${advice}`, start, end };
}

function listed(allowed: readonly string[]): string {
  return allowed.length === 0 ? ", which has none" : `, which has ${allowed.join(", ")}`;
}

/** A header that is not let through is never there, and reading it fails every request. */
export function checkHeaders(file: Compiled, allowed: readonly string[]): Problem[] {
  const places = new Places(file);
  return expressionsOf(file).flatMap(({ path, cel }) => {
    const problem = headerProblem(cel, allowed);
    if (problem === null) return [];
    // What a library policy reads is put right in the settings; the place is where it is put to work.
    const { message, ...range } = problem;
    return places.problem("C068", path, message, range) ?? places.problem("C068", ["uses"], message)!;
  });
}
