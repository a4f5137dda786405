import { pluginCel } from "../cel/plugin-tools.ts";
import type { Facts } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import { type Ask, type CompiledPolicy, notApplicable } from "../core/policy.ts";
import { ConfigErrors, type ConfigProblem, instantiate } from "../registry/instantiate.ts";
import type { Plugin } from "../sdk/plugin.ts";
import { suggestion } from "../sdk/suggest.ts";
import { headerProblem } from "./checks/headers.ts";
import type { Condition } from "./compile.ts";
import { compileCondition } from "./condition.ts";
import type { PolicyContext } from "./context.ts";
import { explainPlugin } from "./explain-policy.ts";
import type { PolicyFileContent } from "./schema.ts";

/** What policies need of the registry of plugins. */
export interface PluginDirectory {
  get(name: string): Plugin | undefined;
  names(): readonly string[];
}

type Parts = Pick<
  CompiledPolicy,
  | "evaluate"
  | "answer"
  | "answers"
  | "reads"
  | "monotone"
  | "limits"
  | "limitHit"
  | "limitGranted"
  | "dispose"
  | "rules"
  | "explain"
>;

/** A policy's part that was made by a plugin, with the gates before it. */
interface CompiledPlugin {
  readonly parts: Parts;
  readonly conditions: readonly Condition[];
  readonly notes: readonly ConfigProblem[];
}

/** Keys that are for rules. */
const ruleKeys = ["phase", "params", "variables", "rules"] as const;

/** What a policy that uses a plugin contributes to a compiled policy; `null` after noting what is wrong with it. */
export function compilePlugin(content: PolicyFileContent, context: PolicyContext): CompiledPlugin | null {
  const { registry, cel, notes, data, headers } = context;
  const name = content.uses!;
  for (const key of ruleKeys) {
    if (content[key] === undefined) continue;
    const message =
      key === "phase" ? `the policy type '${name}' has phases of its own` : `'${key}' does not go with 'uses'`;
    notes.report("C033", [key], message, "key");
  }
  // Gates may be asked in any phase, so they can read only what every phase has.
  const gates = (content.match ?? []).map((source, i) =>
    compileCondition(source, "request", { data }, context, { path: ["match", i], says: "gate" }),
  );

  const plugin = registry.get(name);
  if (plugin === undefined) {
    const message = `there is no policy type '${name}'${suggestion(name, registry.names(), "types")}`;
    notes.report("C026", ["uses"], message);
    return null;
  }
  try {
    const lent = pluginCel(cel, { data }, (condition) => (headers ? headerProblem(condition, headers) : null));
    const { notes: said = [], ...own } = instantiate(plugin, content.with ?? {}, lent, registry);
    const asked = { ...own, id: context.id, uses: name };
    const parts = {
      ...gated(own, gates),
      explain: explainPlugin(
        asked,
        gates.filter((gate) => gate !== null),
      ),
    };
    const scopes = cel.scopes(new Map());
    const conditions = gates.flatMap((gate, i) => (gate === null ? [] : [{ path: `match.${i}`, cel: gate, scopes }]));
    return { parts, conditions, notes: said };
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    if (content.with === undefined)
      for (const { message } of error.errors) notes.report("C027", ["uses"], `'with' is missing: ${message}`);
    else notes.reportConfig("C027", ["with"], error);
    return null;
  }
}

function gated(parts: Parts, compiled: readonly ReturnType<typeof compileCondition>[]): Parts {
  const gates = compiled.filter((gate) => gate !== null);
  if (gates.length === 0) return parts;
  const open = (facts: Facts) => gates.every((gate) => gate.test(facts));
  const { answer, limits, monotone } = parts;
  const evaluate = Object.entries(parts.evaluate).map(([phase, ask]) => {
    const asked: Ask = (facts, content) => (open(facts) ? ask(facts, content) : notApplicable);
    return [phase, asked] as const;
  });
  return {
    ...parts,
    reads: [...new Set([...parts.reads, ...gates.flatMap((gate) => gate.reads)])],
    evaluate: Object.fromEntries(evaluate) as { [P in Phase]?: Ask },
    ...(answer && { answers: open }),
    ...(monotone && { monotone: monotone.filter((fact) => gates.every((gate) => gate.risesWith(fact))) }),
    ...(limits && { limits: (facts: Facts) => (open(facts) ? limits(facts) : []) }),
  };
}
