import { entry } from "./entry.ts";
import {
  emptyFacts,
  type FactName,
  type FactSpec,
  type Facts,
  type FactType,
  FactUnavailable,
  factCatalogue,
  failFact,
} from "./facts.ts";
import type { LimitStanding } from "./limits.ts";
import type { Phase } from "./phases.ts";
import type { DecisionRow } from "./ports.ts";
import type { RuleSet } from "./snapshot.ts";

/** Values of facts as JSON has them; times are ISO 8601. Of one that could not be had, `{ error }` says why. */
export type FactValues = Readonly<Partial<Record<FactName, unknown>>>;

/** A limit that had something to say: what its counter said, which nobody can find out again. */
export interface ToldLimit extends LimitStanding {
  readonly policy: string;
  readonly limit: string;
  /** It had room, and said something all the same; absent when it had none. */
  readonly granted?: true;
}

/**
 * What the rules of a decision read, so that they can be asked again and come to the same. Bounded; holds no text of a
 * prompt or an answer.
 */
export interface RecordedFacts {
  /**
   * First what the rules saw of the request as it came. One more for each time it was modified and judged again: what
   * was different then.
   */
  readonly looks: readonly [FactValues, ...FactValues[]];
  /** Facts that stand here as hashes, because they name people or may hold secrets. */
  readonly masked?: readonly FactName[];
  /** Facts that were too large to be kept. */
  readonly omitted?: readonly FactName[];
  /** Facts that stand here with an upper bound, which was enough to decide. */
  readonly bounds?: readonly FactName[];
  readonly limits?: readonly ToldLimit[];
}

/** What the rules in scope saw of a request at one time. */
export interface Look {
  readonly facts: Facts;
  readonly rules: RuleSet;
}

/** What scopes are tested with, beside what each record has: needed to find the policies again. */
const scopeFacts: ReadonlySet<FactName> = new Set<FactName>([
  "org.labels",
  "team.id",
  "app.name",
  "app.labels",
  "request.model",
]);
/** What is in the record anyhow. */
const inRow: ReadonlySet<FactName> = new Set<FactName>([
  "org.id",
  "app.id",
  "app.env",
  "key.id",
  "request.id",
  "request.surface",
]);
/** Those that always stand there as hashes. */
const alwaysMasked: ReadonlySet<FactName> = new Set<FactName>(["user.id", "request.headers"]);
/** Text of the answer: never recorded. */
const neverRecorded: ReadonlySet<FactName> = new Set<FactName>(["event.text"]);
/** Longest value that is kept, in characters. Labels are the operator's, who bounds them elsewhere. */
const maxValueLength = 4_096;

/**
 * The facts that a policy set may have recorded as hashes, beside those that always are: texts and lists of them. Not those
 * by which the policies of a decision are found again, nor numbers, which a hash would not hide.
 */
export const maskableFacts: readonly FactName[] = (Object.keys(factCatalogue) as FactName[]).filter(
  (name) =>
    ["string", "list<string>"].includes(factCatalogue[name].type) &&
    ![inRow, scopeFacts, neverRecorded, alwaysMasked].some((names) => names.has(name)),
);

/** A fact as it is recorded: where it is, and what has to be looked at. */
interface Recorded {
  readonly name: FactName;
  readonly root: string;
  readonly field: string | undefined;
  /** Numbers and truth values stand as they are. */
  readonly isPlain: boolean;
  readonly isScope: boolean;
  /** It may be one that cannot be had. */
  readonly mayFail: boolean;
}

const readsOf = new WeakMap<RuleSet, Partial<Record<Phase, readonly FactName[]>>>();
const recordedOf = new WeakMap<RuleSet, Partial<Record<Phase, readonly Recorded[]>>>();

/** The facts that the rules in scope may read in a phase, in order. */
export function factsReadIn(rules: RuleSet, phase: Phase): readonly FactName[] {
  const known = entry(readsOf, rules, newRecord<readonly FactName[]>);
  known[phase] ??= findReads(rules, phase);
  return known[phase];
}

function findReads(rules: RuleSet, phase: Phase): readonly FactName[] {
  const policies = phase === "request" ? [...rules.inPhase.request, ...rules.limiting] : rules.inPhase[phase];
  const read = new Set(policies.flatMap(({ reads }) => reads));
  const readable = ({ phases }: FactSpec) => phases.includes(phase);
  return [...read].filter((name) => readable(factCatalogue[name]) && !neverRecorded.has(name)).sort();
}

function recordedIn(rules: RuleSet, phase: Phase): readonly Recorded[] {
  const known = entry(recordedOf, rules, newRecord<readonly Recorded[]>);
  known[phase] ??= [...new Set([...scopeFacts, ...factsReadIn(rules, phase)])]
    .filter((name) => !inRow.has(name))
    .map((name): Recorded => {
      const [root, field] = name.split(".") as [string, string | undefined];
      const isPlain = ["int", "double", "bool"].includes(factCatalogue[name].type);
      const mayFail = (factCatalogue[name] as FactSpec).detected === true;
      return { name, root, field, isPlain, isScope: scopeFacts.has(name), mayFail };
    });
  return known[phase];
}

