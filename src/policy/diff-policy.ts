import { type Comparison, compareConditions, type Definitions, namesRead, type Written } from "../cel/compare.ts";
import type { FieldChange } from "../core/revisions.ts";
import { FieldChanges, leaves, same } from "./diff-fields.ts";
import type { DiffKnowledge, DiffPolicy } from "./diff-sets.ts";
import {
  compareScopes,
  type Effects,
  effectsOf,
  type Judged,
  joined,
  judged,
  type Presence,
  tightening,
  whenItFires,
} from "./diff-tendency.ts";
import { isLibraryId } from "./library.ts";
import { ruleId } from "./rule.ts";
import type { PolicyFileContent, RuleContent } from "./schema.ts";

/** What holds for the sets as a whole. */
export interface DiffContext {
  /** Whether in one of them a request that no policy applies to is refused. */
  readonly defaultDeny: boolean;
  readonly knowledge: DiffKnowledge;
}

const unread = judged("neither", "no condition reads it");
const forPeople = judged("neither", "it is for people to read");
const toClients = judged("neither", "clients are told something else; what passes is the same");
const lettingThrough = judged(
  "unknown",
  "with 'default: deny' a policy that applies also lets through what would be refused",
);

/** What a policy that is there in one of the sets only amounts to. */
export function judgePresence({ whole }: DiffPolicy, { defaultDeny }: DiffContext, change: Presence): Judged {
  if (whole === null) return judged("unknown", "what its code does, or whether it can be read, is not looked at");
  if (defaultDeny) return lettingThrough;
  const mode = whole.mode ?? "enforce";
  if (mode !== "enforce") return judged("neither", `its mode is ${mode}: it refuses nothing`);
  if (whole.rules === undefined) return tightening(change, "it may refuse what passed", "what it refused may pass");
  return judgeRule(allEffects(whole), change);
}

function judgeRule(effects: Effects, change: Presence = "added"): Judged {
  if (effects.includes("modify")) return judged("unknown", "what it modifies may let more or less through");
  if (effects.includes("deny")) return tightening(change, "it may refuse what passed", "what it refused may pass");
  if (effects.includes("restrict")) {
    return tightening(change, "it takes something off requests", "requests keep what it took off them");
  }
  return judged("neither", "it refuses nothing");
}

/** Every difference between two texts of one policy. */
export function diffPolicy(base: DiffPolicy, head: DiffPolicy, context: DiffContext): readonly FieldChange[] {
  const [before, after] = [base.written, head.written];
  if (before === null || after === null) return [];
  const fields = new FieldChanges(base.document, head.document);
  const enforced = (content: PolicyFileContent) => (content.mode ?? "enforce") === "enforce";
  const both = enforced(before) && enforced(after);
  const idle = judged("neither", "the policy refuses nothing while its mode is not enforce");
  const note = (path: readonly (string | number)[], from: unknown, to: unknown, judge: () => Judged) =>
    fields.add(path, from, to, () => (both ? judge() : idle));

  // Whom a policy applies to matters where the default is to refuse, whatever its mode.
  const noteReach = (path: readonly (string | number)[], from: unknown, to: unknown, judge: () => Judged) =>
    fields.add(path, from, to, () => {
      const reach = judge();
      return both || reach === lettingThrough ? reach : idle;
    });

  for (const key of ["description", "owner"] as const) fields.add([key], before[key], after[key], () => forPeople);
  fields.add(["mode"], before.mode ?? "enforce", after.mode ?? "enforce", () => {
    if (enforced(before) === enforced(after)) return judged("neither", "neither mode refuses anything");
    return enforced(after)
      ? judged("tightens", "what fires is enforced from now on")
      : judged("loosens", "what fires is no longer enforced");
  });
  const onError = (content: PolicyFileContent) => content.onError ?? defaultOnError(content, context.knowledge);
  note(["onError"], onError(before), onError(after), () => judgeOnError(onError(before), onError(after)));
  note(["phase"], before.phase ?? "request", after.phase ?? "request", () =>
    judged("unknown", "its rules are asked at another time, about something else"),
  );
  note(["uses"], before.uses, after.uses, () => judged("unknown", "it is another kind of policy"));
  note(["priority"], before.priority ?? 100, after.priority ?? 100, () =>
    allEffects(after).some((effect) => effect === "modify" || effect === "restrict")
      ? judged("unknown", "which of two modifications of the same thing holds depends on it")
      : judged("neither", "it orders modifications, and there are none"),
  );

  const comparing = new PolicyComparison(base, head, context);
  for (const key of keysOf(before.scope, after.scope)) {
    const [from, to] = [before.scope?.[key as "apps"], after.scope?.[key as "apps"]];
    noteReach(["scope", key], from, to, () => comparing.applies(compareScopes({ [key]: from }, { [key]: to })));
  }
  noteReach(["match"], before.match, after.match, () => comparing.gates());
  for (const name of keysOf(before.params, after.params)) {
    const [from, to] = [before.params?.[name], after.params?.[name]];
    if (from === undefined || to === undefined)
      note(["params", name], from, to, () => comparing.definition("params", name));
    else {
      for (const key of keysOf(from, to)) {
        note(["params", name, key], from[key as "default"], to[key as "default"], () => {
          if (key === "default" || key === "type") return comparing.definition("params", name);
          return key === "description"
            ? forPeople
            : judged("neither", "it bounds what may be tuned, not what is in force");
        });
      }
    }
  }
  for (const name of keysOf(before.variables, after.variables)) {
    note(["variables", name], before.variables?.[name], after.variables?.[name], () =>
      comparing.definition("vars", name),
    );
  }
  for (const [path, from, to] of leaves(before.with, after.with)) {
    note(["with", ...path], from, to, () => {
      const ofRules = isLibraryId(after.uses) && head.whole?.rules !== undefined && before.uses === after.uses;
      if (ofRules) return comparing.definition("params", String(path[0]));
      return judged("unknown", `what it means is for the policy type '${after.uses}' to say`);
    });
  }
  diffRules(before, after, comparing, note, fields);
  return fields.all;
}

