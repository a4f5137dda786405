import { modifySetting } from "../../core/modify.ts";
import type { BodyEdit, RequestView } from "../../core/wire.ts";
import { noteEdit } from "../edits.ts";
import { asObject, isObject } from "../json.ts";
import { editMembers, memberValue } from "../json-text.ts";
import { chatMaximums } from "./request.ts";

/** The bytes for the provider, with only the edited members different. */
export function writeChatRequest(view: RequestView, edit: BodyEdit): Uint8Array {
  const edits = new Map<string, string | null>();
  if (edit.model !== undefined && edit.model !== view.model) edits.set("model", JSON.stringify(edit.model));
  if (edit.modifications !== undefined) noteModifications(view, edit.modifications, edits);
  if (edit.askForUsage && view.stream && !asksForUsage(view)) edits.set("stream_options", streamOptions(view));
  return edits.size === 0 ? view.raw : editMembers(view.raw, edits);
}

/** Whether the client itself asked for usage in the stream. */
export function asksForUsage(view: RequestView): boolean {
  return asObject(view.body.stream_options).include_usage === true;
}

/** The maximum has two names here: each that was sent is changed; the newer one is added when none was. */
function noteModifications(
  view: RequestView,
  modifications: NonNullable<BodyEdit["modifications"]>,
  edits: Map<string, string | null>,
): void {
  const { maxTokens, maxCompletionTokens } = chatMaximums(view.body);
  if (maxTokens !== undefined)
    noteEdit(edits, "max_tokens", maxTokens, modifySetting("max_tokens", maxTokens, modifications));
  if (maxCompletionTokens !== undefined || maxTokens === undefined) {
    const value = modifySetting("max_tokens", maxCompletionTokens, modifications);
    noteEdit(edits, "max_completion_tokens", maxCompletionTokens, value);
  }
  noteEdit(edits, "temperature", view.temperature, modifySetting("temperature", view.temperature, modifications));
}

/** The client's own options with usage asked for, their text otherwise untouched. */
function streamOptions(view: RequestView): string {
  if (!isObject(view.body.stream_options)) return '{"include_usage":true}';
  const sent = memberValue(view.raw, "stream_options");
  return Buffer.from(editMembers(sent, new Map([["include_usage", "true"]]))).toString();
}
