import { createHash } from "node:crypto";
import { entry } from "../core/entry.ts";
import type {
  BreakGlass,
  DatabasePolicy,
  OverlayProblem,
  ParamOrigin,
  ParamValues,
  PolicyBinding,
  PolicyOverlay,
  PolicySetting,
} from "../core/overlay.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import { nearest } from "../sdk/suggest.ts";
import { policyProblems } from "./checks/set.ts";
import { type CompiledFile, type CompileTools, compileFile } from "./compile.ts";
import { conflicts } from "./conflicts.ts";
import { maintenancePolicy, withBreakGlass } from "./interventions.ts";
import { isDatabaseId, isLocked, type PolicyManifest } from "./manifest.ts";
import { makeCopies, type Plan, type Tuning } from "./overlay-copies.ts";
import {
  collectProblems,
  fittingBreakGlass,
  fittingMode,
  fittingParams,
  itemNames,
  type Note,
} from "./overlay-items.ts";
import { overriddenSets } from "./overlay-sets.ts";
import type { Problem } from "./problem.ts";
import type { PolicyFile } from "./tree.ts";

/** A policies folder that an overlay is laid over. */
export interface OverlayBase {
  readonly compiled: readonly CompiledFile[];
  readonly tools: CompileTools;
  readonly manifest: PolicyManifest;
}

/** What an overlay makes of a policies folder. */
export interface LaidOver {
  /** Every copy of every policy. */
  readonly policies: readonly CompiledPolicy[];
  /** The files of the database policies among them. */
  readonly files: readonly CompiledFile[];
  /** What does not fit. What tightens is kept as far as it can be; what would loosen has no effect. */
  readonly problems: readonly OverlayProblem[];
  /** Policies that were compiled for the overlay. */
  readonly made: readonly CompiledPolicy[];
  /** Policies that stand in no copy, because tuned ones stand in their place, and have something to give back. */
  readonly replaced: readonly CompiledPolicy[];
}

/** The parts of an overlay that name one policy. */
interface Items {
  readonly bindings: PolicyBinding[];
  readonly settings: PolicySetting[];
  readonly breakGlass: BreakGlass[];
}

type Compiled = CompiledFile & { readonly policy: CompiledPolicy };

/**
 * Lays what the control plane keeps over the policies of git. Pure but for what compiling takes: the same folder and
 * overlay give the same policies.
 *
 * Without break-glass the result never decides more weakly than git alone, at the params that git declares tunable.
 */
export async function layOver(base: OverlayBase, overlay: PolicyOverlay): Promise<LaidOver> {
  const { problems, note } = collectProblems();
  const git = base.compiled.filter((file): file is Compiled => file.policy !== undefined);
  const database = await compileDatabase(overlay.policies, git, base, problems, note);
  const items = itemsByPolicy(overlay);
  const policies: CompiledPolicy[] = [];
  const made = database.map(({ policy }) => policy);
  const replaced: CompiledPolicy[] = [];

  for (const file of [...git, ...database]) {
    const own = items.get(file.id) ?? noItems;
    const origin = database.includes(file) ? "database" : "git";
    const fitting = isLocked(base.manifest, file.id) ? refuseLocked(own, note) : own;
    const copies = await makeCopies(file, planFor(file, fitting, origin, note), base.tools, (application, message) => {
      for (const item of tuningOf(fitting, application))
        note("C061", item, `the policy cannot have these params: ${message}`);
    });
    const breakGlass = fittingBreakGlass(fitting.breakGlass, file.policy, note);
    policies.push(...copies.policies.map((copy) => withBreakGlass(shown(copy, breakGlass), breakGlass)));
    made.push(...copies.made);
    if (file.policy.dispose && !copies.policies.some(({ dispose }) => dispose === file.policy.dispose)) {
      replaced.push(file.policy);
    }
  }
  noteUnknown(
    items,
    [...git, ...overlay.policies].map(({ id }) => id),
    note,
  );
  if (overlay.maintenance !== null) policies.push(maintenancePolicy(overlay.maintenance));
  return { policies, files: database, problems, made, replaced };
}

