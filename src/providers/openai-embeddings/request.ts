import type { Surface } from "../../core/phases.ts";
import type { RequestView } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
import { optionalString, requireString } from "../fields.ts";
import { textInputs } from "../text-input.ts";
import { TextRequest } from "../text-request.ts";

/**
 * Reads an embeddings body. Fields that are not known here pass unread.
 *
 * @param model where something else than the body names it
 */
export function readEmbeddingsRequest(raw: Uint8Array, surface: Surface = "embeddings", model?: string): RequestView {
  const body = parseBody(raw);
  return new TextRequest({
    surface,
    raw,
    body,
    model: model ?? requireString(body, "model", 256),
    choices: 0,
    user: optionalString(body, "user") ?? "",
    inputs: textInputs(body, "input"),
  });
}
