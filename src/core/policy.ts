import type { Effect, Finding, Mode, OnError } from "./decision.ts";
import type { ExplainContext, PolicyExplanation } from "./explain.ts";
import type { FactName, Facts } from "./facts.ts";
import type { LimitRequest, LimitStanding } from "./limits.ts";
import type { BreakGlassAction, PolicyProvenance } from "./overlay.ts";
import type { Phase, Surface } from "./phases.ts";
import type { PieceKind, TextScanner } from "./stream.ts";

/**
 * Which requests a policy applies to. Each list that is present must hold the request's value; models are globs.
 * An absent list means any; an empty list is refused at load.
 */
export interface Scope {
  readonly orgs?: readonly string[];
  readonly teams?: readonly string[];
  readonly apps?: readonly string[];
  readonly env?: readonly string[];
  readonly keys?: readonly string[];
  readonly models?: readonly string[];
  readonly surfaces?: readonly Surface[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Requests that match this scope are left out. */
  readonly except?: Omit<Scope, "except">;
}

/**
 * Which applications a copy of a policy is for, beside its scope: when one is tuned, the others keep theirs, and no
 * request meets two copies. By id alone, while a scope's `apps` are ids or names.
 */
export interface Audience {
  /** These alone; any when absent. */
  readonly only?: readonly string[];
  readonly except?: readonly string[];
  /** Requests in this scope belong to another copy. */
  readonly outside?: Scope;
}

/** What keeps a hit from its effect at this moment. */
export interface ActiveOverride {
  /** As `Finding.override` says it. */
  readonly label: string;
  readonly action: BreakGlassAction;
}

/** What a policy answers when asked: `null` no rule fired, `notApplicable` a gate was closed, else what fired. */
export type Verdict = null | typeof notApplicable | readonly RuleHit[];

/** The answer of a policy whose gates exclude this request. */
export const notApplicable: unique symbol = Symbol("not applicable");

/** A rule that fired, before the policy's mode is applied. */
export interface RuleHit
  extends Pick<Finding, "rule" | "code" | "message" | "status" | "modifications" | "headers" | "override"> {
  readonly effect: Effect;
}

/**
 * The text that a phase is about, for rules that look for something in it. It is no fact: it is never recorded and
 * never put into a message. In phase request the prompt's texts, in response the answer's, in stream the event's.
 */
export interface Content {
  /** Made at the first call and kept; the parts as they stand, in order. */
  texts(): readonly string[];
}

/** Content without any text: dry runs, and phases that have none. */
export const noContent: Content = Object.freeze({ texts: () => [] });

/** Asks one policy in one phase; without content, there is {@link noContent}. Synchronous and pure. */
export type Ask = (facts: Facts, content?: Content) => Verdict;

/** What a policy looks for in the words of an answer, whether it comes whole or as a stream. */
export interface AnswerGuard {
  /** Looked for in the text of each channel of these kinds. */
  readonly texts?: readonly TextGuard[];
  /** Asked about each call of a tool. */
  readonly calls?: CallGuard;
}

/** Something looked for in what a model writes. */
export interface TextGuard {
  readonly kinds: readonly PieceKind[];
  readonly scanner: TextScanner;
  /** `deny` ends the answer before the match, `redact` puts the replacement in its place, `warn` notes it. */
  readonly action: "deny" | "redact" | "warn";
  /** The hit for what was found, by type with how often; asked once per answer, at its end or when it is ended. */
  hit(found: ReadonlyMap<string, number>): RuleHit;
}

/** A call of a tool, as the model wrote it. */
export interface ToolCall {
  readonly name: string;
  /** As written; empty while it is judged by its name alone. */
  readonly arguments: string;
}

/** What becomes of a call: `null` it stands. */
export type CallVerdict = null | {
  readonly hit: RuleHit;
  /** The answer is ended, the call taken out of it, or its arguments replaced by this text. */
  readonly then: "deny" | "strip" | { readonly arguments: string };
};

/** Judges calls of tools. Pure. */
export interface CallGuard {
  /** Whether a call of this name can be judged only with its arguments: it is held back until they are whole. */
  needsArguments(name: string): boolean;
  judge(call: ToolCall): CallVerdict;
}

/** One rule of a policy, as tools list it. */
export interface RuleInfo {
  readonly id: string;
  /** What it asks for when it fires. */
  readonly effect: Effect;
  readonly code: string;
}

/**
 * A policy ready to run: what the engine knows of it, whatever language it was written in.
 *
 * `evaluate` functions are synchronous and pure. A throw is an error of the policy and becomes its `onError`.
 */
export interface CompiledPolicy {
  /** The path without its ending, such as `org/prod-token-cap`. */
  readonly id: string;
  readonly description: string;
  readonly mode: Mode;
  readonly onError: OnError;
  readonly priority: number;
  readonly scope: Scope;
  /** Absent for any that the scope holds. */
  readonly audience?: Audience;
  /** The control plane put it there: what it lets pass is still undecided for a manifest that says `default: deny`. */
  readonly added?: true;
  /** Where it, its params and its mode come from; absent when that is not known. */
  readonly provenance?: PolicyProvenance;
  /**
   * What keeps hits of a rule, or errors, from their effect now; `undefined` when nothing does. Without a rule: what
   * keeps all of them.
   */
  readonly override?: (facts: Facts, rule?: string) => ActiveOverride | undefined;
  /** The plugin's name, or `rules`. */
  readonly uses: string;
  /** Facts that any of its rules or limits read: only these are computed. */
  readonly reads: readonly FactName[];
  readonly evaluate: { readonly [P in Phase]?: Ask };
  /** What it looks for in answers: in phase response where they come whole, in phase stream where they are streamed. */
  readonly answer?: AnswerGuard;
  /** Whether {@link answer} concerns this request; always when absent. */
  readonly answers?: (facts: Facts) => boolean;
  /** Asks, after the request was modified, the rules that are marked `recheck`; absent when there are none. */
  readonly recheck?: Ask;
  /** Its rules, or the reasons that its plugin may give. */
  readonly rules?: readonly RuleInfo[];
  /** Tells, for people, what each part of it came to. Slow; never on a request's path. */
  readonly explain?: (phase: Phase, facts: Facts, context?: ExplainContext) => PolicyExplanation;
  /**
   * Facts for which a smaller value can never make a rule fire that a larger one does not. When an upper bound of
   * such a fact already fires nothing, the fact is not computed.
   */
  readonly monotone?: readonly FactName[];
  /** Declares what the request takes from shared counters; asked once, after the request phase allowed it. */
  readonly limits?: (facts: Facts) => readonly LimitRequest[];
  /** The refusal for a limit of this policy that has no room left. */
  readonly limitHit?: (limit: LimitRequest, standing: LimitStanding) => RuleHit;
  /** What there is to say of a limit of this policy that had room; `null` for nothing. Can refuse nothing. */
  readonly limitGranted?: (limit: LimitRequest, standing: LimitStanding) => RuleHit | null;
  /** Called once when no request uses the policy any more. Must tolerate being called twice. */
  readonly dispose?: () => void;
}
