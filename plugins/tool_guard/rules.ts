import { compileGlobs, PluginConfigError } from "../../src/sdk/index.ts";
import { type Condition, compileCondition, type Test } from "./conditions.ts";
import { parsePath, type Value, withValue } from "./paths.ts";

/** A change of the arguments of a call, as configs have it. */
export interface Rewrite {
  readonly set?: Readonly<Record<string, unknown>>;
  readonly remove?: readonly string[];
  readonly cap?: Readonly<Record<string, number>>;
}

/** A rule on calls, as configs have it. */
export interface RuleConfig {
  readonly name: string;
  readonly tools: readonly string[];
  readonly when?: readonly Condition[];
  readonly action: "deny" | "strip" | "rewrite" | "warn";
  readonly rewrite?: Rewrite;
}

/** A rule at work. */
export interface Rule {
  readonly name: string;
  readonly action: RuleConfig["action"];
  readonly fits: (tool: string) => boolean;
  /** Absent where the name alone is enough. */
  readonly when?: Test;
  readonly rewrite?: (given: Value) => Value;
}

/** @throws PluginConfigError for what a schema cannot say */
export function compileRule(rule: RuleConfig, at: string): Rule {
  const { name, tools, when = [], action, rewrite } = rule;
  if ((action === "rewrite") !== (rewrite !== undefined)) {
    const message =
      action === "rewrite" ? "'action: rewrite' needs 'rewrite'" : "'rewrite' goes only with 'action: rewrite'";
    throw new PluginConfigError(rewrite === undefined ? at : `${at}.rewrite`, message);
  }
  const tests = when.map((condition, i) => compileCondition(condition, `${at}.when.${i}`));
  return {
    name,
    action,
    fits: compileGlobs(tools),
    ...(tests.length > 0 && { when: (given: Value) => tests.every((test) => test(given)) }),
    ...(rewrite && { rewrite: compileRewrite(rewrite, `${at}.rewrite`) }),
  };
}

function compileRewrite({ set = {}, remove = [], cap = {} }: Rewrite, at: string): (given: Value) => Value {
  const steps: ((given: Value) => Value)[] = [
    ...remove.map((path) => (given: Value) => withValue(given, parsePath(path), () => undefined)),
    ...Object.entries(set).map(
      ([path, value]) =>
        (given: Value) =>
          withValue(given, parsePath(path), () => value as Value),
    ),
    ...Object.entries(cap).map(
      ([path, most]) =>
        (given: Value) =>
          withValue(given, parsePath(path), (old) => (typeof old === "number" && old <= most ? old : most)),
    ),
  ];
  if (steps.length === 0) throw new PluginConfigError(at, "set 'set', 'remove' or 'cap'");
  return (given) => steps.reduce((value, step) => step(value), given);
}