type Note = (path: readonly (string | number)[], from: unknown, to: unknown, judge: () => Judged) => void;

function diffRules(
  before: PolicyFileContent,
  after: PolicyFileContent,
  comparing: PolicyComparison,
  note: Note,
  fields: FieldChanges,
): void {
  const [earlier, later] = [before.rules ?? [], after.rules ?? []];
  const pairs = pairRules(earlier, later);
  for (const [i, rule] of earlier.entries()) {
    fields.name("base", i, ruleId(rule, i));
    if (pairs.every(([from]) => from !== i))
      note(["rules", i], rule, undefined, () => judgeRule(effectsOf(rule), "removed"));
  }
  for (const [i, rule] of later.entries()) {
    fields.name("head", i, ruleId(rule, i));
    const at = pairs.find(([, to]) => to === i)?.[0];
    if (at === undefined) note(["rules", i], undefined, rule, () => judgeRule(effectsOf(rule)));
    else diffRule(earlier[at]!, rule, i, comparing, note);
  }
}

function diffRule(from: RuleContent, to: RuleContent, i: number, comparing: PolicyComparison, note: Note): void {
  for (const key of ["when", "must"] as const) {
    note(["rules", i, key], from[key], to[key], () => comparing.rule(from, to));
  }
  note(["rules", i, "then"], from.then, to.then, () => judgeThen(effectsOf(from), effectsOf(to)));
  note(["rules", i, "modify"], from.modify, to.modify, () => judgeModify(from.modify ?? [], to.modify ?? []));
  note(["rules", i, "recheck"], from.recheck ?? false, to.recheck ?? false, () => {
    const once = judgeRule(effectsOf(to));
    if (once.tendency === "neither") return once;
    return to.recheck === true
      ? judged("tightens", "it is asked once more when the request was modified")
      : judged("loosens", "it is no longer asked when the request was modified");
  });
  for (const key of ["code", "status", "message"] as const)
    note(["rules", i, key], from[key], to[key], () => toClients);
}

/** Rules by their ids; those without one by what they say, else by their place. */
function pairRules(earlier: readonly RuleContent[], later: readonly RuleContent[]): [from: number, to: number][] {
  const pairs: [number, number][] = [];
  const isFree = (side: 0 | 1, i: number) => pairs.every((pair) => pair[side] !== i);
  const pair = (alike: (a: RuleContent, b: RuleContent, i: number, j: number) => boolean) => {
    for (const [j, b] of later.entries()) {
      if (!isFree(1, j)) continue;
      const i = earlier.findIndex((a, at) => isFree(0, at) && alike(a, b, at, j));
      if (i >= 0) pairs.push([i, j]);
    }
  };
  pair((a, b) => a.id !== undefined && a.id === b.id);
  pair((a, b) => a.id === undefined && b.id === undefined && same(a, b));
  pair((a, b, i, j) => ruleId(a, i) === ruleId(b, j));
  return pairs;
}

/** Compares what one policy's conditions come to in both sets. */
class PolicyComparison {
  readonly #base: PolicyFileContent | null;
  readonly #head: PolicyFileContent | null;
  readonly #baseNames: Definitions;
  readonly #headNames: Definitions;
  readonly #context: DiffContext;

  constructor(base: DiffPolicy, head: DiffPolicy, context: DiffContext) {
    this.#base = base.whole;
    this.#head = head.whole;
    this.#baseNames = namesOf(base);
    this.#headNames = namesOf(head);
    this.#context = context;
  }

