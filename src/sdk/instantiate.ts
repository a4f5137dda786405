import type { FactName } from "../core/facts.ts";
import { isFactName } from "../core/facts.ts";
import type { LimitRequest, LimitStanding } from "../core/limits.ts";
import type { Phase } from "../core/phases.ts";
import {
  type Ask,
  type CompiledPolicy,
  noContent,
  notApplicable,
  type RuleHit,
  type RuleInfo,
  type Verdict,
} from "../core/policy.ts";
import { fillPlaceholders } from "../errors.ts";
import { ConfigErrors, type ConfigProblem, fromDotted, parseConfig } from "./config.ts";
import { limitWords } from "./limits.ts";
import {
  type CelTest,
  type NestedLimit,
  type NestedPolicy,
  type Plugin,
  PluginConfigError,
  type PluginInstance,
  type PluginTools,
  type RaisedEffect,
  type ReasonSpec,
  reasonCode,
} from "./plugin.ts";
import { suggestion } from "./suggest.ts";

/** Compiles a CEL expression found at `path` of a config for one phase; the host lends it to plugins. */
export type CompileCel = (path: string, expression: string, phase: Phase) => CelTest;

/** The policy types that there are; the host lends them to plugins that are made of others. */
export interface PluginLookup {
  get(name: string): Plugin | undefined;
  names(): readonly string[];
}

/** What a plugin with a config contributes to a compiled policy. */
export type Instantiated = Pick<
  CompiledPolicy,
  "reads" | "evaluate" | "answer" | "monotone" | "limits" | "limitHit" | "limitGranted" | "dispose"
> & {
  readonly rules: readonly RuleInfo[];
  /** What it says of its config. */
  readonly notes?: readonly ConfigProblem[];
};

/** What a plugin with a config contributes as a detector. */
export interface InstantiatedDetector {
  readonly facts: NonNullable<PluginInstance["facts"]>;
  readonly dispose?: () => void;
}

const noPlugins: PluginLookup = { get: () => undefined, names: () => [] };

type LendPlugin = PluginTools<Readonly<Record<string, ReasonSpec>>>["plugin"];
type Handler = NonNullable<PluginInstance["request"]>;

/** What `create` may give back, by name: handlers, then the rest. */
export const instanceKeys = [
  "request",
  "stream",
  "response",
  "usage",
  "answer",
  "limits",
  "granted",
  "facts",
  "rules",
  "reads",
  "monotone",
  "notes",
  "dispose",
] as const;
const handlerKeys: readonly string[] = ["request", "stream", "response", "usage"] satisfies readonly Phase[];

/**
 * Makes a plugin work with one config: checks the config, creates the instance, checks what came back.
 *
 * @param cel lends the plugin the host's CEL compiler
 * @param lookup lends it the other plugins
 * @throws ConfigErrors when the schema or the plugin refuses the config; every problem is in it
 */
export function instantiate(
  plugin: Plugin,
  config: unknown,
  cel: CompileCel,
  lookup: PluginLookup = noPlugins,
): Instantiated {
  return make(plugin, config, { cel, plugin: lender(cel, lookup) });
}

/**
 * Makes a plugin that provides facts find them out, with one config.
 *
 * @throws ConfigErrors as {@link instantiate}
 */
export function instantiateDetector(
  plugin: Plugin,
  config: unknown,
  cel: CompileCel,
  lookup: PluginLookup = noPlugins,
): InstantiatedDetector {
  const instance = create(plugin, parseConfig(plugin.config, config), { cel, plugin: lender(cel, lookup) });
  refuse(hookProblems(plugin, instance));
  return { facts: instance.facts!, ...(instance.dispose && { dispose: once(instance.dispose) }) };
}

interface Lent {
  readonly cel: CompileCel;
  readonly plugin: LendPlugin;
}

