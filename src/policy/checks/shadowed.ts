import { compareConditions, type Written } from "../../cel/compare.ts";
import { entry } from "../../core/entry.ts";
import type { PolicyException } from "../../core/exceptions.ts";
import type { Scope } from "../../core/policy.ts";
import type { Problem } from "../problem.ts";
import { ruleId } from "../rule.ts";
import type { RuleContent } from "../schema.ts";
import { contains } from "../scope.ts";
import type { Compiled } from "./compiled.ts";
import { Places } from "./places.ts";

type Exceptions = readonly Pick<PolicyException, "policy" | "rule">[];

/**
 * Policies that stand behind another one that denies every request of theirs. What nothing but a deny comes of is
 * pointless; audits go on counting, and what an exception lets through is asked the rest.
 */
export function checkShadowedPolicies(files: readonly Compiled[], exceptions: Exceptions): Problem[] {
  const walls = new Walls(files.filter((file) => deniesAlways(file, exceptions)));
  return files.flatMap((file) => {
    const wall = file.policy.mode === "audit" ? undefined : walls.before(file);
    if (wall === undefined) return [];
    const at = always(wall);
    const rule = ruleId(wall.content!.rules![at]!, at);
    const message = `this policy can never matter: '${wall.id}/${rule}' denies every request in its scope; take one of them away, or give '${rule}' a condition`;
    return new Places(file).problem("C070", [], message) ?? [];
  });
}

const named = ["apps", "keys", "teams", "env", "orgs"] as const satisfies readonly (keyof Scope)[];

/** Policies that deny every request in their scope, found by whom they name. */
class Walls {
  readonly #all: ReadonlySet<Compiled>;
  readonly #byName = new Map<string, Compiled[]>();

  constructor(walls: readonly Compiled[]) {
    this.#all = new Set(walls);
    for (const wall of walls) {
      const key = named.find((one) => wall.policy.scope[one] !== undefined);
      const names = key === undefined ? [""] : wall.policy.scope[key]!.map((name) => `${key} ${name}`);
      for (const name of names) entry(this.#byName, name, () => []).push(wall);
    }
  }

  /** The one that stands before a policy; of two for the same requests the first by id does. */
  before(file: Compiled): Compiled | undefined {
    const { scope } = file.policy;
    // Whoever names a policy's application or the like names the first of them as well.
    const keys = named.flatMap((key) => (scope[key] === undefined ? [] : [`${key} ${scope[key][0]}`]));
    const isWall = this.#all.has(file);
    return ["", ...keys]
      .flatMap((key) => this.#byName.get(key) ?? [])
      .find(({ id, policy }) => {
        if (id === file.id || !contains(policy.scope, scope)) return false;
        return !(isWall && file.id < id && contains(scope, policy.scope));
      });
  }
}

function always({ content }: Compiled): number {
  const rules = content?.rules ?? [];
  return rules.findIndex((rule) => rule.then === "deny" && rule.when === undefined && rule.must === undefined);
}

function deniesAlways(file: Compiled, exceptions: Exceptions): boolean {
  const { policy, content } = file;
  return (
    policy.mode === "enforce" &&
    policy.evaluate.request !== undefined &&
    content?.match === undefined &&
    always(file) >= 0 &&
    !exceptions.some((exception) => exception.policy === file.id)
  );
}

/** Most pairs of rules of one policy that are compared. */
const maxPairs = 1_000;

/** Rules that fire only where an earlier rule of the policy denies already. */
export function checkShadowedRules(file: Compiled, exceptions: Exceptions): Problem[] {
  const { content, policy } = file;
  if (policy.evaluate.request === undefined || content?.rules === undefined) return [];
  const places = new Places(file);
  const params = Object.fromEntries(
    Object.entries(content.params ?? {}).map(([name, spec]) => [name, spec.default] as const),
  );
  const names = { params, vars: content.variables ?? {}, data: {} };
  const rules = content.rules.map((spec, i) => toRule(spec, i, names));
  let pairs = 0;
  return rules.flatMap((rule, i) => {
    const wall = rules.slice(0, i).find((other) => {
      if (other.spec.then !== "deny" || pairs >= maxPairs) return false;
      if (exceptions.some((one) => one.policy === file.id && (one.rule === "" || one.rule === other.id))) return false;
      pairs += 1;
      return stands(other, rule);
    });
    if (wall === undefined) return [];
    const same = wall.text === rule.text;
    const message = same
      ? `the rule '${rule.id}' can never matter: '${wall.id}' denies the same requests; take one of them away, or make their conditions different`
      : `the rule '${rule.id}' can never matter: '${wall.id}' denies every request that it is about; let it fire before that one does, or take it away`;
    return places.problem("C071", ["rules", i, "when"], message) ?? [];
  });
}

interface Rule {
  readonly id: string;
  readonly spec: RuleContent;
  readonly text: string;
  readonly written: Written;
}

function toRule(spec: RuleContent, index: number, names: Written["names"]): Rule {
  const source = spec.when ?? "";
  return { id: ruleId(spec, index), spec, text: source.replace(/\s+/g, " ").trim(), written: { source, names } };
}

/** Whether nothing comes of a rule because another one denies first. Of two denials the one told is the first by id. */
function stands(wall: Rule, rule: Rule): boolean {
  if (wall.text === "" || rule.text === "") return false;
  if (rule.spec.recheck === true && wall.spec.recheck !== true) return false;
  const same = wall.text === rule.text;
  if (!same && rule.spec.then === "deny" && rule.id < wall.id) return false;
  return same || ["same", "narrower"].includes(compareConditions([wall.written], [rule.written]));
}