/**
 * Compiles what a database policy says as if it stood in its folder. Nothing of it goes live.
 *
 * @returns every problem found; none means that it could be live
 */
export async function checkDatabasePolicy(
  base: OverlayBase,
  policy: Pick<DatabasePolicy, "id" | "content">,
): Promise<readonly OverlayProblem[]> {
  const { problems, note } = collectProblems();
  const git = base.compiled.filter((file): file is Compiled => file.policy !== undefined);
  const compiled = await compileDatabase([{ ...policy, status: "active", enabled: true }], git, base, problems, note);
  for (const file of compiled) file.policy.dispose?.();
  return problems;
}

/** Names what is in force beside the files; the files' own name when nothing is. */
export function revisionOf(digest: string, overlay: PolicyOverlay): string {
  const { bindings, settings, breakGlass, maintenance } = overlay;
  const policies = overlay.policies.filter(isLive).map(({ id, content }) => [id, content]);
  const parts = [
    policies,
    bindings.map(({ policy, application, params }) => [policy, application, params]),
    settings.map(({ policy, application, params, mode }) => [policy, application, params, mode]),
    breakGlass.map(({ id }) => id),
    maintenance === null ? [] : [maintenance.id],
  ];
  if (parts.every((part) => part.length === 0)) return digest;
  const hash = createHash("sha256").update(digest).update(JSON.stringify(parts)).digest("hex");
  return `sha256:${hash}`;
}

/** Where a database policy stands, as a file would. */
export function databaseFile({ id, content }: Pick<DatabasePolicy, "id" | "content">): PolicyFile {
  const path = `${id}.policy.yaml`;
  return { kind: "policy", path, label: path, text: content };
}

function isLive({ status, enabled }: Pick<DatabasePolicy, "status" | "enabled">): boolean {
  return enabled && status !== "draft";
}

/** Those of the database that fit, each beside git and those before it. */
async function compileDatabase(
  policies: readonly Pick<DatabasePolicy, "id" | "content" | "status" | "enabled">[],
  git: readonly Compiled[],
  { tools, manifest }: OverlayBase,
  problems: OverlayProblem[],
  note: Note,
): Promise<readonly Compiled[]> {
  const fitting: Compiled[] = [];
  for (const policy of policies.filter(isLive)) {
    const item = itemNames.policy(policy.id);
    if (!isDatabaseId(manifest, policy.id)) {
      const roots = manifest.databaseRoots.map((root) => `${root}/`).join(", ") || "nowhere";
      note("C062", item, `the manifest gives the database other places for policies: ${roots}`);
      continue;
    }
    const file = await compileFile(databaseFile(policy), tools);
    const found = [...file.problems];
    if (file.policy !== undefined) {
      const { label } = file.file;
      found.push(...conflicts([...git, ...fitting, file]).filter((problem) => problem.file === label));
      found.push(...policyProblems({ ...file, policy: file.policy }, tools.deployment ?? {}, tools.detectors));
      for (const message of overriddenSets(git, { ...file, policy: file.policy })) note("C063", item, message);
    }
    problems.push(...found.map((problem) => atPosition(item, problem)));
    const fits = file.policy !== undefined && !problems.some((problem) => problem.item === item);
    if (fits) fitting.push({ ...file, policy: file.policy });
    else file.policy?.dispose?.();
  }
  return fitting;
}

function atPosition(item: string, { code, file, line, column, message }: Problem): OverlayProblem {
  return { code, item, message, at: { file, line, column } };
}

const noItems: Items = { bindings: [], settings: [], breakGlass: [] };

function itemsByPolicy({ bindings, settings, breakGlass }: PolicyOverlay): Map<string, Items> {
  const items = new Map<string, Items>();
  const of = (policy: string) => entry(items, policy, () => ({ bindings: [], settings: [], breakGlass: [] }));
  for (const binding of bindings) of(binding.policy).bindings.push(binding);
  for (const setting of settings) if (saysSomething(setting)) of(setting.policy).settings.push(setting);
  for (const entry of breakGlass) of(entry.policy).breakGlass.push(entry);
  return items;
}

