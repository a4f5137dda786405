import { emptyFacts, type FactName, type Facts, factEntries, failFact } from "../../core/facts.ts";
import type { LocalTime } from "../../core/local-time.ts";

/** What a case says of a fact: its value, or that it cannot be had. */
export type GivenFact = { readonly value: unknown } | { readonly error: string };

/** Facts that are never zero in a gateway. */
const usual: Readonly<Partial<Record<FactName, unknown>>> = {
  "request.id": "req_test",
  "request.surface": "chat",
  "request.choices": 1,
  "request.temperature": 1,
};

/** Facts that the gateway finds out from others. Given ones hold, whatever they contradict. */
const derived: readonly {
  readonly fact: FactName;
  readonly from: readonly FactName[];
  readonly derive: (...values: never[]) => unknown;
}[] = [
  { fact: "request.tool_count", from: ["request.tool_names"], derive: (names: readonly string[]) => names.length },
  { fact: "request.message_count", from: ["request.roles"], derive: (roles: readonly string[]) => roles.length },
  { fact: "request.has_images", from: ["request.image_count"], derive: (count: number) => count > 0 },
  { fact: "request.max_tokens", from: ["request.max_tokens_requested"], derive: (asked: number) => asked },
  {
    fact: "usage.total_tokens",
    from: ["usage.prompt_tokens", "usage.completion_tokens"],
    derive: (prompt: number, completion: number) => prompt + completion,
  },
];

/**
 * The facts of a case: those given, what follows from them, and for the rest what an empty request has. Frozen. Reading
 * one that cannot be had throws a `FactUnavailable`.
 *
 * @param now when the request arrives, unless the case gives `now` itself
 * @param localTime tells the calendar of an instant in the organisation's time zone
 */
export function factsOf(
  given: ReadonlyMap<FactName, GivenFact>,
  now: Date,
  localTime: (now: number) => LocalTime,
): Facts {
  const known = new Map(given);
  const value = (name: FactName): unknown => {
    const fact = known.get(name);
    return fact !== undefined && "value" in fact ? fact.value : undefined;
  };
  for (const { fact, from, derive } of derived) {
    const sources = from.map(value);
    if (known.has(fact) || sources.includes(undefined)) continue;
    known.set(fact, { value: derive(...(sources as never[])) });
  }
  const instant = new Date((value("now") as string | undefined) ?? now);
  known.set(
    "now",
    given.get("now") !== undefined && "error" in given.get("now")! ? given.get("now")! : { value: instant },
  );
  for (const [part, local] of Object.entries(localTime(instant.getTime()))) {
    const name = `clock.${part}` as FactName;
    if (!known.has(name)) known.set(name, { value: local });
  }

  const facts = emptyFacts() as unknown as Record<string, Record<string, unknown>>;
  for (const [name] of factEntries) {
    const fact = known.get(name) ?? (name in usual ? { value: usual[name] } : undefined);
    if (fact === undefined) continue;
    const [root, field] = name.split(".") as [string, string | undefined];
    const owner = field === undefined ? (facts as Record<string, unknown>) : facts[root]!;
    define(owner, field ?? root, name, fact);
  }
  for (const [root, fields] of Object.entries(Object.getOwnPropertyDescriptors(facts))) {
    if (root !== "now") Object.freeze(fields.value);
  }
  return Object.freeze(facts) as unknown as Facts;
}

function define(owner: Record<string, unknown>, key: string, name: FactName, fact: GivenFact): void {
  if ("value" in fact) {
    owner[key] = fact.value;
    return;
  }
  failFact(owner, key, name, fact.error);
}
