/** Marks the part of a config's schema that names models, so that a misspelt one is pointed out. */
export const modelsKeyword = "x-models";

/** What the marked part is: the name of a model or a glob over names, or a map from further names to models. */
export type ModelsRole = "name" | "aliases";
