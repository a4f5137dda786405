import type { FactSpec } from "../core/facts.ts";

/** Longest text in a list that is a fact, such as a tool's name. */
const maxListedText = 256;
/** Longest value of a map that is a fact: what HTTP servers take as one header. */
const maxMappedText = 16_384;

/** The largest size of a fact and of each of its elements, in characters or elements; 1 for everything else. */
export function factSize(spec: FactSpec): { size: number; element: number } {
  const size = spec.max ?? 1;
  if (spec.type === "list<string>") return { size, element: maxListedText };
  return { size, element: spec.type.startsWith("map") ? maxMappedText : 1 };
}

/**
 * A test that throws when a fact that clients have a hand in is larger than what the cost of expressions is computed
 * from: the policy then fails as its `onError` says, instead of taking long.
 */
export function sizeGuard(name: string, spec: FactSpec): ((value: never) => void) | undefined {
  const { size, element } = factSize(spec);
  if (spec.type === "string") {
    return (text: string) => {
      if (text.length > size) throw new Error(`${name} is longer than ${size} characters`);
    };
  }
  if (spec.type !== "list<string>") return undefined;
  return (list: readonly string[]) => {
    if (list.length > size) throw new Error(`${name} has more than ${size} elements`);
    for (const text of list) {
      if (text.length > element) throw new Error(`an element of ${name} is longer than ${element} characters`);
    }
  };
}
