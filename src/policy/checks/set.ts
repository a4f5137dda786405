import type { PolicyException } from "../../core/exceptions.ts";
import type { CompiledFile } from "../compile.ts";
import type { Detectors } from "../detectors.ts";
import type { PluginDirectory } from "../plugin.ts";
import { type Problem, sortProblems } from "../problem.ts";
import { checkBudget } from "./budget.ts";
import { checkClaims } from "./claims.ts";
import { type Compiled, isCompiled } from "./compiled.ts";
import { checkDetected } from "./detected.ts";
import { checkHeaders } from "./headers.ts";
import { withoutIgnored } from "./ignored.ts";
import { checkModels } from "./models.ts";
import { checkNotes } from "./notes.ts";
import { checkPrices, type UnpricedModel } from "./prices.ts";
import { checkReach } from "./reach.ts";
import { checkShadowedPolicies, checkShadowedRules } from "./shadowed.ts";
import { checkRefusals, checkSurfaces } from "./surfaces.ts";
import { checkUnused } from "./unused.ts";

/** What policies may refer to of the deployment they are for. What is absent is not known, and not checked. */
export interface Deployment {
  /** Names of the headers that policies may read, in lower case. */
  readonly headers?: readonly string[];
  /** Names of models that clients may ask for, as far as they are known. */
  readonly models?: readonly string[];
  /** Those of them whose price nobody knows, without anybody saying that this is fine. */
  readonly unpriced?: readonly UnpricedModel[];
}

/** What keeps a policy that was compiled from being live. */
export function policyProblems(file: Compiled, { headers }: Deployment, detectors?: Detectors): Problem[] {
  return [
    ...checkSurfaces(file),
    ...checkRefusals(file),
    ...checkReach(file),
    ...(headers === undefined ? [] : checkHeaders(file, headers)),
    ...(detectors === undefined ? [] : checkDetected(file, detectors)),
  ];
}

/** What keeps policies that were compiled from being live, each and all together; and those of the library. */
export function setProblems(
  own: readonly CompiledFile[],
  shelf: readonly CompiledFile[],
  deployment: Deployment,
  detectors?: Detectors,
): Problem[] {
  const compiled = own.filter(isCompiled);
  return [
    ...compiled.flatMap((file) => policyProblems(file, deployment, detectors)),
    // Which headers there are is the business of whoever puts a library policy to work.
    ...shelf.filter(isCompiled).flatMap((file) => policyProblems(file, {})),
    ...checkBudget(compiled),
  ];
}

/** What the warnings of a policy set are made of. */
export interface SetParts extends Deployment {
  readonly own: readonly CompiledFile[];
  readonly shelf: readonly CompiledFile[];
  readonly exceptions: readonly PolicyException[];
  readonly registry: PluginDirectory;
}

/** What is probably not meant in a set that is in order. None of it keeps the set from being live. */
export function setWarnings({ own, shelf, exceptions, registry, models, unpriced }: SetParts): readonly Problem[] {
  const compiled = own.filter(isCompiled);
  const all = [...shelf.filter(isCompiled), ...compiled];
  const found = [
    ...all.flatMap((file) => [
      ...checkShadowedRules(file, exceptions),
      ...checkUnused(file),
      ...checkClaims(file),
      ...checkNotes(file),
    ]),
    ...checkShadowedPolicies(compiled, exceptions),
    // The names in library policies are samples until somebody puts one to work.
    ...(models === undefined ? [] : checkModels(compiled, models, registry)),
    ...checkPrices(unpriced ?? []),
  ];
  return sortProblems(withoutIgnored(found, all));
}
