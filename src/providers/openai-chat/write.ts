import type { BodyEdit, RequestView } from "../../core/wire.ts";
import { applyModifications, BodyDraft } from "../draft.ts";
import { asObject, isObject } from "../json.ts";
import { editMembers, memberValue } from "../json-text.ts";
import { changeModel } from "../one-model.ts";
import { chatModifiers } from "./modify.ts";

/**
 * The bytes for the provider, with only the edited members different.
 *
 * @param modifiers how the surface's bodies are changed, where they are not chat's
 */
export function writeChatRequest(view: RequestView, edit: BodyEdit, modifiers = chatModifiers): Uint8Array {
  if (edit.modifications === undefined && edit.model === undefined && !edit.askForUsage) return view.raw;
  const draft = new BodyDraft(view);
  if (edit.modifications !== undefined) applyModifications(draft, edit.modifications, modifiers);
  if (edit.model !== undefined) changeModel(draft, edit.model);
  if (edit.askForUsage && view.stream && !asksForUsage(view)) draft.set("stream_options", streamOptions(view));
  return draft.bytes();
}

/** Whether the client itself asked for usage in the stream. */
export function asksForUsage(view: RequestView): boolean {
  return asObject(view.body.stream_options).include_usage === true;
}

/** The client's own options with usage asked for, their text otherwise untouched. */
function streamOptions(view: RequestView): string {
  if (!isObject(view.body.stream_options)) return '{"include_usage":true}';
  const sent = memberValue(view.raw, "stream_options");
  return Buffer.from(editMembers(sent, new Map([["include_usage", "true"]]))).toString();
}
