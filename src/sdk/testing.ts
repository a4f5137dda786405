import { describe, expect, test } from "bun:test";
import type { TObject } from "@sinclair/typebox";
import type { Modification } from "../core/decision.ts";
import { evaluate } from "../core/engine.ts";
import type { DetectedFacts, FactName } from "../core/facts.ts";
import type { LimitRequest, LimitStanding } from "../core/limits.ts";
import type { Phase } from "../core/phases.ts";
import {
  type CallVerdict,
  type CompiledPolicy,
  type Content,
  noContent,
  notApplicable,
  type RuleHit,
  type ToolCall,
  type Verdict,
} from "../core/policy.ts";
import type { PieceKind } from "../core/stream.ts";
import { ConfigErrors } from "./config.ts";
import {
  type CompileCel,
  type Instantiated,
  instantiate,
  instantiateDetector,
  type PluginLookup,
} from "./instantiate.ts";
import { type Plugin, PluginConfigError, type ReasonSpec, reasonCode } from "./plugin.ts";
import { guardTexts, judgeCall } from "./testing-answers.ts";
import { type SomeFacts, watchedFacts } from "./testing-facts.ts";
import { testReadme } from "./testing-readme.ts";

/** One hit that a case expects, message included. */
export type ExpectedHit<K extends string> = {
  readonly message: string;
  readonly code?: string;
  readonly status?: number;
} & (
  | { readonly deny: K }
  | { readonly warn: K }
  | { readonly modify: K; readonly modifications: readonly Modification[] }
);

/** What a case expects of the plugin. */
export type Expectation<K extends string> =
  | "allow"
  | "not_applicable"
  | ExpectedHit<K>
  | readonly ExpectedHit<K>[]
  /** Hits whose reasons are not the plugin's own; of each, the fields that are named. */
  | { readonly hits: readonly Partial<RuleHit>[] }
  /** The limits it declares, in order; of each, the fields that are named. */
  | { readonly limits: readonly Partial<LimitRequest>[] }
  /** The refusal when the limit of that name has no room left. */
  | {
      readonly exhausted: string;
      readonly used: number;
      readonly resetSeconds: number;
      readonly resetDate?: string;
      readonly expects: ExpectedHit<K> | { readonly hits: readonly [Partial<RuleHit>] };
    }
  /** What is said when the limit of that name had room. */
  | {
      readonly granted: string;
      readonly used: number;
      readonly resetSeconds: number;
      readonly resetDate?: string;
      readonly expects: ExpectedHit<K> | { readonly hits: readonly [Partial<RuleHit>] } | null;
    };

/** One behaviour of a plugin. */
export interface PluginCase<K extends string> {
  /** A sentence that states the behaviour. */
  readonly name: string;
  /** In place of the suite's config. */
  readonly config?: unknown;
  /** `request` when absent. */
  readonly phase?: Phase;
  readonly facts?: SomeFacts;
  /** The phase's texts, in order: the prompt's, or the answer's. */
  readonly content?: readonly string[];
  /** What kind of an answer's texts they are; `text` when absent. */
  readonly kind?: PieceKind;
  /** The texts that go out, where the plugin looks through answers. */
  readonly out?: readonly string[];
  /** A call in an answer, in place of texts. */
  readonly call?: ToolCall;
  /** What becomes of the call. */
  readonly becomes?: NonNullable<CallVerdict>["then"];
  readonly expects: Expectation<K>;
  /** All facts that it declares with this config, in any order; what is not declared need not be computed. */
  readonly reads?: readonly FactName[];
  /** All facts that it says are monotone, in any order. */
  readonly monotone?: readonly FactName[];
  /** All that it says of this config, with where (dotted path). */
  readonly notes?: readonly { readonly at: string; readonly message: string }[];
}

/** What a plugin that provides facts finds out of a prompt. */
export interface FactCase {
  /** A sentence that states the behaviour. */
  readonly name: string;
  /** An empty one when absent, as the host gives where the manifest says nothing. */
  readonly config?: unknown;
  readonly content: readonly string[];
  /** All that it finds out, or why it cannot. */
  readonly finds: DetectedFacts | { readonly fails: string };
}

