import { testPlugin } from "../../src/sdk/testing.ts";
import modelAllowlist from "./plugin.ts";

const model = (name: string) => ({ request: { model: name } });

testPlugin(modelAllowlist, {
  dir: import.meta.dir,
  config: {
    allowed_model_ids: ["gpt-4o", "claude-*"],
    denied_model_ids: ["*-preview"],
    aliases: { Cheap: "gpt-4o", sneaky: "o1-pro" },
  },
  cases: [
    { name: "a listed model passes", facts: model("gpt-4o"), expects: "allow" },
    { name: "case does not matter", facts: model("GPT-4o"), expects: "allow" },
    { name: "a wildcard covers the whole name", facts: model("claude-sonnet-4-5"), expects: "allow" },
    {
      name: "a name that only begins like a listed one is refused",
      facts: model("gpt-4o-mini"),
      expects: {
        deny: "modelNotAllowed",
        code: "model_not_allowed",
        status: 403,
        message: "The model 'gpt-4o-mini' is not among the models allowed here.",
      },
    },
    {
      name: "a denied model is refused even when it is also allowed",
      facts: model("claude-5-preview"),
      expects: {
        deny: "modelDenied",
        code: "model_denied",
        status: 403,
        message: "The model 'claude-5-preview' is not allowed here.",
      },
    },
    { name: "an alias is judged as its model", facts: model("cheap"), expects: "allow" },
    {
      name: "an alias opens no door that its model does not",
      facts: model("sneaky"),
      expects: { deny: "modelNotAllowed", message: "The model 'sneaky' is not among the models allowed here." },
    },
    {
      name: "with only a list of denied models, the others pass",
      config: { denied_model_ids: ["o1*"] },
      facts: model("anything"),
      expects: "allow",
    },
    {
      name: "an empty list that means deny refuses every model",
      config: { allowed_model_ids: [], empty: "deny" },
      facts: model("gpt-4o"),
      expects: { deny: "modelNotAllowed", message: "The model 'gpt-4o' is not among the models allowed here." },
    },
    {
      name: "an empty list that means allow lets every model pass",
      config: { allowed_model_ids: [], empty: "allow" },
      facts: model("gpt-4o"),
      expects: "allow",
    },
    {
      name: "what empty means does not matter to a list that is not",
      config: { allowed_model_ids: ["a"], empty: "allow" },
      facts: model("b"),
      expects: { deny: "modelNotAllowed", message: "The model 'b' is not among the models allowed here." },
    },
  ],
  accepts: [{ allowed_model_ids: ["a"], aliases: { b: "a" } }],
  refuses: [
    { config: { allowed_model_ids: [""] }, at: "allowed_model_ids.0" },
    { config: { allowed_model_ids: ["a"], aliases: { b: "" } }, at: "aliases.b" },
    {
      config: { allowed_model_ids: [] },
      at: "allowed_model_ids",
      message: "the list is empty; say what that means with empty: deny or allow",
    },
    { config: {}, at: "", message: "set allowed_model_ids or denied_model_ids, or say empty: deny or allow" },
    {
      config: { allowed_model_ids: ["a"], empty: "maybe" },
      at: "empty",
      message: "expected one of 'deny', 'allow', got 'maybe'",
    },
    { config: { allowed_model_ids: "gpt-4o" }, at: "allowed_model_ids", message: "expected a list, got 'gpt-4o'" },
    { config: { allowed_model_ids: ["a", 4] }, at: "allowed_model_ids.1" },
    { config: { denied_model_ids: ["a"], aliases: { x: 1 } }, at: "aliases.x" },
  ],
});
