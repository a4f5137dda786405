import { effects, type Modification } from "../core/decision.ts";
import { type FactName, type Facts, factEntries } from "../core/facts.ts";
import { modificationProblem } from "../core/modifiable.ts";
import type { Phase } from "../core/phases.ts";
import { type Ask, noContent, notApplicable, type RuleHit, type Verdict } from "../core/policy.ts";
import { describeValue } from "../sdk/describe.ts";
import { patternProblem } from "../sdk/pattern.ts";
import type { Definition } from "./definition.ts";

/** Longest message; what is beyond is cut, because handlers put the client's own words into them. */
const maxMessage = 1_000;
const codePattern = /^[a-z][a-z0-9_]{0,63}$/;
const rulePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const hitKeys: readonly string[] = ["decision", "code", "message", "rule", "status", "modify"];

/**
 * The handlers of a policy as the engine asks them. Whatever is not an answer throws, which makes it an error of the
 * policy.
 *
 * @param located gives what a handler threw the place where that was
 */
export function compileHandlers(
  policy: Definition,
  handled: readonly Phase[],
  located: (error: unknown) => unknown,
): { readonly [P in Phase]?: Ask } {
  // The facts are one object from a request's first phase to its last, and go with it.
  const states = new WeakMap<Facts, { readonly value: unknown }>();
  const stateOf = (facts: Facts): unknown => {
    let state = states.get(facts);
    if (state === undefined) {
      state = { value: policy.state?.() };
      states.set(facts, state);
    }
    return state.value;
  };

  const evaluate: { [P in Phase]?: Ask } = {};
  for (const phase of handled) {
    const handler = policy[phase] as (input: object) => unknown;
    const view = factView(phase, policy.reads ?? []);
    evaluate[phase] = (facts, content = noContent) => {
      const input = view(facts);
      input.params = policy.values;
      input.content = content;
      let answer: unknown;
      try {
        input.state = stateOf(facts);
        answer = handler.call(policy, input);
      } catch (error) {
        throw located(error);
      }
      return toVerdict(answer, phase);
    };
  }
  return evaluate;
}

/**
 * Makes what a handler sees of the facts: those that are declared, as plain fields. Reading another one throws: it may
 * not have been computed, and `undefined > 5` would be a rule that never fires.
 */
function factView(phase: Phase, reads: readonly FactName[]): (facts: Facts) => Record<string, unknown> {
  const roots = new Map<string, { readonly proto: object; readonly fields: string[] }>();
  const top = {};
  let readsNow = false;
  for (const [name, { phases }] of factEntries) {
    const [root, field] = name.split(".") as [string, string | undefined];
    const problem = !reads.includes(name)
      ? `'${name}' is read and not among 'reads'`
      : phases.includes(phase)
        ? undefined
        : `'${name}' is not known in phase ${phase}`;
    if (field === undefined) {
      if (problem === undefined) readsNow = true;
      else throwing(top, root, problem);
      continue;
    }
    const of = roots.get(root) ?? { proto: {}, fields: [] };
    roots.set(root, of);
    if (problem === undefined) of.fields.push(field);
    else throwing(of.proto, field, problem);
  }
  const declared = [...roots].filter(([, { fields }]) => fields.length > 0);
  for (const [root, { fields }] of roots) {
    if (fields.length === 0) throwing(top, root, `no fact '${root}.…' is among 'reads' and known in phase ${phase}`);
  }

  return (facts) => {
    const input = Object.create(top) as Record<string, unknown>;
    // A copy, and below what cannot be changed: other policies are asked with the same facts.
    if (readsNow) input.now = new Date(facts.now);
    for (const [root, { proto, fields }] of declared) {
      const from = (facts as unknown as Record<string, Record<string, unknown>>)[root]!;
      const part = Object.create(proto) as Record<string, unknown>;
      for (const field of fields) part[field] = Object.freeze(from[field]);
      input[root] = part;
    }
    return input;
  };
}

function throwing(target: object, name: string, message: string): void {
  Object.defineProperty(target, name, {
    get(): never {
      throw new TypeError(message);
    },
  });
}

function toVerdict(answer: unknown, phase: Phase): Verdict {
  if (answer === null || answer === notApplicable) return answer;
  if (Array.isArray(answer)) return answer.map((hit: unknown) => toHit(hit, phase));
  return [toHit(answer, phase)];
}

function toHit(answer: unknown, phase: Phase): RuleHit {
  if (typeof answer !== "object" || answer === null) {
    throw new TypeError(
      `a handler answered ${describeValue(answer)}; expected null, notApplicable, a hit or a list of them`,
    );
  }
  if ("then" in answer && typeof answer.then === "function") {
    // What it may still come to is nobody's any more: it must not end the process.
    Promise.resolve(answer as PromiseLike<unknown>).catch(() => undefined);
    throw new TypeError("a handler answered a promise; handlers answer at once");
  }
  const { decision, code, message, rule, status, modify } = answer as Readonly<Record<string, unknown>>;
  const effect = effects.find((known) => known === decision);
  if (effect === undefined) throw odd("decision", decision, `one of ${effects.join(", ")}`);
  if (typeof code !== "string" || !codePattern.test(code)) throw odd("code", code, "a word in snake_case");
  if (typeof message !== "string" || message === "") throw odd("message", message, "a text");
  if (rule !== undefined && (typeof rule !== "string" || !rulePattern.test(rule))) throw odd("rule", rule, "a word");
  for (const key of Object.keys(answer)) if (!hitKeys.includes(key)) throw new TypeError(`a hit has no '${key}'`);
  return {
    rule: rule ?? code.replaceAll("_", "-"),
    effect,
    code,
    message: message.length > maxMessage ? `${message.slice(0, maxMessage - 1)}…` : message,
    status: effect === "deny" ? statusOf(status) : noStatus(status),
    ...(effect === "modify" ? { modifications: changesOf(modify, phase) } : noChanges(modify)),
  };
}

function statusOf(status: unknown): number {
  if (status === undefined) return 403;
  if (Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599) return status as number;
  throw odd("status", status, "an integer from 400 to 599");
}

function noStatus(status: unknown): number {
  if (status !== undefined) throw new TypeError("'status' is for a deny");
  return 403;
}

function changesOf(modify: unknown, phase: Phase): readonly Modification[] {
  if (phase !== "request") throw new TypeError(`nothing can be modified in phase ${phase}`);
  if (!Array.isArray(modify) || modify.length === 0) throw odd("modify", modify, "a list of what to change");
  for (const change of modify as readonly Modification[]) {
    const problem = modificationProblem(change, patternProblem);
    if (problem !== null) throw new TypeError(problem);
  }
  return modify as readonly Modification[];
}

function noChanges(modify: unknown): object {
  if (modify !== undefined) throw new TypeError("'modify' is for the decision modify");
  return {};
}

function odd(key: string, value: unknown, expected: string): TypeError {
  return new TypeError(`a handler answered with ${key} ${describeValue(value)}; expected ${expected}`);
}
