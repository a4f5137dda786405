import type { Static, TObject } from "@sinclair/typebox";
import type { Mode, Modification, OnError } from "../core/decision.ts";
import type { FactName, Facts, factCatalogue } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import type { Content, notApplicable, Scope } from "../core/policy.ts";
import { deepFreeze } from "./config.ts";

type Catalogue = typeof factCatalogue;
/** The facts that are known in a phase. */
type InPhase<P extends Phase> = {
  [N in FactName]: P extends Catalogue[N]["phases"][number] ? N : never;
}[FactName];
type Root<N extends string> = N extends `${infer R}.${string}` ? R : N;

/** The facts among `R` that are known in phase `P`, nested by root as in {@link Facts}. */
export type FactsRead<R extends FactName, P extends Phase> = {
  readonly [K in Root<R & InPhase<P>> & keyof Facts]: K extends "now"
    ? Facts[K]
    : { readonly [F in keyof Facts[K] as `${K}.${F & string}` extends R & InPhase<P> ? F : never]: Facts[K][F] };
};

/** What a handler is given: the facts it declared in `reads`, and what the policy brings itself. */
export type PolicyInput<R extends FactName, P extends Phase, V, S> = FactsRead<R, P> & {
  /** The values of `with`, checked and with defaults filled in. Frozen. */
  readonly params: V;
  /** What `state` made for this request: the only thing a handler may change. */
  readonly state: S;
  /** The text that the phase is about. It is no fact: keep it out of messages. */
  readonly content: Content;
};

/** What a rule that fired says, whatever it asks for. */
interface HitText {
  /** What programs match on: snake_case. */
  readonly code: string;
  /** Said to the client. */
  readonly message: string;
  /** The rule's id in records and tests; the code with hyphens when absent. */
  readonly rule?: string;
}

/** One rule of a TypeScript policy that fired. */
export type PolicyHit =
  | (HitText & {
      readonly decision: "deny";
      /** HTTP status of the refusal, 400 to 599; 403 when absent. */
      readonly status?: number;
      readonly modify?: never;
    })
  | (HitText & { readonly decision: "warn" | "allow"; readonly status?: never; readonly modify?: never })
  | (HitText & {
      readonly decision: "modify";
      /** What to change in the provider's request; only in phase request. */
      readonly modify: readonly Modification[];
      readonly status?: never;
    });

/** What a handler answers: `null` no rule fired, `notApplicable` it does not concern this request, else what fired. */
export type PolicyAnswer = null | typeof notApplicable | PolicyHit | readonly PolicyHit[];

type Handler<R extends FactName, P extends Phase, V, S> = (input: PolicyInput<R, P, V, S>) => PolicyAnswer;

/** A policy written in TypeScript: the default export of a `*.policy.ts` file. */
export interface Policy<R extends FactName = FactName, C extends TObject = TObject, S = unknown> {
  /** One sentence: what the policy is for. */
  readonly description: string;
  /** Who answers for it. */
  readonly owner?: string;
  /** What a hit does; `enforce` when absent. */
  readonly mode?: Mode;
  /** What an error counts as: a throw, a promise, an odd answer. `deny` when absent. */
  readonly onError?: OnError;
  /** Orders modifications of the same path, and nothing else; 100 when absent. */
  readonly priority?: number;
  /** Which requests it applies to, inside what its folder allows. */
  readonly scope?: Scope;
  /** Schema of `with`. Unknown keys are refused. */
  readonly params?: C;
  /** The values of `params`; what has a default may be left out. */
  readonly with?: NoInfer<Partial<Static<C>>>;
  /** The facts that the handlers read. Only these are computed, and reading another one is an error of the policy. */
  readonly reads?: readonly R[];
  /** Makes the state of one request, which all its phases share. */
  readonly state?: () => S;
  readonly request?: Handler<R, "request", Static<C>, S>;
  readonly stream?: Handler<R, "stream", Static<C>, S>;
  readonly response?: Handler<R, "response", Static<C>, S>;
  readonly usage?: Handler<R, "usage", Static<C>, S>;
}

/** The keys that a policy may have. */
export const policyKeys = [
  "description",
  "owner",
  "mode",
  "onError",
  "priority",
  "scope",
  "params",
  "with",
  "reads",
  "state",
  "request",
  "stream",
  "response",
  "usage",
] as const satisfies readonly (keyof Policy)[];

/**
 * Declares a policy. Gives it back frozen: the types are the point.
 *
 * Handlers are synchronous and pure. They see the facts named in `reads`, the params and the request's state, and
 * answer at once; time, randomness and whatever is slow arrive as facts, so that a decision can be replayed.
 */
export function definePolicy<
  const R extends FactName = never,
  C extends TObject = TObject<Record<never, never>>,
  S = undefined,
>(policy: Policy<R, C, S>): Policy<R, C, S> {
  for (const part of [policy.with, policy.reads, policy.scope]) deepFreeze(part);
  return Object.freeze(policy);
}
