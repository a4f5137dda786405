import { compareFindings, type Finding, type Modification } from "./decision.ts";
import {
  type ModifiablePath,
  type ModifiableSpec,
  modifiableCatalogue,
  modificationProblem,
  ScannerRedaction,
  textsOf,
} from "./modifiable.ts";

/** Code of the refusal when rules contradict each other about one path. */
export const modifyConflictCode = "modify_conflict";

/** Code of the refusal when a request that was modified would be modified once more. */
export const modifyLoopCode = "modify_loop";

/** Code of the refusal when what rules make of a request is no valid request. */
export const modifyInvalidCode = "modify_invalid";

/** What several rules' modifications amount to. */
export interface MergedModifications {
  /** To be applied in this order; none when there is a conflict. */
  readonly modifications: readonly Modification[];
  /** The refusal when they contradict each other, else `null`. */
  readonly conflict: Finding | null;
}

const nothing: MergedModifications = Object.freeze({ modifications: Object.freeze([]), conflict: null });

/** One modification and who asked for it. */
interface Asked {
  readonly change: Modification;
  readonly finding: Finding;
}

/** The order in which the changes of one path are made. */
const order = ["remove", "set", "append", "floor", "cap", "redact", "route"] as const;

/**
 * Merges what all findings with the effect `modify` ask for, whatever their order and however often they stand there.
 *
 * Of each path: `remove` beats `set`, and what several remove unites; of several `set` or `route` those of highest
 * priority hold, and different values of the same priority conflict; `append` and `redact` unite, those of higher
 * priority first; then `floor` raises to the greatest floor, then `cap` lowers to the least cap.
 *
 * What the control plane added comes after git's, and does not undo what git's set or route to.
 */
export function mergeModifications(findings: readonly Finding[]): MergedModifications {
  const all = findings.flatMap((finding): Asked[] =>
    finding.effect === "modify" ? (finding.modifications ?? []).map((change) => ({ change, finding })) : [],
  );
  if (all.length === 0) return nothing;
  const conflicts: Finding[] = [];
  const paths = [...new Set(all.map(({ change }) => change.path))].sort();
  const modifications = paths.flatMap((path) => {
    const ofPath = withoutUndoing(all.filter(({ change }) => change.path === path));
    const removed = ofPath.some(({ change }) => change.op === "remove");
    return order.flatMap((op) => {
      const asked = ofPath.filter(({ change }) => change.op === op);
      return asked.length === 0 || (op === "set" && removed) ? [] : mergeOne(op, path, asked, conflicts);
    });
  });
  conflicts.sort(compareFindings);
  return conflicts.length > 0 ? { modifications: [], conflict: conflicts[0]! } : { modifications, conflict: null };
}

const undoing: ReadonlySet<Modification["op"]> = new Set(["set", "remove", "floor", "route"]);

/** What git's policies set or route to holds, whatever the priority of what the control plane added. */
function withoutUndoing(asked: readonly Asked[]): readonly Asked[] {
  const holds = asked.some(({ change: { op }, finding }) => !finding.added && (op === "set" || op === "route"));
  return holds ? asked.filter(({ change, finding }) => !finding.added || !undoing.has(change.op)) : asked;
}

function mergeOne(
  op: Modification["op"],
  path: string,
  asked: readonly Asked[],
  conflicts: Finding[],
): readonly Modification[] {
  const values = asked.map(({ change }) => change.value);
  switch (op) {
    case "cap":
      return [{ op, path, value: Math.min(...(values as number[])) }];
    case "floor":
      return [{ op, path, value: Math.max(...(values as number[])) }];
    case "remove": {
      if (values.includes(undefined)) return [{ op, path }];
      return [{ op, path, value: [...new Set(values.flatMap(textsOf))].sort() }];
    }
    case "append":
    case "redact":
      return united(asked);
    case "set":
    case "route": {
      const highest = Math.max(...asked.map(({ finding }) => finding.priority));
      const first = united(asked.filter(({ finding }) => finding.priority === highest));
      if (first.length > 1) conflicts.push(conflictOn(path, asked));
      return first.slice(0, 1);
    }
  }
}

/** Each change once: git's before what was added, those of higher priority first, else by what they say. */
function united(asked: readonly Asked[]): readonly Modification[] {
  const known = new Map<unknown, Modification>();
  for (const { change } of [...asked].sort(byPriority)) {
    // Two scanners for the same types may find different things.
    const key = change.value instanceof ScannerRedaction ? change.value.scanner : canonical(change.value);
    if (!known.has(key)) known.set(key, change);
  }
  return [...known.values()];
}

function byPriority(a: Asked, b: Asked): number {
  const [left, right] = [JSON.stringify(a.change.value) ?? "", JSON.stringify(b.change.value) ?? ""];
  const added = Number(a.finding.added ?? false) - Number(b.finding.added ?? false);
  return added || b.finding.priority - a.finding.priority || (left < right ? -1 : left > right ? 1 : 0);
}

/** Whether two modifications cannot both be made when their rules have the same priority. */
export function contradict(a: Modification, b: Modification): boolean {
  if (a.op !== b.op || a.path !== b.path || (a.op !== "set" && a.op !== "route")) return false;
  return canonical(a.value) !== canonical(b.value);
}

/** The same text for the same value: a list of one is what its element is, and the order of keys does not matter. */
export function canonical(value: unknown): string {
  const plain = Array.isArray(value) && value.length === 1 ? value[0] : value;
  return (
    JSON.stringify(plain, (_key, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    ) ?? ""
  );
}

/** The refusal names all who disagree, and stands under the first of them. */
function conflictOn(path: string, asked: readonly Asked[]): Finding {
  const policies = [...new Set(asked.map(({ finding }) => finding.policy))].sort();
  const first = asked.map(({ finding }) => finding).sort(compareFindings)[0]!;
  const who = policies.length === 1 ? `rules of ${policies[0]}` : policies.join(" and ");
  return refusalInstead(first, modifyConflictCode, `${who} disagree on what ${path} should be`);
}

/** A refusal in place of a change that cannot be made; it stands under the rule that asked for the change. */
export function refusalInstead(finding: Finding, code: string, message: string): Finding {
  const { modifications: _, ...rest } = finding;
  return { ...rest, effect: "deny", would: "deny", code, message, status: 403 };
}

/** The model that merged modifications route to; `undefined` when they do not. */
export function routedModel(modifications: readonly Modification[]): string | undefined {
  return modifications.find(({ op }) => op === "route")?.value as string | undefined;
}

/** A number in a body: its value, `undefined` when the client sent none or a rule removed it. */
export type Setting = number | undefined;

/**
 * Applies modifications of one path, in order, to the value the client sent: `set` replaces it, `remove` takes it
 * away, `cap` lowers it and also sets it when there is none, `floor` raises it and leaves an absent one to the model.
 *
 * @throws Error for a modification that should not have passed its policy's load: none is skipped in silence
 */
export function modifySetting(path: ModifiablePath, sent: Setting, modifications: readonly Modification[]): Setting {
  const { unsent }: ModifiableSpec = modifiableCatalogue[path];
  let value = sent;
  for (const modification of modifications) {
    if (modification.path !== path) continue;
    const problem = modificationProblem(modification);
    if (problem !== null) throw new Error(problem);
    const bound = Number(modification.value);
    if (modification.op === "remove") value = undefined;
    else if (modification.op === "set") value = bound;
    else if (modification.op === "floor" && value !== undefined) value = Math.max(value, bound);
    else if (modification.op === "cap" && (value ?? unsent ?? Number.POSITIVE_INFINITY) > bound) value = bound;
  }
  return value;
}
