import type { BodyEdit, RequestView } from "../../core/wire.ts";
import { applyModifications, BodyDraft } from "../draft.ts";
import { geminiModifiers } from "./modify.ts";

/** The bytes for the provider, with only the edited members different. The model is the path's, not the body's. */
export function writeGeminiRequest(view: RequestView, { modifications }: BodyEdit): Uint8Array {
  if (modifications === undefined) return view.raw;
  const draft = new BodyDraft(view);
  applyModifications(draft, modifications, geminiModifiers(view.model));
  return draft.bytes();
}
