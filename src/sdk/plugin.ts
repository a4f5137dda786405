import type { Static, TObject } from "@sinclair/typebox";
import type { Effect, Modification, OnError } from "../core/decision.ts";
import type { DetectedFactName, DetectedFacts, FactName, Facts } from "../core/facts.ts";
import type { LimitRequest, LimitStanding } from "../core/limits.ts";
import type { Phase } from "../core/phases.ts";
import type { AnswerGuard, CompiledPolicy, Content, RuleHit, RuleInfo, Verdict } from "../core/policy.ts";

/** Why a plugin refuses or warns: an id, the message with `{placeholders}`, and the HTTP status of the refusal. */
export interface ReasonSpec {
  readonly message: string;
  /** 403 when absent. */
  readonly status?: number;
  /** What programs match on; the reason's id in snake_case when absent. */
  readonly code?: string;
}

type Placeholders<S extends string> = S extends `${string}{${infer K}}${infer R}` ? K | Placeholders<R> : never;
type Values<S extends string> = [Placeholders<S>] extends [never]
  ? Readonly<Record<string, never>>
  : { readonly [K in Placeholders<S>]: string | number };

/** Makes a hit for one of the plugin's declared reasons; its placeholders are required by name. */
export type Raise<R extends Readonly<Record<string, ReasonSpec>>> = <K extends keyof R & string>(
  reason: K,
  values: Values<R[K]["message"]>,
) => RuleHit;

/** A CEL expression, compiled and checked for one phase. */
export interface CelTest {
  /** The facts it reads. */
  readonly reads: readonly FactName[];
  /** Whether the expression is true. Throws when it cannot be evaluated. */
  test(facts: Facts): boolean;
}

/** What the host lends to `create`. */
export interface PluginTools<R extends Readonly<Record<string, ReasonSpec>>> {
  readonly deny: Raise<R>;
  readonly warn: Raise<R>;
  /** A hit that changes the provider's request. */
  modify<K extends keyof R & string>(
    reason: K,
    values: Values<R[K]["message"]>,
    modifications: readonly Modification[],
  ): RuleHit;
  /**
   * Compiles CEL found in the config.
   *
   * @param path where in the config it stands, such as `pre_check_expression`, for error positions
   * @throws PluginConfigError when the expression is not a valid bool expression of that phase
   */
  cel(path: string, expression: string, phase: Phase): CelTest;
  /**
   * Puts another policy type to work, for types that are made of others. A type that is itself made of others is
   * refused: there is one level.
   *
   * @param path where in the config its `uses` and `with` stand, such as `steps.0`, for error positions
   * @throws ConfigErrors when there is no such type or it refuses the config
   */
  plugin(path: string, name: string, config: unknown): NestedPolicy;
}

/** A policy type at work inside another one. Whoever made it disposes it. */
export interface NestedPolicy extends Pick<CompiledPolicy, "evaluate" | "answer" | "reads" | "monotone" | "dispose"> {
  /** Its reasons. */
  readonly rules: readonly RuleInfo[];
  readonly limits?: (facts: Facts) => readonly NestedLimit[];
}

/** A limit of a policy type inside another one: it brings its own refusal along. */
export interface NestedLimit extends LimitRequest {
  readonly refusal: (standing: LimitStanding) => RuleHit;
  /** What there is to say of it when it had room; absent for nothing. */
  readonly whenGranted?: (standing: LimitStanding) => RuleHit | null;
}

/** A limit as a plugin declares it: a {@link LimitRequest} and the reason given when it has no room left. */
export interface PluginLimit<K extends string = string> extends LimitRequest {
  readonly reason: K;
}

type Handler = (facts: Facts, content: Content) => RuleHit | Verdict;