function newRecord<T>(): Partial<Record<Phase, T>> {
  return {};
}

/** What is recorded of a decision beside the facts themselves, and how. */
export interface RecordingOptions extends Pick<RecordedFacts, "bounds" | "limits"> {
  readonly phase: Phase;
  /** The model that stands in the record. */
  readonly model: string;
  /** Makes what stands for a masked text. */
  readonly hash: (text: string) => string;
  /** Of the {@link maskableFacts}, those that are to stand there as hashes. */
  readonly mask?: ReadonlySet<FactName>;
}

/**
 * What is recorded of a decision's facts. Takes the values as they are now: later phases change them.
 *
 * @param looks at least one, the first first
 */
export function recordFacts(
  looks: readonly Look[],
  { phase, model, hash, mask = alwaysMasked, bounds = [], limits = [] }: RecordingOptions,
): RecordedFacts {
  const masked = new Set<FactName>();
  const omitted = new Set<FactName>();
  const before: Partial<Record<FactName, unknown>> = { "request.model": model };
  const recorded = looks.map(({ facts, rules }) => {
    const values: Partial<Record<FactName, unknown>> = {};
    for (const { name, root, field, isPlain, isScope, mayFail } of recordedIn(rules, phase)) {
      const found = (facts as unknown as Record<string, Record<string, unknown>>)[root]!;
      const read = mayFail ? readOrWhy(found, field!) : field === undefined ? found : found[field];
      const value = isPlain ? read : shown(name, read, hash, mask, masked);
      const isKnown = name in before ? isSame(value, before[name]) : isScope && isZero(value);
      if (isKnown) continue;
      if (!isPlain && !isScope && isTooLong(value)) {
        omitted.add(name);
        continue;
      }
      values[name] = value;
      before[name] = value;
    }
    return values;
  }) as unknown as RecordedFacts["looks"];
  return {
    looks: recorded,
    ...(masked.size > 0 && { masked: [...masked] }),
    ...(omitted.size > 0 && { omitted: [...omitted] }),
    ...(bounds.length > 0 && { bounds }),
    ...(limits.length > 0 && { limits }),
  };
}

/** The value of a field, or why it cannot be had. */
function readOrWhy(root: Readonly<Record<string, unknown>>, field: string): unknown {
  try {
    return root[field];
  } catch (error) {
    if (error instanceof FactUnavailable) return { error: error.reason };
    throw error;
  }
}

function shown(
  name: FactName,
  value: unknown,
  hash: (text: string) => string,
  mask: ReadonlySet<FactName>,
  masked: Set<FactName>,
): unknown {
  if (value instanceof Date) return value.toISOString();
  if (isZero(value) || !(alwaysMasked.has(name) || mask.has(name))) return value;
  if (typeof value === "string") {
    masked.add(name);
    return hash(value);
  }
  if (Array.isArray(value)) {
    masked.add(name);
    return value.map((text: string) => hash(text));
  }
  // What stands for a fact that cannot be had is no text of anybody's.
  if (name !== "request.headers") return value;
  masked.add(name);
  return Object.fromEntries(Object.entries(value as object).map(([header, text]) => [header, hash(text)]));
}

function isZero(value: unknown): boolean {
  return value === "" || (typeof value === "object" && Object.keys(value as object).length === 0);
}

/** Bounds what is kept, without making JSON of it: control characters take six characters there, others fewer. */
function isTooLong(value: unknown): boolean {
  if (typeof value === "string") return value.length > maxValueLength;
  let length = 0;
  for (const [name, text] of Object.entries(value as object)) length += name.length + (text as string).length + 6;
  return length > maxValueLength;
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

/** What a decision record knows of the facts beside those that were recorded for it. */
export type FactsRow = Pick<DecisionRow, "requestId" | "org" | "app" | "env" | "key" | "surface" | "model">;

/** The facts of each look, as the rules saw them; hashes stand for what is masked, zero values for what was not read. */
export function restoreFacts(row: FactsRow, { looks }: RecordedFacts): readonly Facts[] {
  let values: Record<string, unknown> = {
    "org.id": row.org,
    "app.id": row.app,
    "app.env": row.env,
    "key.id": row.key,
    "request.id": row.requestId,
    "request.surface": row.surface,
    "request.model": row.model,
  };
  return looks.map((look) => {
    values = { ...values, ...look };
    return toFacts(values);
  });
}

function toFacts(values: Readonly<Record<string, unknown>>): Facts {
  const facts = emptyFacts() as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(values)) {
    // What a version of another time recorded and this one does not know, no rule of this one can read.
    const type = (factCatalogue as Record<string, { readonly type: FactType }>)[name]?.type;
    if (type === undefined) continue;
    const [root, field] = name.split(".") as [string, string | undefined];
    const known = type === "timestamp" ? new Date(value as string) : value;
    if (field === undefined) facts[root] = known;
    else {
      const why = (known as { readonly error?: unknown } | null)?.error;
      const fields = facts[root] as Record<string, unknown>;
      if (typeof why === "string" && !type.startsWith("map")) failFact(fields, field, name as FactName, why);
      else fields[field] = known;
    }
  }
  return facts as unknown as Facts;
}
