import type { Surface } from "../../core/phases.ts";
import type { JsonObject, RequestView } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
import {
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalString,
  requireString,
} from "../fields.ts";
import { refuseOtherModels } from "../one-model.ts";
import { textInputs, textPart } from "../text-input.ts";
import { TextRequest } from "../text-request.ts";

/**
 * Reads a completions body: OpenAI's older way, a text to go on with. Fields that are not known here pass unread.
 *
 * @param named the model, where something else than the body names it
 */
export function readCompletionsRequest(raw: Uint8Array, surface: Surface = "completions", named?: string): RequestView {
  const body = parseBody(raw);
  const model = named ?? requireString(body, "model", 256);
  refuseOtherModels(body, model);
  const prompts = textInputs(body, "prompt");
  const suffix = optionalString(body, "suffix") ?? "";
  const options = optionalObject(body, "stream_options");
  if (options !== undefined) optionalBoolean(options, "include_usage");
  return new TextRequest({
    surface,
    raw,
    body,
    model,
    stream: optionalBoolean(body, "stream") ?? false,
    maxTokensRequested: completionsMaximum(body) ?? 0,
    // Every prompt is gone on with so many times; of `best_of` all are written and paid for, whichever is shown.
    choices: Math.max(prompts.length, 1) * Math.max(optionalInteger(body, "n", 1, 128) ?? 1, bestOf(body) ?? 1),
    temperature: optionalNumber(body, "temperature"),
    user: optionalString(body, "user") ?? "",
    inputs: suffix === "" ? prompts : [...prompts, textPart(suffix)],
  });
}

/** How many are written for each prompt, of which the best are shown. */
export function bestOf(body: JsonObject): number | undefined {
  return optionalInteger(body, "best_of", 1, 128);
}

/** The maximum asked for. What is not above 0 counts as none: that is for the provider to refuse. */
export function completionsMaximum(body: JsonObject): number | undefined {
  const asked = optionalInteger(body, "max_tokens", Number.MIN_SAFE_INTEGER);
  return asked !== undefined && asked > 0 ? asked : undefined;
}
