import type { Comparison } from "../cel/compare.ts";
import { compileGlobs } from "../core/glob.ts";
import type { Tendency } from "../core/revisions.ts";
import type { RuleContent, ScopeContent } from "./schema.ts";

/** What a change does to what may pass, and why. */
export interface Judged {
  readonly tendency: Tendency;
  readonly why: string;
}

/** Makes a {@link Judged}. */
export const judged = (tendency: Tendency, why: string): Judged => ({ tendency, why });

/** Several changes taken together: as one, when they go one way. */
export function joined(parts: readonly Judged[], otherwise: Judged): Judged {
  const telling = parts.filter(({ tendency }) => tendency !== "neither");
  const { tendency, why } = parts[0] ?? otherwise;
  if (telling.length === 0) return judged(tendency, why);
  const first = telling[0]!;
  if (telling.every(({ tendency }) => tendency === first.tendency)) return judged(first.tendency, first.why);
  const unknown = telling.find(({ tendency }) => tendency === "unknown");
  if (unknown !== undefined) return judged("unknown", unknown.why);
  return judged("unknown", "a part of it tightens and another one loosens");
}

/** Whether something is in the later set only, or in the earlier one. */
export type Presence = "added" | "removed";

/** What it does that something which tightens is there now, or no longer. */
export function tightening(change: Presence, added: string, removed: string): Judged {
  return change === "added" ? judged("tightens", added) : judged("loosens", removed);
}

/** What more or fewer hits amount to, for whatever hits do. */
export type Effects = readonly ("deny" | "modify" | "restrict" | "warn")[];

/** What a rule's hits do; a rule that allows does nothing. `restrict` modifies so that less is asked for, or told. */
export function effectsOf({ then: effect, modify = [] }: RuleContent): Effects {
  if (effect === "modify") return [modify.every(({ op }) => op === "cap" || op === "redact") ? "restrict" : "modify"];
  return effect === "allow" ? [] : [effect];
}

/** What it does that a condition fires for more requests, or fewer, than before. */
export function whenItFires(comparison: Comparison, effects: Effects, what: string): Judged {
  if (comparison === "same") return judged("neither", `${what} exactly the requests that it did`);
  const telling = effects.filter((effect) => effect !== "warn");
  if (telling.length === 0) return judged("neither", "it refuses nothing");
  if (comparison === "unknown") return judged("unknown", "the conditions are too different to compare");
  const more = comparison === "wider" ? "more" : "fewer";
  if (telling.includes("modify")) {
    return judged("unknown", `${what} ${more} requests, and what it modifies may let more or less through`);
  }
  return judged(comparison === "wider" ? "tightens" : "loosens", `${what} ${more} requests`);
}

const lists = ["orgs", "teams", "apps", "env", "keys", "surfaces"] as const;

/** How a scope stands to an earlier one. A list that is not there stands for everything. */
export function compareScopes(earlier: ScopeContent = {}, later: ScopeContent = {}): Comparison {
  const parts: Comparison[] = lists.map((key) => compareLists(earlier[key], later[key]));
  parts.push(compareLists(earlier.models, later.models, compareGlobs));
  parts.push(compareLabels(earlier.labels, later.labels));
  parts.push(opposite(compareExcept(earlier.except, later.except)));
  return combined(parts);
}

function compareExcept(earlier: ScopeContent["except"], later: ScopeContent["except"]): Comparison {
  const none = (scope: ScopeContent["except"]) => scope === undefined || Object.keys(scope).length === 0;
  if (none(earlier) && none(later)) return "same";
  if (none(earlier)) return "wider";
  return none(later) ? "narrower" : compareScopes(earlier, later);
}

function compareLists(
  earlier: readonly string[] | undefined,
  later: readonly string[] | undefined,
  compare = compareSets,
): Comparison {
  if (earlier === undefined) return later === undefined ? "same" : "narrower";
  return later === undefined ? "wider" : compare(earlier, later);
}

function compareGlobs(earlier: readonly string[], later: readonly string[]): Comparison {
  const grew = earlier.every((glob) => later.some((other) => covers(other, glob)));
  const shrank = later.every((glob) => earlier.some((other) => covers(other, glob)));
  if (grew) return shrank ? "same" : "wider";
  return shrank ? "narrower" : "unknown";
}

/** Whether a glob matches all that another one does, as far as that shows. */
function covers(glob: string, other: string): boolean {
  if (!/[*?]/.test(other)) return compileGlobs([glob])(other);
  const [wide, narrow] = [glob.toLowerCase(), other.toLowerCase()];
  return wide === narrow || (/^[^*?]*\*$/.test(wide) && narrow.startsWith(wide.slice(0, -1)));
}

/** How a set stands to an earlier one. */
export function compareSets(earlier: readonly string[], later: readonly string[]): Comparison {
  const grew = earlier.every((item) => later.includes(item));
  const shrank = later.every((item) => earlier.includes(item));
  if (grew) return shrank ? "same" : "wider";
  return shrank ? "narrower" : "unknown";
}

function compareLabels(earlier: ScopeContent["labels"] = {}, later: ScopeContent["labels"] = {}): Comparison {
  const pairs = (labels: object) => Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  // Every label must be there: the more of them, the fewer requests.
  return opposite(compareSets(pairs(earlier), pairs(later)));
}

/** The comparison of what is left out. */
export function opposite(comparison: Comparison): Comparison {
  return comparison === "wider" ? "narrower" : comparison === "narrower" ? "wider" : comparison;
}

function combined(parts: readonly Comparison[]): Comparison {
  const telling = new Set(parts.filter((part) => part !== "same"));
  return telling.size === 0 ? "same" : telling.size === 1 ? [...telling][0]! : "unknown";
}