function saysSomething({ params, mode }: PolicySetting): boolean {
  return mode !== null || Object.keys(params).length > 0;
}

/** Every part that names a policy, with what it is called. */
function namesOf({ bindings, settings, breakGlass }: Items): readonly string[] {
  return [
    ...bindings.map(({ policy, application }) => itemNames.binding(policy, application)),
    ...settings.map(({ policy, application }) => itemNames.setting(policy, application)),
    ...breakGlass.map(({ id }) => itemNames.breakGlass(id)),
  ];
}

function refuseLocked(items: Items, note: Note): Items {
  for (const item of namesOf(items)) {
    note("C062", item, "the policy is locked by the manifest: nothing but git may touch it");
  }
  return noItems;
}

function noteUnknown(items: ReadonlyMap<string, Items>, known: readonly string[], note: Note): void {
  const ids = new Set(known);
  for (const [policy, own] of items) {
    if (ids.has(policy)) continue;
    for (const item of namesOf(own)) {
      const near = nearest(policy, known);
      const hint = near === undefined ? "" : `; did you mean '${near}'?`;
      note("C060", item, `there is no policy '${policy}'${hint}`);
    }
  }
}

/** What becomes of a policy; what does not fit it is noted. */
function planFor({ policy, content }: Compiled, items: Items, origin: Plan["origin"], note: Note): Plan {
  const declared = content?.params ?? {};
  const defaults: Tuning = {
    params: Object.fromEntries(
      Object.entries(declared).map(([name, spec]) => [name, { value: spec.default as never, from: "default" }]),
    ),
    mode: policy.mode,
    modeFrom: "file",
  };
  const apply = (tuning: Tuning, setting: PolicySetting, from: "tuned" | "tuned for the application"): Tuning => {
    const item = itemNames.setting(setting.policy, setting.application);
    const mode = fittingMode(setting, policy.mode, origin === "git", note);
    return {
      params: { ...tuning.params, ...valuesFrom(fittingParams(setting.params, declared, item, note), from) },
      ...(mode === null ? { mode: tuning.mode, modeFrom: tuning.modeFrom } : { mode, modeFrom: from }),
    };
  };
  const forAll = items.settings.find(({ application }) => application === "");
  const base = forAll === undefined ? defaults : apply(defaults, forAll, "tuned");

  const tuned = new Map<string, Tuning>();
  for (const setting of items.settings) {
    if (setting.application !== "") tuned.set(setting.application, apply(base, setting, "tuned for the application"));
  }
  for (const { policy: id, application, params } of items.bindings) {
    const values = fittingParams(params, declared, itemNames.binding(id, application), note);
    if (Object.keys(values).length === 0) continue;
    const before = tuned.get(application) ?? base;
    tuned.set(application, { ...before, params: { ...before.params, ...valuesFrom(values, "binding") } });
  }
  return {
    defaults: defaults.params,
    base,
    tuned,
    attached: items.bindings.map(({ application }) => application),
    origin,
  };
}

/** What tunes a policy's params for an application; for all, without one. */
function tuningOf({ settings, bindings }: Items, application: string): readonly string[] {
  const own = [...settings, ...bindings].filter(({ params }) => Object.keys(params).length > 0);
  return own
    .filter((item) => item.application === application)
    .map((item) =>
      "mode" in item ? itemNames.setting(item.policy, application) : itemNames.binding(item.policy, application),
    );
}

function valuesFrom(values: ParamValues, from: ParamOrigin): Tuning["params"] {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, from }]));
}

/** A copy that tells of the break-glass that may touch it. */
function shown(copy: CompiledPolicy, breakGlass: readonly BreakGlass[]): CompiledPolicy {
  return copy.provenance === undefined ? copy : { ...copy, provenance: { ...copy.provenance, breakGlass } };
}
