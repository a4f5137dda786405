import type { BodyEdit, RequestView } from "../../core/wire.ts";
import { applyModifications, BodyDraft, type Modifiers } from "../draft.ts";
import { cohereModifiers } from "./modify.ts";

/** The bytes for the provider, with only the edited members different. */
export function writeCohereRequest(
  view: RequestView,
  { model, modifications }: BodyEdit,
  modifiers: Modifiers = cohereModifiers,
): Uint8Array {
  if (modifications === undefined && (model === undefined || model === view.model)) return view.raw;
  const draft = new BodyDraft(view);
  if (modifications !== undefined) applyModifications(draft, modifications, modifiers);
  if (model !== undefined && model !== view.model) draft.set("model", JSON.stringify(model));
  return draft.bytes();
}
