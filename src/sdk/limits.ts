/** What plugins that declare limits share: whose counters there are, what a request may take, how amounts read. */
import { wordless } from "../core/coverage.ts";
import type { FactName, Facts } from "../core/facts.ts";
import type { LimitRequest, LimitScope, LimitStanding, LimitUnit, LimitWindow } from "../core/limits.ts";
import type { Surface } from "../core/phases.ts";

const factOfScope: Readonly<Record<LimitScope, FactName>> = {
  org: "org.id",
  team: "team.id",
  app: "app.id",
  env: "app.env",
  key: "key.id",
  user: "user.id",
  model: "request.model",
  provider: "request.provider",
};

/** What callers can be counted by. */
export const limitScopes = Object.keys(factOfScope) as LimitScope[];

/** The facts that tell whose counter it is. */
export function factsOfScopes(scopes: readonly LimitScope[]): readonly FactName[] {
  return scopes.map((scope) => factOfScope[scope]);
}

/** The completion that a request may take. */
export interface CompletionDemand {
  readonly tokens: number;
  /** Whether it is as much as the model could write, because nobody named a maximum. */
  readonly isOpen: boolean;
}

/** The facts that {@link completionDemand} reads. */
export const completionFacts = [
  "request.surface",
  "request.max_tokens",
  "request.max_tokens_requested",
  "request.choices",
] as const satisfies readonly FactName[];

/** Whether a request is answered with figures: no completion is written, whatever anybody asks for. */
export function writesNothing({ surface }: Pick<Facts["request"], "surface">): boolean {
  return wordless.has(surface as Surface);
}

/** Taken for each choice when neither the client, the config nor the catalogue knows a maximum. */
const unknownCompletion = 4096;

/**
 * The completion that a request may take: what the client asks for, else the assumed number for each choice, else the
 * model's own maximum; none on surfaces that write nothing.
 *
 * @param assumed tokens for each choice of a request that names no maximum; `undefined` when nothing is assumed
 */
export function completionDemand(request: Facts["request"], assumed: number | undefined): CompletionDemand {
  if (writesNothing(request)) return { tokens: 0, isOpen: false };
  if (request.max_tokens_requested > 0) return { tokens: request.max_tokens, isOpen: false };
  const choices = Math.max(1, request.choices);
  if (assumed !== undefined) return { tokens: assumed * choices, isOpen: false };
  return { tokens: request.max_tokens || unknownCompletion * choices, isOpen: true };
}

/** Micro-dollars as people write dollars: two decimals, more where there is more. Exact. */
export function dollars(micro: number): string {
  const [whole, fraction = ""] = (micro / 1e6).toFixed(6).split(".");
  return `${whole}.${fraction.replace(/0{1,4}$/, "")}`;
}

/** An amount of a limit as people read it, without its unit. */
export function limitAmount(amount: number, unit: LimitUnit): string | number {
  return unit === "usd" ? dollars(amount) : amount;
}

/** What messages of a limit's refusal may say, by placeholder. */
export function limitWords(limit: LimitRequest, { used, resetSeconds, resetDate }: LimitStanding) {
  const { amount, max, unit, window } = limit;
  return {
    limit: limitAmount(max, unit),
    used: limitAmount(used, unit),
    amount: limitAmount(amount, unit),
    unit: unit === "usd" ? "USD" : unit.replace("_", " "),
    window: windowName(window),
    reset_seconds: resetSeconds,
    reset: resetDate === undefined ? `in ${resetSeconds} s` : `on ${resetDate}`,
  };
}

/** A window as it reads after "per": `minute`, `90 s`. */
function windowName(window: LimitWindow): string {
  return "every" in window ? window.every : `${window.sliding} s`;
}
