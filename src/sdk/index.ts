/** All that plugin and policy authors import. */
export { Type as t } from "@sinclair/typebox";
export type { FactName, Facts } from "../core/facts.ts";
export { compileGlob, compileGlobs } from "../core/glob.ts";
export type { LimitScope, LimitUnit, LimitWindow, OnStoreDown } from "../core/limits.ts";
export { notApplicable, type RuleHit } from "../core/policy.ts";
export {
  definePlugin,
  type Plugin,
  PluginConfigError,
  type PluginInstance,
  type PluginLimit,
  type PluginTools,
} from "./plugin.ts";