/** A suite for one plugin. */
export interface PluginSuite<K extends string> {
  /** The plugin's folder, `import.meta.dir`: its README is tested too. */
  readonly dir: string;
  /** The config of every case that has none of its own. */
  readonly config: unknown;
  readonly cases: readonly PluginCase<K>[];
  /** What it finds out of prompts; needed of plugins that provide facts. */
  readonly facts?: readonly FactCase[];
  /** Configs that must be accepted, such as those at the bounds. */
  readonly accepts?: readonly unknown[];
  /** Configs that must be refused: where (dotted path, empty for the whole) and, if it matters, with which message. */
  readonly refuses?: readonly { readonly config: unknown; readonly at: string; readonly message?: string }[];
  /** The CEL compiler to lend; needed only by plugins that take expressions. */
  readonly cel?: CompileCel;
  /** The plugins to lend; needed only by plugins that are made of others. */
  readonly plugins?: readonly AnyPlugin[];
}

/** A plugin of any config and reasons. */
type AnyPlugin = Pick<Plugin, "name"> & { readonly config: TObject };

/**
 * Tests a plugin: the cases given, and what every plugin owes whatever it does.
 *
 * For each case: both of two instances answer as expected, twice, so `create` and the handlers keep no state; the
 * facts are frozen; and no fact is read that is not declared. For the plugin: unknown config keys are refused, every
 * reason has a case, facts that fail surface as `onError`, `dispose` may be called twice, `monotone` is true of the
 * cases, the examples are valid, and the README has its sections and its YAML blocks are accepted.
 */
export function testPlugin<C extends TObject, const R extends Readonly<Record<string, ReasonSpec>>>(
  plugin: Plugin<C, R>,
  suite: PluginSuite<keyof R & string>,
): void {
  const subject = plugin as unknown as Plugin;
  const cel = suite.cel ?? noCel;
  const lookup = lookupOf(suite.plugins ?? []);
  const make = (config: unknown) => instantiate(subject, config, cel, lookup);

  describe(plugin.name, () => {
    for (const one of suite.cases) {
      const config = one.config === undefined ? suite.config : one.config;
      test(one.name, () => {
        const first = make(config);
        const second = make(config);
        const undeclared = new Set<FactName>();
        const facts = watchedFacts(one.facts ?? {}, (name) => {
          if (!first.reads.includes(name)) undeclared.add(name);
        });
        check(subject, first, one, facts);
        check(subject, second, one, facts);
        check(subject, first, one, facts);
        expect([...undeclared], "facts read that `reads` does not declare").toEqual([]);
        checkMonotone(first, one);
        if (one.reads !== undefined) expect(sorted(first.reads)).toEqual(sorted(one.reads));
        if (one.monotone !== undefined) expect(sorted(first.monotone)).toEqual(sorted(one.monotone));
        const notes = (first.notes ?? []).map(({ path, message }) => ({ at: path.join("."), message }));
        if (one.notes !== undefined) expect(notes).toEqual([...one.notes]);
        first.dispose?.();
        first.dispose?.();
        check(subject, second, one, facts);
      });
    }

    for (const { name, config = {}, content, finds } of suite.facts ?? []) {
      test(name, async () => {
        const { facts, dispose } = instantiateDetector(subject, config, cel, lookup);
        const found = (async () => facts(contentOf(content), new AbortController().signal))();
        if ("fails" in finds) await expect(found).rejects.toMatchObject({ reason: finds.fails });
        else expect(await found).toEqual(finds);
        dispose?.();
        dispose?.();
      });
    }

    test("every fact that it provides has a case", () => {
      const provided = Object.keys(plugin.provides ?? {});
      const shown = (suite.facts ?? []).flatMap(({ finds }) => ("fails" in finds ? [] : Object.keys(finds)));
      expect(provided.filter((fact) => !shown.includes(fact))).toEqual([]);
    });

    for (const config of suite.accepts ?? []) {
      test(`accepts ${titleOf(config)}`, () => make(config).dispose?.());
    }

    for (const { config, at, message } of suite.refuses ?? []) {
      test(`refuses ${titleOf(config)}`, () => {
        const { errors } = refusal(() => make(config));
        expect(errors.map(({ path }) => path.join("."))).toContain(at);
        if (message !== undefined) expect(errors.map((error) => error.message)).toContain(message);
      });
    }

    test("refuses an unknown config key, naming it", () => {
      const { errors } = refusal(() => make({ ...(suite.config as object), no_such_key: 1 }));
      expect(errors[0]!.message).toStartWith("unknown key 'no_such_key'");
    });

    test("every declared reason has a case", () => {
      const raised = new Set(suite.cases.flatMap(({ expects }) => reasonsOf(expects)));
      expect(Object.keys(plugin.reasons).filter((reason) => !raised.has(reason))).toEqual([]);
    });

    test("every example is accepted, and there is one", () => {
      expect(plugin.examples?.length ?? 0).toBeGreaterThan(0);
      for (const example of plugin.examples ?? []) make(example).dispose?.();
    });

    test("every config field says what it is", () => {
      const silent = Object.entries(plugin.config.properties).filter(([, field]) => !field.description);
      expect(silent.map(([name]) => name)).toEqual([]);
    });

    test("a fact that cannot be computed becomes onError, not an answer", () => {
      for (const one of suite.cases) checkFailingFacts(subject, make(one.config ?? suite.config));
    });

    testReadme(subject, suite.dir, make);
  });
}