function make(plugin: Plugin, config: unknown, lent: Lent): Instantiated {
  const parsed = parseConfig(plugin.config, config);
  const instance = create(plugin, parsed, lent);
  refuse(checkInstance(plugin, instance));

  const evaluate: { [P in Phase]?: Ask } = {};
  for (const phase of plugin.phases) {
    const handler = instance[phase];
    if (handler !== undefined) evaluate[phase] = normalised(handler);
  }
  return {
    evaluate,
    reads: [...new Set<FactName>([...plugin.reads, ...(instance.reads ?? [])])],
    rules: instance.rules ?? reasonsOf(plugin),
    ...(instance.notes && {
      notes: instance.notes.map(({ path, message }) => ({ path: fromDotted(parsed, path), message })),
    }),
    ...(instance.answer && { answer: instance.answer }),
    ...(instance.monotone && { monotone: instance.monotone }),
    ...(instance.limits && { limits: instance.limits, limitHit: limitHits(plugin) }),
    ...(instance.granted && { limitGranted: instance.granted }),
    ...(instance.dispose && { dispose: once(instance.dispose) }),
  };
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new ConfigErrors(problems.map((message) => ({ path: [], message })));
}

/** A reason does not say what raises it; what counts for whoever lists them is that it can refuse. */
function reasonsOf({ reasons }: Plugin): readonly RuleInfo[] {
  return Object.entries(reasons).map(([id, spec]) => ({ id, effect: "deny", code: reasonCode(id, spec) }));
}

/** Makes plugins work inside another one, whose config says where each of them stands. */
function lender(cel: CompileCel, lookup: PluginLookup): LendPlugin {
  const noDeeper: LendPlugin = (path) => {
    throw new PluginConfigError(path, "a policy type that is made of others cannot be part of one");
  };
  return (path, name, config) => {
    const at = path.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    const plugin = lookup.get(name);
    if (plugin === undefined) {
      const message = `there is no policy type '${name}'${suggestion(name, lookup.names(), "types")}`;
      throw new ConfigErrors([{ path: [...at, "uses"], message }]);
    }
    try {
      return nested(make(plugin, config, { cel, plugin: noDeeper }));
    } catch (error) {
      if (!(error instanceof ConfigErrors)) throw error;
      const problems = error.errors.map((problem) =>
        config === undefined
          ? { path: at, message: `'with' is missing: ${problem.message}` }
          : { ...problem, path: [...at, "with", ...problem.path] },
      );
      throw new ConfigErrors(problems, { cause: error });
    }
  };
}

function nested({ limits, limitHit, limitGranted, notes: _, ...rest }: Instantiated): NestedPolicy {
  if (limits === undefined || limitHit === undefined) return rest;
  return {
    ...rest,
    limits: (facts) =>
      limits(facts).map((limit) => ({
        ...limit,
        refusal: (standing) => limitHit(limit, standing),
        ...(limitGranted && { whenGranted: (standing: LimitStanding) => limitGranted(limit, standing) }),
      })),
  };
}

function create(plugin: Plugin, config: unknown, lent: Lent): PluginInstance {
  try {
    return plugin.create(config as never, createTools(plugin.reasons, lent));
  } catch (error) {
    const cause = { cause: error };
    // What a plugin inside this one refuses already stands at its place in this config.
    if (error instanceof ConfigErrors) throw error;
    if (!(error instanceof PluginConfigError)) {
      const message = `plugin '${plugin.name}' failed on this config: ${error instanceof Error ? error.message : error}`;
      throw new ConfigErrors([{ path: [], message }], cause);
    }
    const { message, range } = error;
    throw new ConfigErrors([{ path: fromDotted(config, error.path), message, ...(range && { range }) }], cause);
  }
}

/** The functions lent to `create`. */
function createTools(
  reasons: Readonly<Record<string, ReasonSpec>>,
  lent: Lent,
): PluginTools<Readonly<Record<string, ReasonSpec>>> {
  const raise =
    (effect: RaisedEffect) =>
    (reason: string, values: Readonly<Record<string, string | number>>): RuleHit =>
      toHit(reasons, effect, reason, values);
  return {
    deny: raise("deny"),
    warn: raise("warn"),
    modify: (reason, values, modifications) => ({ ...toHit(reasons, "modify", reason, values), modifications }),
    ...lent,
  };
}

function toHit(
  reasons: Readonly<Record<string, ReasonSpec>>,
  effect: RaisedEffect,
  reason: string,
  values: Readonly<Record<string, string | number>>,
): RuleHit {
  const spec = reasons[reason];
  if (spec === undefined) throw new Error(`no reason '${reason}'${suggestion(reason, Object.keys(reasons))}`);
  return {
    rule: reason,
    effect,
    code: reasonCode(reason, spec),
    status: spec.status ?? 403,
    message: fillPlaceholders(spec.message, values),
  };
}

