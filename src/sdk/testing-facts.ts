import { emptyFacts, type FactName, type Facts, factEntries, isFactName, readFact } from "../core/facts.ts";
import { deepFreeze } from "./config.ts";
import { suggestion } from "./suggest.ts";

/** Some facts of a case; the others hold their type's zero value. */
export type SomeFacts = { readonly [R in keyof Facts]?: Facts[R] extends Date ? Date : Partial<Facts[R]> };

/**
 * The facts of a case, frozen to the last element, telling which of them are read.
 *
 * @param onRead is told of each read before it is answered; a throw stands for a fact that could not be computed
 */
export function watchedFacts(some: SomeFacts, onRead: (name: FactName) => void): Facts {
  refuseUnknown(some);
  const zeroes = emptyFacts();
  const roots: Record<string, object> = {};
  for (const [name] of factEntries) {
    const [root, field] = name.split(".") as [string, string | undefined];
    const given = readFact(some as Facts, name);
    const value = deepFreeze(structuredClone(given === undefined ? readFact(zeroes, name) : given));
    if (field !== undefined) roots[root] ??= {};
    const owner = field === undefined ? roots : roots[root]!;
    // Getters, not a Proxy: a Proxy may not stand in front of the parts of a frozen object.
    Object.defineProperty(owner, field ?? root, {
      enumerable: true,
      get() {
        onRead(name);
        return value;
      },
    });
  }
  for (const root of Object.keys(roots)) {
    if (root !== "now") Object.freeze(roots[root]);
  }
  return Object.freeze(roots) as unknown as Facts;
}

/** A case that misspells a fact would pass for the wrong reason. */
function refuseUnknown(some: SomeFacts): void {
  const known = factEntries.map(([name]) => name);
  for (const [root, fields] of Object.entries(some)) {
    const names = root === "now" ? [root] : Object.keys(fields).map((field) => `${root}.${field}`);
    for (const name of names) {
      if (!isFactName(name)) throw new Error(`a case gives '${name}', which is not a fact${suggestion(name, known)}`);
    }
  }
}
