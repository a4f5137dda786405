/** All that plugin and policy authors import. */
export { Type as t } from "@sinclair/typebox";
export { type DearestRates, estimateMicroUsd } from "../core/cost.ts";
export { FactFailure } from "../core/detectors.ts";
export { type DetectedFacts, type FactName, type FactSpec, type Facts, factEntries, readFact } from "../core/facts.ts";
export { compileGlob, compileGlobs } from "../core/glob.ts";
export type { LimitScope, LimitUnit, LimitWindow, OnStoreDown } from "../core/limits.ts";
export { createLocalTime, type LocalTime } from "../core/local-time.ts";
export { ScannerRedaction } from "../core/modifiable.ts";
export {
  type AnswerGuard,
  type CallGuard,
  type CallVerdict,
  type Content,
  notApplicable,
  type RuleHit,
  type TextGuard,
  type ToolCall,
  type Verdict,
} from "../core/policy.ts";
export { jsonScanner, scanWhole } from "../core/scan-json.ts";
export type { PieceKind, TextMatch, TextScanner } from "../core/stream.ts";
export { ConfigErrors, type ConfigProblem } from "./config.ts";
export { eachText, type FactLook, typesFound } from "./content-facts.ts";
export { answerKinds, contentConfig, contentGuard, mostPromptCharacters } from "./content-guard.ts";
export {
  type CompletionDemand,
  completionDemand,
  completionFacts,
  factsOfScopes,
  limitScopes,
  limitWords,
  writesNothing,
} from "./limits.ts";
export { modelAliases, modelName } from "./models.ts";
export { compilePattern, type Pattern } from "./pattern.ts";
export {
  type ConfigNote,
  definePlugin,
  type NestedLimit,
  type NestedPolicy,
  type Plugin,
  PluginConfigError,
  type PluginInstance,
  type PluginLimit,
  type PluginTools,
} from "./plugin.ts";
export {
  definePolicy,
  type FactsRead,
  type Policy,
  type PolicyAnswer,
  type PolicyHit,
  type PolicyInput,
} from "./policy.ts";
export { pseudonym } from "./pseudonym.ts";
export { patternScanner, replaced, type ScanPattern } from "./scan.ts";
export { literalScanner, type ScanLiteral } from "./scan-literals.ts";
export { unionScanner } from "./scan-union.ts";