function sorted(names: readonly FactName[] = []): readonly FactName[] {
  return [...names].sort();
}

/** A config on one line, cut where it is long. */
function titleOf(config: unknown): string {
  const text = JSON.stringify(config);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function check<K extends string>(
  plugin: Plugin,
  instance: Instantiated,
  one: PluginCase<K>,
  facts: ReturnType<typeof watchedFacts>,
): void {
  const { phase = "request", expects, content } = one;
  if (typeof expects === "object" && "limits" in expects) {
    expect(instance.limits?.(facts) as unknown).toMatchObject(expects.limits as unknown as object);
    expect(instance.limits?.(facts)).toHaveLength(expects.limits.length);
    return;
  }
  if (typeof expects === "object" && "exhausted" in expects) {
    const limit = instance.limits?.(facts).find(({ name }) => name === expects.exhausted);
    expect(limit, `a limit named '${expects.exhausted}'`).toBeDefined();
    const hit = instance.limitHit?.(limit!, standingOf(expects));
    const wanted = "hits" in expects.expects ? expects.expects.hits[0] : toHit(plugin, expects.expects);
    expect([hit] as unknown[]).toMatchObject([wanted]);
    return;
  }
  if (typeof expects === "object" && "granted" in expects) {
    const limit = instance.limits?.(facts).find(({ name }) => name === expects.granted);
    expect(limit, `a limit named '${expects.granted}'`).toBeDefined();
    const hit = instance.limitGranted?.(limit!, standingOf(expects)) ?? null;
    if (expects.expects === null) expect(hit).toBeNull();
    else {
      const wanted = "hits" in expects.expects ? expects.expects.hits[0] : toHit(plugin, expects.expects);
      expect([hit] as unknown[]).toMatchObject([wanted]);
    }
    return;
  }
  const ask = instance.evaluate[phase];
  const guards = ask === undefined && (phase === "response" || phase === "stream") && instance.answer !== undefined;
  if (!guards) expect(ask, `a handler for phase '${phase}'`).toBeDefined();
  const verdict = guards ? askAnswer(instance, one) : ask!(facts, contentOf(content));
  if (expects === "allow") expect(hitsOf(verdict)).toEqual([]);
  else if (expects === "not_applicable") expect(verdict).toBe(notApplicable);
  else {
    const wanted = "hits" in (expects as object) ? (expects as { hits: readonly Partial<RuleHit>[] }).hits : named();
    expect(hitsOf(verdict)).toHaveLength(wanted.length);
    expect(hitsOf(verdict) as unknown[]).toMatchObject([...wanted]);
  }

  function named(): readonly Partial<RuleHit>[] {
    const hits: readonly ExpectedHit<K>[] = Array.isArray(expects) ? expects : [expects as ExpectedHit<K>];
    return hits.map((hit) => toHit(plugin, hit));
  }
}

/** What it finds in an answer, and what goes out of it. */
function askAnswer<K extends string>({ answer }: Instantiated, one: PluginCase<K>): Verdict {
  if (one.call !== undefined) {
    const verdict = judgeCall(answer!, one.call);
    if (one.becomes !== undefined) expect(verdict?.then as unknown).toEqual(one.becomes);
    return verdict === null ? null : [verdict.hit];
  }
  const { hits, out } = guardTexts(answer!, one.kind ?? "text", one.content ?? []);
  if (one.out !== undefined) expect(out).toEqual(one.out);
  return hits.length === 0 ? null : hits;
}

function standingOf({ used, resetSeconds, resetDate }: LimitStanding): LimitStanding {
  return { used, resetSeconds, ...(resetDate !== undefined && { resetDate }) };
}

function contentOf(texts: readonly string[] | undefined): Content {
  if (texts === undefined) return noContent;
  const frozen = Object.freeze([...texts]);
  return { texts: () => frozen };
}

function lookupOf(plugins: readonly AnyPlugin[]): PluginLookup {
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin as unknown as Plugin]));
  return { get: (name) => byName.get(name), names: () => [...byName.keys()].sort() };
}

