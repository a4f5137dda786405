import { type StringOptions, type TString, Type as t } from "@sinclair/typebox";

/** Marks the part of a config's schema that names models, so that a misspelt one is pointed out. */
export const modelsKeyword = "x-models";

/** What the marked part is: the name of a model or a glob over names, or a map from further names to models. */
export type ModelsRole = "name" | "aliases";

/** The schema of a model's name, or of a glob over names. One that fits no known model is a warning. */
export function modelName(options: StringOptions = {}): TString {
  return t.String({ ...options, [modelsKeyword]: "name" satisfies ModelsRole });
}

/** Of a schema whose keys are further names for models: they count as known. */
export const modelAliases = { [modelsKeyword]: "aliases" satisfies ModelsRole } as const;
