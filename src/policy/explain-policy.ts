import type { CompiledCel } from "../cel/cel.ts";
import { clausesOf } from "../cel/clauses.ts";
import type { ExplainContext, ExplainedPolicy, PolicyExplanation, RuleExplanation } from "../core/explain.ts";
import { type FactName, type FactSpec, type Facts, factCatalogue, readFact } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import {
  type Ask,
  type CompiledPolicy,
  type Content,
  notApplicable,
  type RuleHit,
  type Verdict,
} from "../core/policy.ts";
import { explainGates } from "./explain.ts";

/** Longest part of an error's text that is shown. */
const maxError = 200;

/** Tells what a policy, whatever it is made of, comes to with these facts. */
export function explainPolicy(
  policy: CompiledPolicy,
  phase: Phase,
  facts: Facts,
  context: ExplainContext = {},
): ExplainedPolicy {
  const explained = policy.explain?.(phase, facts, context) ?? explainAsked(policy, phase, facts, context);
  const { description, uses, mode, scope, override } = policy;
  const rules = explained.rules.map((rule) => {
    if (override === undefined || rule.override !== undefined || rule.outcome !== "fired") return rule;
    const active = override(facts, rule.rule);
    return active === undefined ? rule : { ...rule, override: active.label };
  });
  return { ...explained, rules, description, uses, mode, scope };
}

type Asked = Pick<CompiledPolicy, "id" | "uses" | "reads" | "evaluate" | "recheck" | "rules" | "monotone">;

/** Tells what a policy that is code answers: the rules and reasons that it gives, and those that it could have given. */
export function explainAsked(
  policy: Asked,
  phase: Phase,
  facts: Facts,
  { content, hidden, recheck = false }: ExplainContext = {},
): PolicyExplanation {
  const base = { policy: policy.id, gates: [], variables: [] };
  const ask = recheck ? policy.recheck : policy.evaluate[phase];
  if (ask === undefined) return { ...base, outcome: "not_applicable", rules: [] };

  const unseen = policy.reads.filter((fact) => hidden?.has(fact));
  const quiet = (policy.rules ?? []).map(({ id, effect }) => ({ rule: id, effect }));
  if (unseen.length > 0) {
    const note = `it reads ${unseen.map((fact) => `${fact} (${hidden!.get(fact)})`).join(", ")}`;
    return {
      ...base,
      outcome: "unknown",
      rules: quiet.map((rule) => ({ ...rule, outcome: "unknown" as const })),
      note,
    };
  }
  let looked = false;
  const watched: Content = {
    texts() {
      looked = true;
      return content?.texts() ?? [];
    },
  };
  let verdict: Verdict;
  try {
    verdict = ask(withEarlierPhases(policy, phase, facts, watched), watched);
  } catch (error) {
    if (looked && content === undefined) return unread(base, quiet);
    const rules = quiet.map((rule) => ({ ...rule, outcome: "unknown" as const }));
    return { ...base, outcome: "error", rules, note: `it could not be evaluated: ${reasonOf(error)}` };
  }
  if (looked && content === undefined) return unread(base, quiet);
  if (verdict === notApplicable) return { ...base, outcome: "not_applicable", rules: [] };
  const hits = verdict ?? [];
  const fired = hits.map((hit): RuleExplanation => {
    const isQuiet = (changed: Facts) =>
      isQuietAt(ask, withEarlierPhases(policy, phase, changed, watched), watched, hit.rule);
    return { ...toRule(hit), ...boundOf(policy, phase, isQuiet, facts) };
  });
  const others = quiet.filter(({ rule }) => !hits.some((hit) => hit.rule === rule));
  return {
    ...base,
    outcome: "decided",
    rules: [...fired, ...others.map((rule) => ({ ...rule, outcome: "quiet" as const }))],
  };
}

