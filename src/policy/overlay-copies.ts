import type { Mode } from "../core/decision.ts";
import { entry } from "../core/entry.ts";
import type { ParamOrigin, ParamValue, ParamValues, PolicyProvenance } from "../core/overlay.ts";
import type { Audience, CompiledPolicy, Scope } from "../core/policy.ts";
import { type CompiledFile, type CompileTools, compileFile } from "./compile.ts";
import type { Problem } from "./problem.ts";

/** What holds for one application, or for all that have nothing of their own. */
export interface Tuning {
  readonly params: Readonly<Record<string, { readonly value: ParamValue; readonly from: ParamOrigin }>>;
  readonly mode: Mode;
  readonly modeFrom: PolicyProvenance["modeFrom"];
}

/** What becomes of one policy: how it is tuned for all, for which applications otherwise, and where it is attached. */
export interface Plan {
  /** As the file declares them. */
  readonly defaults: Tuning["params"];
  readonly base: Tuning;
  /** By application, where it is not as the base. */
  readonly tuned: ReadonlyMap<string, Tuning>;
  /** Applications that it is attached to. */
  readonly attached: readonly string[];
  readonly origin: "git" | "database";
}

/** The copies of a policy. No request meets two of them. */
export interface Copies {
  readonly policies: readonly CompiledPolicy[];
  /** Of these, what was compiled for the plan and is nobody else's. */
  readonly made: readonly CompiledPolicy[];
}

/** Keys of a scope that say who is asking, and not what for. */
const callerKeys = ["orgs", "teams", "apps", "keys", "labels"] as const;

/**
 * Makes the copies of a policy that a plan asks for: one for all, one for each group of applications that are tuned
 * alike, and, for those that it is attached to, one with what its own scope leaves out.
 *
 * Values that the policy cannot be compiled with have no effect: what holds for all stands in their place, or what the
 * file declares.
 *
 * @param refused is told of those, and of the application that they are for; of the empty one, those for all
 */
export async function makeCopies(
  file: CompiledFile & { readonly policy: CompiledPolicy },
  plan: Plan,
  tools: CompileTools,
  refused: (application: string, message: string) => void,
): Promise<Copies> {
  const { attached, origin } = plan;
  const made: CompiledPolicy[] = [];
  const compiled = new Map<string, CompiledPolicy | Problem>();
  const tunedLike = async (tuning: Tuning): Promise<CompiledPolicy | Problem> => {
    const params = ownParams(tuning);
    if (Object.keys(params).length === 0) return file.policy;
    const key = JSON.stringify(params);
    const known = compiled.get(key);
    if (known !== undefined) return known;
    const { policy, problems } = await compileFile(file.file, { ...tools, params });
    compiled.set(key, policy ?? problems[0]!);
    if (policy !== undefined) made.push(policy);
    return policy ?? problems[0]!;
  };
  // A value may fit its param and not what is made of it, such as a pattern.
  const fitting = async (tuning: Tuning, instead: Tuning["params"], application: string): Promise<Tuning> => {
    const found = await tunedLike(tuning);
    if (!isProblem(found)) return tuning;
    refused(application, found.message);
    return { ...tuning, params: instead };
  };
  const base = await fitting(plan.base, plan.defaults, "");
  const tuned = new Map<string, Tuning>();
  for (const [app, tuning] of plan.tuned) tuned.set(app, await fitting(tuning, base.params, app));

  const copy = async (tuning: Tuning, attachedTo: readonly string[], own: Partial<CompiledPolicy>) => ({
    ...((await tunedLike(tuning)) as CompiledPolicy),
    mode: tuning.mode,
    ...(origin === "database" && { added: true as const }),
    provenance: { origin, attachedTo, params: tuning.params, modeFrom: tuning.modeFrom, breakGlass: [] },
    ...own,
  });

  const except = [...tuned.keys()];
  const policies = [await copy(base, [], except.length === 0 ? {} : { audience: { except } })];
  for (const only of groups([...tuned.keys()], (app) => tuned.get(app)!)) {
    policies.push(
      await copy(
        tuned.get(only[0]!)!,
        attached.filter((app) => only.includes(app)),
        { audience: { only } },
      ),
    );
  }
  const { scope } = file.policy;
  if (callerKeys.some((key) => scope[key] !== undefined)) {
    for (const only of groups(attached, (app) => tuned.get(app) ?? base)) {
      const audience: Audience = { only, outside: scope };
      const beyond = { scope: withoutCaller(scope), audience, added: true as const };
      policies.push(await copy(tuned.get(only[0]!) ?? base, only, beyond));
    }
  }
  return { policies: disposedOnce(policies), made };
}

function isProblem(found: CompiledPolicy | Problem): found is Problem {
  return "code" in found;
}

function ownParams({ params }: Tuning): ParamValues {
  const own = Object.entries(params).filter(([, { from }]) => from !== "default");
  return Object.fromEntries(own.map(([name, { value }]) => [name, value]));
}

/** Applications with the same tuning together. */
function groups(applications: readonly string[], tuningOf: (app: string) => Tuning): readonly string[][] {
  const found = new Map<string, string[]>();
  for (const app of applications) entry(found, JSON.stringify(tuningOf(app)), () => []).push(app);
  return [...found.values()];
}

function withoutCaller(scope: Scope): Scope {
  const { orgs: _o, teams: _t, apps: _a, keys: _k, labels: _l, ...rest } = scope;
  return rest;
}

/** Copies share what was compiled, and the first of them gives it back. */
function disposedOnce(policies: readonly CompiledPolicy[]): readonly CompiledPolicy[] {
  const seen = new Set<unknown>();
  return policies.map((policy) => {
    if (policy.dispose === undefined || !seen.has(policy.dispose)) {
      seen.add(policy.dispose);
      return policy;
    }
    const { dispose: _, ...rest } = policy;
    return rest;
  });
}
