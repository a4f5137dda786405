import type { Modification } from "../core/decision.ts";

/** A number in a body: its value, `undefined` when the client sent none or a rule removed it. */
export type Setting = number | undefined;

/**
 * Applies modifications of one path, in order, to the value the client sent: `set` replaces it, `remove` takes it
 * away, `cap` lowers it and also sets it when there is none, `floor` raises it and leaves an absent one to the model.
 *
 * @throws Error for an operation that a number cannot have: such a policy should not have passed its load
 */
export function modifySetting(path: string, sent: Setting, modifications: readonly Modification[]): Setting {
  let value = sent;
  for (const modification of modifications) {
    if (modification.path !== path) continue;
    const { op } = modification;
    if (op === "remove") {
      value = undefined;
      continue;
    }
    const bound = modification.value;
    if (typeof bound !== "number" || !Number.isFinite(bound)) throw new Error(`${op} of ${path} needs a number`);
    if (op === "set") value = bound;
    else if (op === "cap") value = value === undefined ? bound : Math.min(value, bound);
    else if (op === "floor") value = value === undefined ? undefined : Math.max(value, bound);
    else throw new Error(`${op} of ${path} is not possible`);
  }
  return value;
}

/** Refuses modifications of paths that a wire format cannot edit, so that none is skipped in silence. */
export function checkPaths(modifications: readonly Modification[], paths: readonly string[]): void {
  for (const { path } of modifications) if (!paths.includes(path)) throw new Error(`'${path}' cannot be modified`);
}

/** Notes a member's new value where it differs from what was sent. */
export function noteEdit(edits: Map<string, string | null>, key: string, sent: Setting, value: Setting): void {
  if (value !== sent) edits.set(key, value === undefined ? null : String(value));
}
