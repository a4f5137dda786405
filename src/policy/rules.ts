import type { ScopeFactory } from "../cel/bindings.ts";
import type { CompiledCel } from "../cel/cel.ts";
import type { Facts } from "../core/facts.ts";
import { type CompiledPolicy, notApplicable, type RuleHit, type Verdict } from "../core/policy.ts";
import type { Condition } from "./compile.ts";
import { compileCondition } from "./condition.ts";
import type { Notes, PolicyContext } from "./context.ts";
import { compileVariables } from "./declared.ts";
import { explainRules } from "./explain.ts";
import { compileParams } from "./params.ts";
import { type CompiledRule, compileRule, ruleId } from "./rule.ts";
import type { PolicyFileContent, RuleContent } from "./schema.ts";

/** A policy's part that was compiled from rules, with the expressions that decide in it. */
export interface CompiledRules {
  readonly parts: Pick<CompiledPolicy, "evaluate" | "recheck" | "reads" | "monotone" | "rules" | "explain">;
  readonly conditions: readonly Condition[];
  readonly notes?: undefined;
}

/** What a policy made of rules contributes to a compiled policy. What is wrong is noted. */
export function compileRules(content: PolicyFileContent, context: PolicyContext): CompiledRules {
  const { cel, notes, data } = context;
  const phase = content.phase ?? "request";
  const params = compileParams(content, notes);
  const vars = compileVariables(content, phase, { params, data }, context);
  const names = { params, vars, data };

  const gates = (content.match ?? []).map((source, i) =>
    compileCondition(source, phase, names, context, { path: ["match", i], says: "gate" }),
  );
  const specs = content.rules ?? [];
  checkIds(specs, notes);
  checkShadowed(content, notes);
  const rules = specs.map((spec, i) => compileRule(spec, i, { ...context, phase, names, content }));

  const conditions = [...gates, ...rules.map(({ when }) => when)].filter((condition) => condition !== null);
  const reads = [...new Set([...conditions, ...rules].flatMap((part) => part.reads))];
  const open = gates.filter((gate) => gate !== null);
  const again = rules.filter(({ recheck }) => recheck);
  // An upper bound is tried before the call, when what later phases read is not known yet.
  const monotone =
    phase === "request" ? reads.filter((fact) => conditions.every((condition) => condition.risesWith(fact))) : [];
  const scopes = cel.scopes(vars);
  return {
    parts: {
      reads,
      monotone,
      evaluate: { [phase]: asker(open, rules, scopes) },
      ...(again.length > 0 && { recheck: asker(open, again, scopes) }),
      rules: rules.map(({ info }) => info),
      explain: explainRules(context.id, { phase, gates: open, rules, variables: vars, scopes }),
    },
    conditions: [
      ...gates.map((gate, i) => (gate === null ? null : { path: `match.${i}`, cel: gate })),
      ...rules.map(({ written }) => written),
    ].flatMap((written) => (written === null ? [] : [{ ...written, scopes }])),
  };
}

/**
 * Asks every rule, so that all reasons are known.
 *
 * A rule that cannot be evaluated makes the whole policy fail, unless another one denies: that is the strongest answer
 * there is, and an `onError: allow` must not hide it.
 */
function asker(
  gates: readonly CompiledCel[],
  rules: readonly CompiledRule[],
  newScope: ScopeFactory,
): (facts: Facts) => Verdict {
  const [only, ...others] = rules;
  const { when } = only ?? { when: null };
  if (when !== null && others.length === 0 && gates.length === 0) {
    // What most policies are, and it takes two thirds of the time. Its failure is the policy's.
    return (facts) => {
      const scope = newScope(facts);
      return when.test(facts, scope) ? [only!.hit(facts, scope)] : null;
    };
  }
  return (facts) => {
    const scope = newScope(facts);
    for (const gate of gates) if (!gate.test(facts, scope)) return notApplicable;

    let hits: RuleHit[] | null = null;
    let failed = false;
    let failure: unknown;
    let denied = false;
    for (const rule of rules) {
      try {
        if (rule.when !== null && !rule.when.test(facts, scope)) continue;
      } catch (error) {
        if (!failed) failure = error;
        failed = true;
        continue;
      }
      hits ??= [];
      hits.push(rule.hit(facts, scope));
      denied ||= rule.info.effect === "deny";
    }
    if (failed && !denied) throw failure;
    return hits;
  };
}

function checkIds(rules: readonly RuleContent[], notes: Notes): void {
  const seen = new Set<string>();
  for (const [i, spec] of rules.entries()) {
    const id = ruleId(spec, i);
    if (seen.has(id)) notes.report("C031", ["rules", i, "id"], `the rule id '${id}' is there twice`);
    seen.add(id);
  }
}

/** In the phases after it everything is recorded, so there a rule beside an unconditional deny still says something. */
function checkShadowed(content: PolicyFileContent, notes: Notes): void {
  const rules = content.rules ?? [];
  if (rules.length < 2 || (content.phase ?? "request") !== "request") return;
  const always = rules.findIndex((spec) => spec.when === undefined && spec.then === "deny");
  if (always < 0) return;
  for (const [i, spec] of rules.entries()) {
    if (i === always) continue;
    const by = ruleId(rules[always]!, always);
    const message = `the rule '${ruleId(spec, i)}' can never matter: '${by}' denies every request of this policy`;
    notes.report("C036", ["rules", i], message);
  }
}
