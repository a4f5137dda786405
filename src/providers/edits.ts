import type { Modification } from "../core/decision.ts";
import { modificationProblem } from "../core/modify.ts";

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

/** Notes a member's new value where it differs from what was sent. */
export function noteEdit(edits: Map<string, string | null>, key: string, sent: Setting, value: Setting): void {
  if (value !== sent) edits.set(key, value === undefined ? null : String(value));
}
