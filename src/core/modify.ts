import type { Finding, Modification } from "./decision.ts";

/** The parts of a request that rules may modify. */
export const modifiablePaths = ["max_tokens", "temperature"] as const;
/** One of the {@link modifiablePaths}. */
export type ModifiablePath = (typeof modifiablePaths)[number];

/** The operations that rules may use on them. `cap` also sets when the client sent nothing. */
export const modificationOps = ["remove", "set", "floor", "cap"] as const;

/** Code of the refusal when rules set one path to different values. */
export const modifyConflictCode = "modify_conflict";

/** What several rules' modifications amount to. */
export interface MergedModifications {
  /** To be applied in this order: at most one of each operation for each path. */
  readonly modifications: readonly Modification[];
  /** The refusal when they contradict each other, else `null`. */
  readonly conflict: Finding | null;
}

const nothing: MergedModifications = Object.freeze({ modifications: Object.freeze([]), conflict: null });

/**
 * What is wrong with a modification, or `null`. The message follows what was received and lists what is accepted.
 */
export function modificationProblem({ op, path, value }: Modification): string | null {
  if (!(modificationOps as readonly string[]).includes(op)) {
    return `the operation '${op}' is not supported by this version; supported: ${modificationOps.join(", ")}`;
  }
  if (!(modifiablePaths as readonly string[]).includes(path)) {
    return `'${path}' cannot be modified; what can be: ${modifiablePaths.join(", ")}`;
  }
  if (op === "remove") return value === undefined ? null : "'remove' takes no value";
  if (typeof value !== "number" || !Number.isFinite(value)) return `'${op}' needs a number as value`;
  if (path === "max_tokens" && !(Number.isSafeInteger(value) && value >= 1)) {
    return `max_tokens must be an integer of at least 1, not ${value}`;
  }
  return path === "temperature" && (value < 0 || value > 2) ? `temperature must be from 0 to 2, not ${value}` : null;
}

/**
 * Merges what all findings with the effect `modify` ask for, whatever their order.
 *
 * Of each path: `remove` beats `set`; of several `set` the one of highest priority holds, and different values of the
 * same priority conflict; then `floor` raises to the greatest floor, then `cap` lowers to the least cap.
 */
export function mergeModifications(findings: readonly Finding[]): MergedModifications {
  const asked = findings.filter(({ effect, modifications }) => effect === "modify" && modifications !== undefined);
  if (asked.length === 0) return nothing;

  const merged: Modification[] = [];
  let conflict: Finding | null = null;
  const paths = new Set(asked.flatMap(({ modifications }) => modifications!.map(({ path }) => path)));
  for (const path of [...paths].sort()) {
    const of = (op: Modification["op"]) =>
      asked.flatMap((finding) =>
        finding
          .modifications!.filter((change) => change.op === op && change.path === path)
          .map(({ value }) => ({
            value: value as number,
            finding,
          })),
      );
    const [removes, sets, floors, caps] = [of("remove"), of("set"), of("floor"), of("cap")];
    if (removes.length > 0) merged.push({ op: "remove", path });
    else if (sets.length > 0) {
      const highest = Math.max(...sets.map(({ finding }) => finding.priority));
      const first = sets.filter(({ finding }) => finding.priority === highest);
      const value = Math.min(...first.map((set) => set.value));
      merged.push({ op: "set", path, value });
      if (first.some((set) => set.value !== value)) conflict ??= conflictOn(path, first[0]!.finding);
    }
    if (floors.length > 0) merged.push({ op: "floor", path, value: Math.max(...floors.map(({ value }) => value)) });
    if (caps.length > 0) merged.push({ op: "cap", path, value: Math.min(...caps.map(({ value }) => value)) });
  }
  return { modifications: merged, conflict };
}

/** A number in a body: its value, `undefined` when the client sent none or a rule removed it. */
export type Setting = number | undefined;

/**
 * Applies modifications of one path, in order, to the value the client sent: `set` replaces it, `remove` takes it
 * away, `cap` lowers it and also sets it when there is none, `floor` raises it and leaves an absent one to the model.
 *
 * @throws Error for a modification that should not have passed its policy's load: none is skipped in silence
 */
export function modifySetting(path: string, sent: Setting, modifications: readonly Modification[]): Setting {
  let value = sent;
  for (const modification of modifications) {
    const problem = modificationProblem(modification);
    if (problem !== null) throw new Error(problem);
    if (modification.path !== path) continue;
    const bound = Number(modification.value);
    if (modification.op === "remove") value = undefined;
    else if (modification.op === "set") value = bound;
    else if (modification.op === "cap") value = Math.min(value ?? bound, bound);
    else if (value !== undefined) value = Math.max(value, bound);
  }
  return value;
}

function conflictOn(path: string, finding: Finding): Finding {
  const { modifications: _, ...rest } = finding;
  return {
    ...rest,
    effect: "deny",
    would: "deny",
    code: modifyConflictCode,
    message: `policies disagree on what ${path} should be`,
    status: 403,
  };
}
