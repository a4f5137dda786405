import { elementsSought } from "../../cel/elements.ts";
import { type DetectedFactName, type FactSpec, factCatalogue } from "../../core/facts.ts";
import { nearest } from "../../sdk/suggest.ts";
import type { Detectors } from "../detectors.ts";
import type { Problem } from "../problem.ts";
import type { Compiled } from "./compiled.ts";
import { expressionsOf } from "./expressions.ts";
import { Places } from "./places.ts";

/**
 * A fact that nothing finds out would fail every request, and a type that its detector does not know is never there.
 */
export function checkDetected(file: Compiled, detectors: Detectors): Problem[] {
  const places = new Places(file);
  const expressions = expressionsOf(file);
  const detected = file.policy.reads.filter((fact) => (factCatalogue[fact] as FactSpec).detected);
  const missing = detected.flatMap((fact) => {
    const why = detectors.whyNot(fact);
    if (why === null) return [];
    const at = expressions.find(({ cel }) => cel.reads.includes(fact))?.path ?? [];
    const message = `nothing finds out '${fact}': ${why}`;
    return places.problem("C078", at, message) ?? places.problem("C078", [], message) ?? [];
  });
  if (missing.length > 0 || detected.length === 0) return missing;
  return expressions.flatMap(({ path, cel }) => {
    for (const { list, text, ...range } of elementsSought(cel.tree)) {
      const values = detectors.valuesOf(list as DetectedFactName);
      if (values === undefined || values.includes(text)) continue;
      const word = nearest(text, values);
      const hint = word === undefined ? `values: ${values.join(", ")}` : `did you mean '${word}'?`;
      const message = `${list} never has '${text}'; ${hint}`;
      return places.problem("C014", path, message, range) ?? places.problem("C014", ["uses"], message) ?? [];
    }
    return [];
  });
}
