import type { BodyEdit, RequestView } from "../../core/wire.ts";
import { applyModifications, BodyDraft } from "../draft.ts";
import { changeModel } from "../one-model.ts";
import { messagesModifiers } from "./modify.ts";

/**
 * The bytes for the provider, with only the edited members different.
 *
 * @param modifiers how the surface's bodies are changed, where they are not those of messages
 */
export function writeMessagesRequest(view: RequestView, edit: BodyEdit, modifiers = messagesModifiers): Uint8Array {
  if (edit.modifications === undefined && edit.model === undefined) return view.raw;
  const draft = new BodyDraft(view);
  if (edit.modifications !== undefined) applyModifications(draft, edit.modifications, modifiers);
  if (edit.model !== undefined) changeModel(draft, edit.model);
  return draft.bytes();
}
