import { compileGlobs, definePlugin, modelAliases, modelName, PluginConfigError, t } from "../../src/sdk/index.ts";

const modelIds = (description: string) => t.Optional(t.Array(modelName({ minLength: 1 }), { description }));

/**
 * Lets requests name only certain models.
 *
 * What an empty list means has been the cause of open gates elsewhere, so here it must be said.
 */
export default definePlugin({
  name: "model_allowlist",
  summary: "Allows only the models that are listed.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    allowed_model_ids: modelIds("Models that may be asked for; * and ? are wildcards, case does not matter."),
    denied_model_ids: modelIds(
      "Models that may not be asked for, even when they are allowed above. Wildcards as above.",
    ),
    aliases: t.Optional(
      t.Record(t.String(), modelName({ minLength: 1 }), {
        ...modelAliases,
        description: "Names that are judged as another model: alias to model id.",
      }),
    ),
    empty: t.Optional(
      t.Union([t.Literal("deny"), t.Literal("allow")], {
        description: "What an empty list of allowed models means: deny every model, or allow every model.",
      }),
    ),
  }),
  reads: ["request.model"],
  reasons: {
    modelNotAllowed: { message: "The model '{model}' is not among the models allowed here." },
    modelDenied: { message: "The model '{model}' is not allowed here." },
  },
  examples: [
    { allowed_model_ids: ["gpt-4o*", "claude-*"], denied_model_ids: ["*-preview"] },
    { allowed_model_ids: ["gpt-4o-mini"], aliases: { cheap: "gpt-4o-mini" } },
    { denied_model_ids: ["o1-pro*"] },
  ],

  create({ allowed_model_ids, denied_model_ids = [], aliases = {}, empty }, { deny }) {
    if (allowed_model_ids?.length === 0 && empty === undefined) {
      throw new PluginConfigError(
        "allowed_model_ids",
        "the list is empty; say what that means with empty: deny or allow",
      );
    }
    if (allowed_model_ids === undefined && denied_model_ids.length === 0 && empty === undefined) {
      throw new PluginConfigError("", "set allowed_model_ids or denied_model_ids, or say empty: deny or allow");
    }
    const isDenied = compileGlobs(denied_model_ids);
    const isAllowed = allowed_model_ids?.length ? compileGlobs(allowed_model_ids) : () => empty !== "deny";
    const judgedAs = new Map(Object.entries(aliases).map(([alias, model]) => [alias.toLowerCase(), model]));

    return {
      request({ request: { model } }) {
        const judged = judgedAs.get(model.toLowerCase()) ?? model;
        if (isDenied(judged)) return deny("modelDenied", { model });
        return isAllowed(judged) ? null : deny("modelNotAllowed", { model });
      },
    };
  },
});
