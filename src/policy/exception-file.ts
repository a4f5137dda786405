import type { PolicyException } from "../core/exceptions.ts";
import type { RuleInfo } from "../core/policy.ts";
import { ConfigErrors, parseConfig } from "../sdk/config.ts";
import { suggestion } from "../sdk/suggest.ts";
import { PolicyDocument } from "./document.ts";
import { folderOf, policyId } from "./kinds.ts";
import { isLocked, type PolicyManifest } from "./manifest.ts";
import type { Problem } from "./problem.ts";
import { type ExceptionContent, exceptionSchema } from "./schema-kinds.ts";
import { compileScopeOf } from "./scope.ts";
import type { PolicyFile } from "./tree.ts";

/** What exceptions can be made from. */
export interface ExceptionTargets {
  /** Every policy of the folder, refused ones included, with its rules; `undefined` rules are not known. */
  readonly rules: ReadonlyMap<string, readonly RuleInfo[] | undefined>;
  readonly manifest: PolicyManifest;
}

const sample = "2027-01-31";

/** Reads exception files, and checks them against the policies beside them. What is wrong is added to `problems`. */
export function readExceptions(
  files: readonly PolicyFile[],
  targets: ExceptionTargets,
  problems: Problem[],
): PolicyException[] {
  return files.flatMap((file) => {
    const document = new PolicyDocument(file.label, file.text);
    const exception = readException(file, targets, document);
    problems.push(...document.problems);
    return exception === null || document.problems.length > 0 ? [] : [exception];
  });
}

function readException(file: PolicyFile, targets: ExceptionTargets, document: PolicyDocument): PolicyException | null {
  const content = parse(document);
  if (content === null) return null;
  const { policy, rule = "", owner, reason } = content;
  const expiresAt = parseEnd(content.expires);
  if (expiresAt === null) {
    const message = `'${content.expires}' is no time; expected one such as ${sample}T12:00:00Z, or a date such as ${sample}`;
    document.report("C044", ["expires"], message);
  }
  checkReach(file.path, content, document);
  checkTarget(policy, rule, targets, document);
  const scope = compileScopeOf(content, file.path, document);
  return { id: policyId(file.path), path: file.path, policy, rule, scope, owner, reason, expiresAt: expiresAt ?? 0 };
}

function parse(document: PolicyDocument): ExceptionContent | null {
  if (document.value === undefined) return null;
  try {
    return parseConfig(exceptionSchema, document.value);
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    const endless = error.errors.filter(({ message }) => message.startsWith("'expires' is missing"));
    document.reportConfig("C023", [], new ConfigErrors(error.errors.filter((problem) => !endless.includes(problem))));
    if (endless.length > 0) {
      document.report("C044", [], `'expires' is missing; an exception ends by itself, such as on ${sample}`);
    }
    return null;
  }
}

/** The time that a text names; `null` when it is none. */
function parseEnd(text: string): number | null {
  const parts = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.exec(text);
  const time = parts === null ? Number.NaN : Date.parse(text);
  if (parts === null || Number.isNaN(time)) return null;
  // February 30th is moved into March.
  return new Date(Date.parse(parts[1]!)).toISOString().startsWith(parts[1]!) ? time : null;
}

/** A layer tightens what stands above it, so what it excepts from must be its own. */
function checkReach(path: string, { policy, scope }: ExceptionContent, document: PolicyDocument): void {
  const folder = folderOf(path);
  if (folder !== "org" && !policy.startsWith(`${folder}/`)) {
    const message = `an exception in ${folder}/ is from policies in ${folder}/; move it to org/ to except from '${policy}'`;
    document.report("C045", ["policy"], message);
  }
  if (folder === "org" && Object.keys(scope ?? {}).length === 0) {
    const message = "an exception in org/ says which requests it is for, such as 'scope: { apps: [batch] }'";
    document.report("C045", scope === undefined ? [] : ["scope"], message);
  }
}

function checkTarget(
  policy: string,
  rule: string,
  { rules, manifest }: ExceptionTargets,
  document: PolicyDocument,
): void {
  if (!rules.has(policy)) {
    const message = `there is no policy '${policy}'${suggestion(policy, [...rules.keys()], "policies")}`;
    document.report("C043", ["policy"], message);
    return;
  }
  if (isLocked(manifest, policy)) {
    document.report("C045", ["policy"], `the manifest locks '${policy}': nothing is excepted from it`);
  }
  if (rule === "") return;
  const known = rules.get(policy);
  if (known?.some(({ id }) => id === rule)) return;
  const ids = known?.map(({ id }) => id) ?? [];
  document.report("C043", ["rule"], `'${policy}' has no rule '${rule}'${suggestion(rule, ids, "rules")}`);
}
