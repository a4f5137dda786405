import type { BodyEdit, RequestView } from "../../core/wire.ts";
import { applyModifications, BodyDraft } from "../draft.ts";
import { messagesModifiers } from "./modify.ts";

/** The bytes for the provider, with only the edited members different. */
export function writeMessagesRequest(view: RequestView, edit: BodyEdit): Uint8Array {
  if (edit.modifications === undefined && edit.model === undefined) return view.raw;
  const draft = new BodyDraft(view);
  if (edit.modifications !== undefined) applyModifications(draft, edit.modifications, messagesModifiers);
  if (edit.model !== undefined && edit.model !== view.model) draft.set("model", JSON.stringify(edit.model));
  return draft.bytes();
}
