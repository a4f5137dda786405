import type { CelScope, ScopeFactory } from "../cel/bindings.ts";
import { type CompiledCel, celText } from "../cel/cel.ts";
import { clausesOf } from "../cel/clauses.ts";
import { VariableFailure } from "../cel/failure.ts";
import { passesOf } from "../cel/passes.ts";
import {
  type ClauseValue,
  type HiddenFacts,
  hiddenReasons,
  type PolicyExplanation,
  type RuleExplanation,
} from "../core/explain.ts";
import type { Facts } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { CompiledRule } from "./rule.ts";

type Explain = NonNullable<CompiledPolicy["explain"]>;

/** The parts of a policy of rules that decide something. */
export interface ExplainedParts {
  readonly phase: Phase;
  readonly gates: readonly CompiledCel[];
  readonly rules: readonly CompiledRule[];
  readonly variables: ReadonlyMap<string, CompiledCel>;
  readonly scopes: ScopeFactory;
}

const nothingHidden: HiddenFacts = new Map();

/** Tells what each part of a policy of rules came to, in the order in which the engine asks them. */
export function explainRules(policy: string, parts: ExplainedParts): Explain {
  const { gates, rules, variables, scopes } = parts;
  return (phase, facts, { hidden = nothingHidden, recheck = false } = {}) => {
    if (phase !== parts.phase) return nothingToSay(policy);
    const scope = scopes(facts);
    const asked: CompiledCel[] = [];
    const clause = (cel: CompiledCel): ClauseValue => {
      asked.push(cel);
      return clausesOf(cel, facts, scope, hidden);
    };
    const told = () => variablesOf(asked, variables, { facts, scope, hidden });

    const gate = explainGates(gates, clause);
    if (gate.outcome !== "open") {
      return { policy, outcome: gate.outcome, gates: gate.clauses, variables: told(), rules: [] };
    }
    const explained = rules
      .filter((rule) => !recheck || rule.recheck)
      .map((rule) => explainRule(rule, clause, { facts, scope, scopes, hidden }));
    const denied = explained.some(({ outcome, effect }) => outcome === "fired" && effect === "deny");
    const failed = explained.some(({ outcome }) => outcome === "error");
    const unknown = explained.some(({ outcome }) => outcome === "unknown");
    // What the engine does: a rule that cannot be evaluated fails its policy, unless another one denies.
    const outcome = !failed || denied ? "decided" : unknown ? "unknown" : "error";
    return { policy, outcome, gates: gate.clauses, variables: told(), rules: explained };
  };
}

/** A policy that is not asked. */
function nothingToSay(policy: string): PolicyExplanation {
  return { policy, outcome: "not_applicable", gates: [], variables: [], rules: [] };
}

/** What the gates before a policy came to: they are asked until one is closed. */
export function explainGates(
  gates: readonly CompiledCel[],
  clause: (gate: CompiledCel) => ClauseValue,
): { readonly outcome: "open" | "not_applicable" | "error" | "unknown"; readonly clauses: readonly ClauseValue[] } {
  const clauses: ClauseValue[] = [];
  for (const gate of gates) {
    const asked = clause(gate);
    clauses.push(asked);
    if (asked.value === "false") return { outcome: "not_applicable", clauses };
    if (asked.value === null) return { outcome: isHidden(asked) ? "unknown" : "error", clauses };
  }
  return { outcome: "open", clauses };
}

function isHidden({ error }: Pick<ClauseValue, "error">): boolean {
  return (hiddenReasons as readonly (string | undefined)[]).includes(error);
}

interface Asking {
  readonly facts: Facts;
  readonly scope: CelScope;
  readonly hidden: HiddenFacts;
}

function explainRule(
  rule: CompiledRule,
  clause: (cel: CompiledCel) => ClauseValue,
  asking: Asking & { readonly scopes: ScopeFactory },
): RuleExplanation {
  const { facts, scope, hidden } = asking;
  const { written, when, info } = rule;
  const must = rule.isMust ? { must: true as const } : {};
  const base = { rule: info.id, effect: info.effect, ...must };
  const reads = when === null ? {} : readsOf(when);
  const came = written === null ? null : clause(written.cel);
  const passing = () => {
    const found = written === null ? null : passesOf(written.cel, rule.isMust, asking);
    return found === null ? {} : { passes: found.text, changes: found.changes };
  };
  if (came?.value === null) {
    // Whether it fired is for the record to say; what would have kept it quiet holds either way.
    return isHidden(came)
      ? { ...base, outcome: "unknown", when: came, ...passing(), ...reads }
      : { ...base, outcome: "error", when: came, ...reads };
  }
  const fires = came === null || (came.value === "true") !== rule.isMust;
  if (!fires) return { ...base, outcome: "quiet", when: came, ...reads };
  return {
    ...base,
    outcome: "fired",
    ...(came !== null && { when: came }),
    ...(!rule.messageReads.some((fact) => hidden.has(fact)) && { message: rule.hit(facts, scope).message }),
    ...passing(),
    ...reads,
  };
}

function readsOf(when: CompiledCel): Pick<RuleExplanation, "reads" | "rises"> {
  return { reads: when.reads, rises: when.reads.filter((fact) => when.risesWith(fact)) };
}

/** The variables that were read, directly or by another one, in the order of the file. */
function variablesOf(
  asked: readonly CompiledCel[],
  variables: ReadonlyMap<string, CompiledCel>,
  { facts, scope, hidden }: Asking,
): PolicyExplanation["variables"] {
  const read = new Set<string>();
  const visit = ({ vars }: CompiledCel) => {
    for (const name of vars) {
      read.add(name);
      visit(variables.get(name)!);
    }
  };
  asked.forEach(visit);
  return [...variables]
    .filter(([name]) => read.has(name))
    .map(([name, variable]) => {
      const why = variable.reads.flatMap((fact) => hidden.get(fact) ?? [])[0];
      if (why !== undefined) return { name, value: null, error: why };
      try {
        return { name, value: celText(variable.value(facts, scope)) };
      } catch (error) {
        const reason = error instanceof VariableFailure ? error.message : "it could not be computed";
        return { name, value: null, error: reason };
      }
    });
}
