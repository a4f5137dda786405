import type { Json, JsonObject } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { BodyDraft } from "./draft.ts";
import { asObject, isArray } from "./json.ts";

/** Members with which vendors let a request name models to fall back to: OpenRouter's, and Anthropic's. */
const otherModels = ["models", "fallbacks"] as const;

/**
 * Refuses a request that lets the provider choose another model than the one it names: rules, limits and prices would
 * be those of a model that does not answer.
 *
 * @throws SluiceError `invalid_request`
 */
export function refuseOtherModels(body: JsonObject, model: string): void {
  for (const field of otherModels) {
    const value = body[field] ?? null;
    if (value !== null && !namesOnly(value, model)) refuse(field, "names other models than 'model'");
  }
  // Settings that are kept at OpenRouter, which may name any model.
  if ((body.preset ?? null) !== null) refuse("preset", "may stand for other models than 'model'");
}

/** Gives a body another model, and takes away the lists that name the one before. */
export function changeModel(draft: BodyDraft, model: unknown): void {
  if (model === draft.body.model) return;
  draft.set("model", JSON.stringify(model));
  for (const field of otherModels) if (draft.body[field] !== undefined) draft.remove(field);
}

function namesOnly(value: Json, model: string): boolean {
  return isArray(value) && value.every((item) => (typeof item === "string" ? item : asObject(item).model) === model);
}

function refuse(field: string, what: string): never {
  throw new SluiceError("invalid_request", {
    problem: `'${field}' ${what}, and policies decide on one. Leave it out: models to fall back to are targets of a model in the gateway's configuration.`,
  });
}