/** Tells what the gates before a policy type came to, and what it answered when they were open. */
export function explainPlugin(policy: Asked, gates: readonly CompiledCel[]): NonNullable<CompiledPolicy["explain"]> {
  return (phase, facts, context = {}) => {
    const gate = explainGates(gates, (cel) => clausesOf(cel, facts, undefined, context.hidden));
    if (gate.outcome === "open") return { ...explainAsked(policy, phase, facts, context), gates: gate.clauses };
    return { policy: policy.id, outcome: gate.outcome, gates: gate.clauses, variables: [], rules: [] };
  };
}

function unread(
  base: Pick<PolicyExplanation, "policy" | "gates" | "variables">,
  rules: readonly Pick<RuleExplanation, "rule" | "effect">[],
): PolicyExplanation {
  return {
    ...base,
    outcome: "unknown",
    rules: rules.map((rule) => ({ ...rule, outcome: "unknown" })),
    note: "it looks at the text, which is not recorded",
  };
}

function toRule({ rule, effect, message, override }: RuleHit): RuleExplanation {
  return { rule, effect, outcome: "fired", message, ...(override !== undefined && { override }) };
}

/**
 * A copy of the facts for one asking. A policy's state of a request goes with the facts, and begins anew with each
 * copy; what it saw in phase request it is shown first.
 */
export function withEarlierPhases(
  policy: Pick<CompiledPolicy, "evaluate" | "uses">,
  phase: Phase,
  facts: Facts,
  content: Content,
): Facts {
  const copy = { ...facts };
  if (phase === "request" || policy.uses !== "typescript") return copy;
  try {
    policy.evaluate.request?.(copy, content);
  } catch {
    // It failed then as well; what counts is what it remembers of it.
  }
  return copy;
}

/**
 * For rules that are code: a smaller value of a number that keeps the rule quiet, found by asking. Of a fact of which the
 * policy says that smaller values never fire more, all up to that value do; of another one just that value is told.
 */
function boundOf(
  { reads, monotone = [] }: Asked,
  phase: Phase,
  isQuietWith: (facts: Facts) => boolean,
  facts: Facts,
): Pick<RuleExplanation, "passes" | "changes"> {
  const bounds = reads.flatMap((fact) => {
    const { type, phases }: FactSpec = factCatalogue[fact];
    if (type !== "int" || !phases.includes(phase)) return [];
    const value = numberOf(facts, fact);
    if (value <= 0) return [];
    const isQuiet = (at: number) => isQuietWith(withFact(facts, fact, at));
    if (!isQuiet(0) || isQuiet(value)) return [];
    let [below, above] = [0, value];
    while (above - below > 1) {
      const middle = Math.floor((below + above) / 2);
      if (isQuiet(middle)) below = middle;
      else above = middle;
    }
    return [{ fact, text: `${fact} (${value}) ${monotone.includes(fact) ? "at most" : "at"} ${below}` }];
  });
  if (bounds.length === 0) return {};
  return {
    passes: bounds.map(({ text }) => text).join(", or "),
    changes: bounds.map(({ fact }) => ({ fact, direction: "lower" as const })),
  };
}

/** The number that a fact is; 0 for one that cannot be had. */
function numberOf(facts: Facts, fact: FactName): number {
  try {
    return readFact(facts, fact) as number;
  } catch {
    return 0;
  }
}

function isQuietAt(ask: Ask, facts: Facts, content: Content, rule: string): boolean {
  try {
    const verdict = ask(facts, content);
    return verdict === null || verdict === notApplicable || !verdict.some((hit) => hit.rule === rule);
  } catch {
    return false;
  }
}

function withFact(facts: Facts, name: FactName, value: unknown): Facts {
  const [root, field] = name.split(".") as [keyof Facts, string];
  return { ...facts, [root]: { ...facts[root], [field]: value } };
}

/** Of a failed expression its code alone: its message holds the values that it met. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === "string") return code.replaceAll("_", " ");
  const text = String(message ?? error);
  return text.length > maxError ? `${text.slice(0, maxError - 1)}…` : text;
}
