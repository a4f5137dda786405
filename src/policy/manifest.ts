import type { FactName } from "../core/facts.ts";
import { compileGlob } from "../core/glob.ts";
import { ConfigErrors, parseConfig } from "../sdk/config.ts";
import { suggestion } from "../sdk/suggest.ts";
import type { DetectorSettings } from "./detectors.ts";
import { PolicyDocument } from "./document.ts";
import { layers as allLayers, type Layer } from "./kinds.ts";
import { fileProblem, type Problem } from "./problem.ts";
import { type ManifestContent, manifestSchema } from "./schema-kinds.ts";
import type { PolicyFile } from "./tree.ts";

/** What `policies/sluice.yaml` says, with what holds where it says nothing. */
export interface PolicyManifest {
  /** What a request that no policy applies to gets. */
  readonly default: "allow" | "deny";
  /** Ids of policies and globs over them. */
  readonly locked: readonly string[];
  /** Where the control plane may keep policies: `db`, or folders in it. */
  readonly databaseRoots: readonly string[];
  /** The layers that are in use, in the order in which they are shown. */
  readonly layers: readonly Layer[];
  /** The facts that decisions are recorded with as hashes, beside those that always are. */
  readonly masked: readonly FactName[];
  /** How facts are found out of prompts, by policy type. */
  readonly facts: Readonly<Record<string, DetectorSettings>>;
}

/** The manifest of a folder that has none. */
export const defaultManifest: PolicyManifest = Object.freeze({
  default: "allow",
  locked: [],
  databaseRoots: ["db"],
  layers: allLayers,
  masked: [],
  facts: {},
});

/** Whether nothing may take the edge off this policy: no exception, no tuning, no switching, no break-glass. */
export function isLocked(manifest: PolicyManifest, policyId: string): boolean {
  return manifest.locked.some((pattern) => compileGlob(pattern)(policyId));
}

/** Whether the control plane may keep a policy of this id. */
export function isDatabaseId(manifest: PolicyManifest, policyId: string): boolean {
  return manifest.databaseRoots.some((root) => policyId.startsWith(`${root}/`));
}

/** The manifest of a folder, read; `document` is there when the folder has one. */
export interface ReadManifest {
  readonly manifest: PolicyManifest;
  readonly document?: PolicyDocument;
}

/** Reads the manifest. What is wrong with it is added to `problems`. */
export function readManifest(file: PolicyFile | undefined, problems: Problem[]): ReadManifest {
  if (file === undefined) return { manifest: defaultManifest };
  const document = new PolicyDocument(file.label, file.text);
  const content = parse(document);
  problems.push(...document.problems);
  return {
    manifest: {
      default: content.default ?? defaultManifest.default,
      locked: content.locked ?? [],
      databaseRoots: content.database?.roots ?? defaultManifest.databaseRoots,
      layers: content.layers ?? defaultManifest.layers,
      masked: content.masked ?? [],
      facts: content.facts ?? {},
    },
    document,
  };
}

function parse(document: PolicyDocument): ManifestContent {
  if (document.value === undefined) return {};
  try {
    return parseConfig(manifestSchema, document.value);
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    document.reportConfig("C023", [], error);
    return {};
  }
}

/**
 * What of the manifest does not fit the files beside it: locked policies that are not there, files of unused layers.
 *
 * @param detectorProblem what is wrong with what it says of a policy type's facts
 */
export function manifestProblems(
  { manifest, document }: ReadManifest,
  files: readonly PolicyFile[],
  policyIds: readonly string[],
  detectorProblem: (type: string) => string | null = () => null,
): Problem[] {
  if (document === undefined) return [];
  const problems: Problem[] = [];
  for (const type of Object.keys(manifest.facts)) {
    const message = detectorProblem(type);
    if (message !== null) problems.push(document.problemAt("C078", ["facts", type], message, "key"));
  }
  for (const [i, pattern] of manifest.locked.entries()) {
    const matches = compileGlob(pattern);
    if (policyIds.some(matches)) continue;
    const what = /[*?]/.test(pattern) ? "fits no policy" : "is no policy";
    const message = `'${pattern}' ${what}${suggestion(pattern, policyIds, "policies")}`;
    problems.push(document.problemAt("C046", ["locked", i], message));
  }
  for (const { path, label } of files) {
    const layer = allLayers.find((name) => path.startsWith(`${name}/`));
    if (layer === undefined || manifest.layers.includes(layer)) continue;
    const used = manifest.layers.join(", ");
    problems.push(fileProblem("C029", label, `the manifest does not use the layer ${layer}; it uses ${used}`));
  }
  return problems;
}