  /** The policy applies to more requests, or fewer. */
  applies(comparison: Comparison): Judged {
    if (comparison !== "same" && this.#context.defaultDeny) return lettingThrough;
    return whenItFires(comparison, this.#effects(), "it applies to");
  }

  gates(): Judged {
    const written = (content: PolicyFileContent | null, names: Definitions) =>
      (content?.match ?? []).map((source): Written => ({ source, names }));
    return this.applies(compareConditions(written(this.#base, this.#baseNames), written(this.#head, this.#headNames)));
  }

  rule(from: RuleContent, to: RuleContent): Judged {
    const comparison = compareConditions(conditionOf(from, this.#baseNames), conditionOf(to, this.#headNames));
    return whenItFires(comparison, [...effectsOf(from), ...effectsOf(to)], "it fires for");
  }

  /** What it does that a param, a variable or named data stands for something else, all else as it is now. */
  definition(kind: keyof Definitions, name: string): Judged {
    const head = this.#head;
    if (head === null) return judged("unknown", "the policy cannot be read whole");
    const { [name]: _, ...others } = this.#headNames[kind];
    const had = Object.hasOwn(this.#baseNames[kind], name);
    const earlier = { ...this.#headNames, [kind]: had ? { ...others, [name]: this.#baseNames[kind][name] } : others };
    const reads = (source: string) =>
      [this.#headNames.vars, this.#baseNames.vars].some((vars) => namesRead(source, vars).has(`${kind}.${name}`));

    const parts: Judged[] = [];
    const gates = (head.match ?? []).filter(reads);
    if (gates.length > 0) {
      const written = (names: Definitions) => gates.map((source): Written => ({ source, names }));
      parts.push(this.applies(compareConditions(written(earlier), written(this.#headNames))));
    }
    for (const [i, rule] of (head.rules ?? []).entries()) {
      if (!reads(rule.must ?? rule.when ?? "")) continue;
      const comparison = compareConditions(conditionOf(rule, earlier), conditionOf(rule, this.#headNames));
      parts.push(whenItFires(comparison, effectsOf(rule), `the rule '${ruleId(rule, i)}' fires for`));
    }
    return joined(parts, unread);
  }

  #effects(): Effects {
    const effects = [this.#base, this.#head].flatMap((content) => (content === null ? [] : allEffects(content)));
    return effects;
  }
}

/** What it does to a policy of both sets that named data has changed. */
export function judgeData(base: DiffPolicy, head: DiffPolicy, name: string, context: DiffContext): Judged {
  return new PolicyComparison(base, head, context).definition("data", name);
}

function namesOf({ whole, data }: DiffPolicy): Definitions {
  const params = Object.entries(whole?.params ?? {}).map(([name, param]) => [name, param.default] as const);
  return {
    params: Object.fromEntries(params),
    vars: whole?.variables ?? {},
    data: Object.fromEntries(Object.entries(data).map(([name, { value }]) => [name, value])),
  };
}

function conditionOf({ when, must }: RuleContent, names: Definitions): readonly Written[] {
  if (must !== undefined) return [{ source: must, negated: true, names }];
  return when === undefined ? [] : [{ source: when, names }];
}

function allEffects({ rules }: PolicyFileContent): Effects {
  // A policy type is one that may refuse.
  return rules === undefined ? ["deny"] : rules.flatMap(effectsOf);
}

function defaultOnError({ uses }: PolicyFileContent, knowledge: DiffKnowledge) {
  return uses === undefined || isLibraryId(uses) ? "deny" : knowledge.onErrorOf(uses);
}

function judgeOnError(from: string | undefined, to: string | undefined): Judged {
  if (from === undefined || to === undefined)
    return judged("unknown", "what the policy type's default is, is not known");
  if (from === "deny") return judged("loosens", "a request for which it fails is no longer refused");
  if (to === "deny") return judged("tightens", "a request for which it fails is refused");
  return judged("neither", "a request for which it fails passes either way");
}

function judgeThen(from: Effects, to: Effects): Judged {
  if (from.includes("deny")) return judged("loosens", "what was refused passes");
  if (to.includes("deny")) return judged("tightens", "what passed is refused");
  if (from.includes("modify") || to.includes("modify")) return judgeRule(["modify"]);
  if (from.includes("restrict")) return judged("loosens", "nothing is taken off requests any more");
  return judgeRule(to);
}

function judgeModify(from: NonNullable<RuleContent["modify"]>, to: NonNullable<RuleContent["modify"]>): Judged {
  const key = ({ op, path }: (typeof from)[number]) => `${op} ${path}`;
  const parts = to.map((change, i): Judged => {
    const earlier = from[i];
    if (earlier !== undefined && same(earlier, change)) return judged("neither", "it is the same");
    const comparable = earlier !== undefined && change.op === "cap" && key(earlier) === key(change);
    if (!comparable) return judgeRule(["modify"]);
    return Number(change.value) < Number(earlier.value)
      ? judged("tightens", `the cap on ${change.path} is lower`)
      : judged("loosens", `the cap on ${change.path} is higher`);
  });
  return from.length === to.length ? joined(parts, judgeRule(["modify"])) : judgeRule(["modify"]);
}

function keysOf(before: object | undefined, after: object | undefined): readonly string[] {
  return [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
}
