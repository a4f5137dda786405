import type { CelScope } from "../cel/bindings.ts";
import type { CelNames, CompiledCel } from "../cel/cel.ts";
import type { Modification } from "../core/decision.ts";
import type { FactName, Facts } from "../core/facts.ts";
import { modificationProblem } from "../core/modifiable.ts";
import type { Phase } from "../core/phases.ts";
import type { RuleHit, RuleInfo } from "../core/policy.ts";
import { patternProblem } from "../sdk/pattern.ts";
import { compileCondition, compileNegation } from "./condition.ts";
import type { Notes, PolicyContext } from "./context.ts";
import type { Path } from "./document.ts";
import { compileMessage } from "./message.ts";
import type { PolicyFileContent, RuleContent } from "./schema.ts";

/** A rule ready to be asked. */
export interface CompiledRule {
  /** What triggers it; `null`: always. */
  readonly when: CompiledCel | null;
  /** The expression as the file has it, and where: of a `.cel` file the opposite of `when`. */
  readonly written: { readonly path: string; readonly cel: CompiledCel } | null;
  /** Whether `written` says what must be true. */
  readonly isMust: boolean;
  readonly reads: readonly FactName[];
  /** Of these, what its message reads. */
  readonly messageReads: readonly FactName[];
  readonly info: RuleInfo;
  /** Whether it is asked again after the request was modified. */
  readonly recheck: boolean;
  hit(facts: Facts, scope: CelScope): RuleHit;
}

/** What rules of one policy have in common. */
export interface RuleContext extends PolicyContext {
  readonly phase: Phase;
  readonly names: CelNames;
  readonly content: PolicyFileContent;
}

/** Compiles the rule at a place of the policy. What is wrong is noted. */
export function compileRule(spec: RuleContent, index: number, context: RuleContext): CompiledRule {
  const { phase, names, notes, content } = context;
  const path: Path = ["rules", index];
  const rule = ruleId(spec, index);
  const text = spec.message ?? content.description ?? `refused by the policy ${context.id}`;
  const message =
    spec.message === undefined
      ? { reads: [], fill: () => text }
      : compileMessage(text, phase, names, context, [...path, "message"]);
  const conditions = compileWhen(spec, path, context);
  checkEffect(spec, path, phase, notes);

  const base = {
    rule,
    effect: spec.then,
    code: spec.code ?? rule.replaceAll("-", "_"),
    status: spec.status ?? 403,
    ...(spec.then === "modify" && { modifications: (spec.modify ?? []) as readonly Modification[] }),
  };
  return {
    ...conditions,
    isMust: spec.must !== undefined,
    reads: [...(conditions.when?.reads ?? []), ...message.reads],
    messageReads: message.reads,
    info: { id: rule, effect: spec.then, code: base.code },
    recheck: spec.recheck === true,
    hit: (facts, scope) => ({ ...base, message: message.fill(facts, scope) }),
  };
}

function compileWhen(spec: RuleContent, path: Path, context: RuleContext): Pick<CompiledRule, "when" | "written"> {
  const { phase, names } = context;
  const says = spec.must === undefined ? "when" : "must";
  const source = spec.must ?? spec.when;
  if (source === undefined) return { when: null, written: null };
  const place = { path: [...path, says], says } as const;
  const cel = compileCondition(source, phase, names, context, place);
  if (cel === null) return { when: null, written: null };
  const when = says === "must" ? compileNegation(cel, context, place) : cel;
  return { when, written: { path: place.path.join("."), cel } };
}

/** The id of a rule, given or from its place. */
export function ruleId(spec: Pick<RuleContent, "id">, index: number): string {
  return spec.id ?? `rule-${index + 1}`;
}

function checkEffect(spec: RuleContent, path: Path, phase: Phase, notes: Notes): void {
  if (spec.status !== undefined && spec.then !== "deny") {
    notes.report("C033", [...path, "status"], `'status' has no effect on 'then: ${spec.then}'`, "key");
  }
  if (spec.modify !== undefined && spec.then !== "modify") {
    notes.report("C033", [...path, "modify"], `'modify' has no effect on 'then: ${spec.then}'`, "key");
  }
  if (spec.recheck === true && phase !== "request") {
    const message = `'recheck' has no effect in phase ${phase}; it is for phase request, in which requests are modified`;
    notes.report("C033", [...path, "recheck"], message, "key");
  }
  if (spec.then !== "modify") return;
  if (spec.modify === undefined) notes.report("C023", path, "'modify' is missing; it says what to change");
  if (phase !== "request") {
    const message = `nothing can be modified in phase ${phase}; 'then: modify' is for phase request`;
    notes.report("C034", [...path, "then"], message);
  }
  for (const [i, change] of (spec.modify ?? []).entries()) {
    const problem = modificationProblem(change as Modification, patternProblem);
    if (problem !== null) notes.report("C034", [...path, "modify", i, keyOf(problem)], problem);
  }
}

/** Which part of a modification a problem with it is about. */
function keyOf(problem: string): "op" | "path" | "value" {
  if (problem.startsWith("the operation")) return "op";
  return /^'.*' cannot/.test(problem) ? "path" : "value";
}
