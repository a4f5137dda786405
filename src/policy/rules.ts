import type { CelScope, ScopeFactory } from "../cel/bindings.ts";
import type { Cel, CelNames, CompiledCel } from "../cel/cel.ts";
import { CelProblem } from "../cel/checks.ts";
import type { Modification } from "../core/decision.ts";
import type { FactName, Facts } from "../core/facts.ts";
import { modificationProblem } from "../core/modify.ts";
import type { Phase } from "../core/phases.ts";
import { type CompiledPolicy, notApplicable, type RuleHit, type RuleInfo, type Verdict } from "../core/policy.ts";
import type { Condition } from "./compile.ts";
import { compileParams, compileVariables } from "./declared.ts";
import type { Path, PolicyDocument } from "./document.ts";
import { compileMessage } from "./message.ts";
import type { PolicyFileContent, RuleContent } from "./schema.ts";

/** A rule ready to be asked. */
interface CompiledRule {
  /** `null`: always. */
  readonly when: CompiledCel | null;
  readonly reads: readonly FactName[];
  readonly info: RuleInfo;
  hit(facts: Facts, scope: CelScope): RuleHit;
}

/** Compiles an expression at a path of the file; `null` after noting what is wrong with it. */
export function compileCondition(
  source: string,
  phase: Phase,
  names: CelNames,
  { cel, document, path }: { cel: Cel; document: PolicyDocument; path: Path },
): CompiledCel | null {
  try {
    return cel.condition(source, phase, names);
  } catch (error) {
    if (!(error instanceof CelProblem)) throw error;
    document.reportCel(path, error);
    return null;
  }
}

/** A policy's part that was compiled from rules or a plugin, with the expressions that decide in it. */
export interface CompiledRules {
  readonly parts: Pick<CompiledPolicy, "evaluate" | "reads" | "monotone" | "rules" | "recheck">;
  readonly conditions: readonly Condition[];
}

/** What a policy made of rules contributes to a compiled policy. What is wrong is noted in the document. */
export function compileRules(
  content: PolicyFileContent,
  id: string,
  cel: Cel,
  document: PolicyDocument,
): CompiledRules {
  const phase = content.phase ?? "request";
  const params = compileParams(content, document);
  const vars = compileVariables(content, phase, params, cel, document);
  const names = { params, vars };

  const gates = (content.match ?? []).map((source, i) =>
    compileCondition(source, phase, names, { cel, document, path: ["match", i] }),
  );
  const specs = content.rules ?? [];
  checkIds(specs, document);
  checkShadowed(content, document);
  const rules = specs.map((spec, i) => compileRule(spec, i, { id, phase, names, cel, document, content }));

  const conditions = [...gates, ...rules.map(({ when }) => when)].filter((condition) => condition !== null);
  const reads = [...new Set([...conditions, ...rules].flatMap((part) => part.reads))];
  const open = gates.filter((gate) => gate !== null);
  // An upper bound is tried before the call, when what later phases read is not known yet.
  const monotone =
    phase === "request" ? reads.filter((fact) => conditions.every((condition) => condition.risesWith(fact))) : [];
  const scopes = cel.scopes(vars);
  return {
    parts: {
      reads,
      monotone,
      evaluate: { [phase]: asker(open, rules, scopes) },
      rules: rules.map(({ info }) => info),
    },
    conditions: [
      ...gates.map((gate, i) => [`match.${i}`, gate] as const),
      ...rules.map(({ when }, i) => [`rules.${i}.when`, when] as const),
    ].flatMap(([path, cel]) => (cel === null ? [] : [{ path, cel, scopes }])),
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

interface RuleContext {
  readonly id: string;
  readonly phase: Phase;
  readonly names: CelNames;
  readonly cel: Cel;
  readonly document: PolicyDocument;
  readonly content: PolicyFileContent;
}

function compileRule(spec: RuleContent, index: number, context: RuleContext): CompiledRule {
  const { phase, names, cel, document, content } = context;
  const path: Path = ["rules", index];
  const rule = ruleId(spec, index);
  const when =
    spec.when === undefined
      ? null
      : compileCondition(spec.when, phase, names, { cel, document, path: [...path, "when"] });
  const text = spec.message ?? content.description ?? `refused by the policy ${context.id}`;
  const message =
    spec.message === undefined
      ? { reads: [], fill: () => text }
      : compileMessage(text, phase, names, { cel, document, path: [...path, "message"] });
  checkEffect(spec, path, phase, document);
  if (spec.recheck !== undefined) {
    const message = "'recheck' is not supported by this version; every rule is asked once, before anything is modified";
    document.report("C033", [...path, "recheck"], message, "key");
  }

  const base = {
    rule,
    effect: spec.then,
    code: spec.code ?? rule.replaceAll("-", "_"),
    status: spec.status ?? 403,
    ...(spec.then === "modify" && { modifications: (spec.modify ?? []) as readonly Modification[] }),
  };
  return {
    when,
    reads: [...(when?.reads ?? []), ...message.reads],
    info: { id: rule, effect: spec.then, code: base.code },
    hit: (facts, scope) => ({ ...base, message: message.fill(facts, scope) }),
  };
}

/** The id of a rule, given or from its place. */
export function ruleId(spec: Pick<RuleContent, "id">, index: number): string {
  return spec.id ?? `rule-${index + 1}`;
}

function checkEffect(spec: RuleContent, path: Path, phase: Phase, document: PolicyDocument): void {
  if (spec.status !== undefined && spec.then !== "deny") {
    document.report("C033", [...path, "status"], `'status' has no effect on 'then: ${spec.then}'`, "key");
  }
  if (spec.modify !== undefined && spec.then !== "modify") {
    document.report("C033", [...path, "modify"], `'modify' has no effect on 'then: ${spec.then}'`, "key");
  }
  if (spec.then !== "modify") return;
  if (spec.modify === undefined) document.report("C023", path, "'modify' is missing; it says what to change");
  if (phase !== "request") {
    const message = `nothing can be modified in phase ${phase}; 'then: modify' is for phase request`;
    document.report("C034", [...path, "then"], message);
  }
  for (const [i, change] of (spec.modify ?? []).entries()) {
    const problem = modificationProblem(change as Modification);
    if (problem === null) continue;
    const key = problem.startsWith("the operation")
      ? "op"
      : problem.endsWith(".") || /^'.*' cannot/.test(problem)
        ? "path"
        : "value";
    document.report("C034", [...path, "modify", i, key], problem);
  }
}

function checkIds(rules: readonly RuleContent[], document: PolicyDocument): void {
  const seen = new Set<string>();
  for (const [i, spec] of rules.entries()) {
    const id = ruleId(spec, i);
    if (seen.has(id)) document.report("C031", ["rules", i, "id"], `the rule id '${id}' is there twice`);
    seen.add(id);
  }
}

/** In the phases after it everything is recorded, so there a rule beside an unconditional deny still says something. */
function checkShadowed(content: PolicyFileContent, document: PolicyDocument): void {
  const rules = content.rules ?? [];
  if (rules.length < 2 || (content.phase ?? "request") !== "request") return;
  const always = rules.findIndex((spec) => spec.when === undefined && spec.then === "deny");
  if (always < 0) return;
  for (const [i, spec] of rules.entries()) {
    if (i === always) continue;
    const by = ruleId(rules[always]!, always);
    const message = `the rule '${ruleId(spec, i)}' can never matter: '${by}' denies every request of this policy`;
    document.report("C036", ["rules", i], message);
  }
}
