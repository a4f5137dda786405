import type { Setting } from "../core/modify.ts";

/** Notes a member's new value where it differs from what was sent. */
export function noteEdit(edits: Map<string, string | null>, key: string, sent: Setting, value: Setting): void {
  if (value !== sent) edits.set(key, value === undefined ? null : String(value));
}