/** A smaller value of a monotone fact may silence a hit and never cause one. */
function checkMonotone<K extends string>(
  instance: Instantiated,
  { phase = "request", facts = {}, content }: PluginCase<K>,
): void {
  const ask = instance.evaluate[phase];
  for (const name of ask === undefined ? [] : (instance.monotone ?? [])) {
    const [root, field] = name.split(".") as [keyof SomeFacts, string];
    const smaller = { ...facts, [root]: { ...(facts[root] as object | undefined), [field]: 0 } };
    const before = hitsOf(
      ask!(
        watchedFacts(facts, () => {}),
        contentOf(content),
      ),
    );
    const after = hitsOf(
      ask!(
        watchedFacts(smaller, () => {}),
        contentOf(content),
      ),
    );
    if (before.length === 0) expect(after, `hits once ${name} is 0`).toEqual([]);
  }
}

function checkFailingFacts(plugin: Plugin, instance: Instantiated): void {
  for (const phase of plugin.phases) {
    if (instance.evaluate[phase] === undefined) continue;
    let read = false;
    const facts = watchedFacts({}, () => {
      read = true;
      throw new Error("this fact could not be computed");
    });
    const decision = evaluate([asPolicy(plugin, instance)], phase, facts);
    if (!read) continue;
    expect(decision.outcome).toBe("error");
    expect(decision.effect).toBe(plugin.onError);
  }
}

function asPolicy(plugin: Plugin, instance: Instantiated): CompiledPolicy {
  const { name, summary, onError } = plugin;
  return { ...instance, id: name, description: summary, mode: "enforce", onError, priority: 0, scope: {}, uses: name };
}

function hitsOf(verdict: Verdict): readonly RuleHit[] {
  return verdict === null || verdict === notApplicable ? [] : verdict;
}

function toHit<K extends string>(plugin: Plugin, hit: ExpectedHit<K>): Partial<RuleHit> {
  const [effect, rule] =
    "deny" in hit ? ["deny", hit.deny] : "warn" in hit ? ["warn", hit.warn] : ["modify", hit.modify];
  const spec = plugin.reasons[rule as string];
  expect(spec, `a reason '${rule}'`).toBeDefined();
  return {
    rule: rule as string,
    effect: effect as RuleHit["effect"],
    message: hit.message,
    code: hit.code ?? reasonCode(rule as string, spec!),
    status: hit.status ?? spec!.status ?? 403,
    ...("modifications" in hit && { modifications: hit.modifications }),
  };
}

function reasonsOf<K extends string>(expects: Expectation<K>): string[] {
  if (typeof expects === "string" || "limits" in expects || "hits" in expects) return [];
  if ("exhausted" in expects) return reasonsOf(expects.expects);
  if ("granted" in expects) return expects.expects === null ? [] : reasonsOf(expects.expects);
  const hits: readonly ExpectedHit<K>[] = Array.isArray(expects) ? expects : [expects as ExpectedHit<K>];
  return hits.map((hit) => ("deny" in hit ? hit.deny : "warn" in hit ? hit.warn : hit.modify));
}

function refusal(action: () => unknown): ConfigErrors {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigErrors) return error;
    throw error;
  }
  throw new Error("the config was accepted");
}

function noCel(path: string): never {
  throw new PluginConfigError(path, "this test lends no CEL compiler; give testPlugin one with `cel`");
}