/** A plugin at work with one config. All functions are synchronous and pure; a throw becomes the policy's `onError`. */
export interface PluginInstance<K extends string = string> {
  readonly request?: Handler;
  readonly response?: Handler;
  readonly stream?: Handler;
  readonly usage?: Handler;
  /**
   * What is looked for in the words of the answer, whether it comes whole or as a stream; nothing of the answer has to
   * wait but what may become a find.
   */
  readonly answer?: AnswerGuard;
  /**
   * What the request takes from shared counters; the host reserves the limits of all policies together and settles
   * them afterwards. The reason's message may use `{limit}`, `{used}`, `{amount}`, `{unit}`, `{window}`, `{reset_seconds}`
   * and `{reset}`, which says the day where it is known: `on 2026-12-01`.
   */
  readonly limits?: (facts: Facts) => readonly (PluginLimit<K> | NestedLimit)[];
  /** What there is to say of a limit that had room, such as that little is left; `null` for nothing. Can refuse nothing. */
  readonly granted?: (limit: LimitRequest, standing: LimitStanding) => RuleHit | null;
  /**
   * Finds out what the plugin {@link Plugin.provides} of the words of a prompt: all of it, each time. Asked only when a
   * rule reads one of those facts; with a time-out, and a breaker before it. A throw or a time-out makes the facts ones
   * that cannot be had, and every policy that reads them counts as its `onError`.
   *
   * @param signal is aborted when nobody waits any more
   */
  readonly facts?: (content: Content, signal: AbortSignal) => DetectedFacts | Promise<DetectedFacts>;
  /** What its hits are called, where they are not the plugin's own reasons. */
  readonly rules?: readonly RuleInfo[];
  /** Facts read beside the plugin's own `reads`, when they depend on the config. */
  readonly reads?: readonly FactName[];
  /**
   * Facts for which a smaller value can never make a handler answer with a hit that a larger one would not. The host
   * may then call `request` with an upper bound first and spare computing the fact when that gives no hit.
   */
  readonly monotone?: readonly FactName[];
  /** What of the config is accepted and can make no difference; said to whoever checks the policy. */
  readonly notes?: readonly ConfigNote[];
  /** Called once when the last request that uses the policy has ended; a second call must do nothing. */
  readonly dispose?: () => void;
}

/** Something about a part of a config that its author should know. */
export interface ConfigNote {
  /** Where in the config, as dotted path. */
  readonly path: string;
  readonly message: string;
}

/** What is known of a fact that a plugin provides. */
export interface ProvidedFact {
  /** All that it can ever hold, where that is known: comparisons with anything else are refused at load. */
  readonly values?: readonly string[];
}

/** A policy type: everything that is known of it without running it, and how to make one. */
export interface Plugin<
  C extends TObject = TObject,
  R extends Readonly<Record<string, ReasonSpec>> = Readonly<Record<string, ReasonSpec>>,
> {
  /** Folder name, the word in policies and the metric label: snake_case. */
  readonly name: string;
  /** One sentence that begins with a verb. */
  readonly summary: string;
  /** What an error counts as when a policy does not say. Required: failing is a decision. */
  readonly onError: OnError;
  readonly phases: readonly Phase[];
  /** Schema of `with`. Unknown keys are refused by the host. */
  readonly config: C;
  /** Facts the handlers read. Only these are computed; reading another one is an error in tests. */
  readonly reads: readonly FactName[];
  /**
   * Detected facts that {@link PluginInstance.facts} finds out. The host makes one instance for them, of the config that
   * the manifest gives, else of an empty one; policies that use the plugin have nothing to do with it.
   */
  readonly provides?: { readonly [N in DetectedFactName]?: ProvidedFact };
  readonly reasons: R;
  /** Configs to show in documentation; each must be valid. Every shipped plugin has one. */
  readonly examples?: readonly Static<C>[];
  /** Makes a running policy. Has no side effects. Throws {@link PluginConfigError} for what a schema cannot say. */
  create(config: Static<C>, tools: PluginTools<R>): PluginInstance<keyof R & string>;
}

/** Declares a plugin. Gives it back unchanged: the types are the point. */
export function definePlugin<C extends TObject, const R extends Readonly<Record<string, ReasonSpec>>>(
  plugin: Plugin<C, R>,
): Plugin<C, R> {
  return Object.freeze(plugin);
}

/** A config that its schema accepts but the plugin does not. */
export class PluginConfigError extends Error {
  /** Where in the config, as dotted path; empty for the config as a whole. */
  readonly path: string;
  /** Range inside the string at `path`, when the problem is in a part of it. */
  readonly range: { readonly start: number; readonly end: number } | undefined;

  constructor(path: string, message: string, range?: { start: number; end: number }) {
    super(message);
    this.name = "PluginConfigError";
    this.path = path;
    this.range = range;
  }
}

/** The code of a reason: its own, else its id in snake_case. */
export function reasonCode(id: string, spec: ReasonSpec): string {
  return spec.code ?? id.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The effects that {@link PluginTools} can raise, for the host. */
export type RaisedEffect = Exclude<Effect, "allow">;