function normalised(handler: Handler): Ask {
  return (facts, content = noContent) => {
    const answer = handler(facts, content);
    if (answer === null || answer === notApplicable || Array.isArray(answer)) return answer as Verdict;
    if (typeof answer === "object" && typeof (answer as RuleHit).rule === "string") return [answer as RuleHit];
    // Undefined or a promise: a handler that forgot to answer must not count as "nothing fired".
    throw new TypeError(`a handler answered ${String(answer)}; expected null, notApplicable, a hit or a list of hits`);
  };
}

function limitHits(plugin: Plugin): NonNullable<CompiledPolicy["limitHit"]> {
  return (limit, standing) => {
    if ("refusal" in limit) return (limit as NestedLimit).refusal(standing);
    const reason = (limit as LimitRequest & { readonly reason?: string }).reason ?? "";
    const hit = toHit(plugin.reasons, "deny", reason, limitWords(limit, standing));
    // Waiting cannot help a request that is larger than the whole window, so SDKs are told not to retry.
    return limit.amount > limit.max ? { ...hit, headers: { "x-should-retry": "false" } } : hit;
  };
}

/** What is wrong with what `create` gave back; empty when nothing is. */
export function checkInstance(plugin: Plugin, instance: unknown): string[] {
  const problems = hookProblems(plugin, instance);
  if (typeof instance !== "object" || instance === null) return problems;
  const works = ["limits", ...plugin.phases].some(
    (key) => typeof (instance as Record<string, unknown>)[key] === "function",
  );
  if (!works && (instance as PluginInstance).answer === undefined) {
    problems.push("create gave back no handler and no limits, so the policy would do nothing");
  }
  return problems;
}

function hookProblems(plugin: Plugin, instance: unknown): string[] {
  if (typeof instance !== "object" || instance === null) return ["create must give back an object with handlers"];
  const problems: string[] = [];
  for (const [key, value] of Object.entries(instance)) {
    if (!(instanceKeys as readonly string[]).includes(key)) {
      problems.push(`create gave back an unknown hook '${key}'${suggestion(key, instanceKeys, "hooks")}`);
    } else if (key === "reads" || key === "monotone") {
      problems.push(...unknownFacts(value as readonly string[]));
    } else if (key === "rules" || key === "notes") {
      if (value !== undefined && !Array.isArray(value)) problems.push(`'${key}' must be a list`);
    } else if (key === "answer") {
      if (value !== undefined && !isAnswerGuard(value)) problems.push("'answer' must have 'texts', 'calls' or both");
    } else if (value !== undefined && typeof value !== "function") {
      problems.push(`the hook '${key}' must be a function`);
    } else if (handlerKeys.includes(key) && !(plugin.phases as readonly string[]).includes(key)) {
      problems.push(`the hook '${key}' is not among the plugin's phases: ${plugin.phases.join(", ")}`);
    }
  }
  const provides = Object.keys(plugin.provides ?? {});
  const finds = (instance as PluginInstance).facts !== undefined;
  if (finds && provides.length === 0) problems.push("the hook 'facts' is for a plugin that says what it 'provides'");
  if (!finds && provides.length > 0)
    problems.push(`the plugin provides ${provides.join(", ")} and has no hook 'facts'`);
  return problems;
}

function isAnswerGuard(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { texts, calls } = value as Readonly<Record<string, unknown>>;
  return (texts === undefined ? calls !== undefined : Array.isArray(texts) && texts.length > 0) && isCallGuard(calls);
}

function isCallGuard(calls: unknown): boolean {
  if (calls === undefined) return true;
  const { needsArguments, judge } = (calls ?? {}) as Readonly<Record<string, unknown>>;
  return typeof needsArguments === "function" && typeof judge === "function";
}

/** A sentence for each name that is not a fact. */
export function unknownFacts(names: readonly string[], known: readonly string[] = []): string[] {
  return names
    .filter((name) => !isFactName(name))
    .map((name) => `'${name}' is not a fact${suggestion(name, known, "facts")}`);
}

function once(dispose: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    dispose();
  };
}
