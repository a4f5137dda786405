import { modifySetting } from "../../core/modify.ts";
import type { BodyEdit, RequestView } from "../../core/wire.ts";
import { noteEdit } from "../edits.ts";
import { asCount } from "../json.ts";
import { editMembers } from "../json-text.ts";

/** The bytes for the provider, with only the edited members different. */
export function writeMessagesRequest(view: RequestView, edit: BodyEdit): Uint8Array {
  const edits = new Map<string, string | null>();
  if (edit.model !== undefined && edit.model !== view.model) edits.set("model", JSON.stringify(edit.model));
  const { modifications } = edit;
  if (modifications !== undefined) {
    const maxTokens = asCount(view.body.max_tokens) ?? undefined;
    noteEdit(edits, "max_tokens", maxTokens, modifySetting("max_tokens", maxTokens, modifications));
    noteEdit(edits, "temperature", view.temperature, modifySetting("temperature", view.temperature, modifications));
  }
  return edits.size === 0 ? view.raw : editMembers(view.raw, edits);
}
