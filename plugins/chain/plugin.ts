import {
  definePlugin,
  type FactName,
  type NestedLimit,
  type NestedPolicy,
  PluginConfigError,
  type PluginInstance,
  type RuleHit,
  t,
} from "../../src/sdk/index.ts";
import { joinAnswers } from "./answers.ts";
import { type Judge, judgeAll, judgeAny, judgeFirst, type Phase, type Step } from "./steps.ts";

const phases = ["request", "stream", "response", "usage"] as const;

/**
 * Makes one policy of several policy types, with one refusal.
 *
 * What several policies cannot say: that one of them is enough, or that the first one to speak decides.
 */
export default definePlugin({
  name: "chain",
  summary: "Joins several policy types into one policy with one refusal.",
  onError: "deny",
  phases,
  config: t.Object({
    mode: t.Union([t.Literal("all"), t.Literal("first_match"), t.Literal("any")], {
      default: "all",
      description:
        "Whether every step must let the request pass, the first that says anything decides, or one is enough.",
    }),
    steps: t.Array(
      t.Object({
        name: t.Optional(
          t.String({
            pattern: "^[a-z][a-z0-9_]*$",
            maxLength: 64,
            description: "What its findings and counters are called; its place, from 1, when absent.",
          }),
        ),
        uses: t.String({ minLength: 1, description: "A policy type; not one that is itself made of others." }),
        with: t.Optional(t.Object({}, { additionalProperties: true, description: "The policy type's config." })),
      }),
      { minItems: 1, maxItems: 20, description: "Policy types with their configs, in order." },
    ),
    message: t.Optional(
      t.String({ minLength: 1, maxLength: 1000, description: "Said in place of the refusing step's words." }),
    ),
    code: t.Optional(t.String({ pattern: "^[a-z][a-z0-9_]*$", description: "In place of the refusing step's code." })),
    status: t.Optional(
      t.Integer({ minimum: 400, maximum: 599, description: "In place of the refusing step's HTTP status." }),
    ),
  }),
  reads: [],
  reasons: { noStepPasses: { message: "None of the ways in which the request could pass is open: {refusals}" } },
  examples: [
    {
      mode: "all",
      steps: [
        { uses: "request_size", with: { max_request_bytes: 1_000_000 } },
        { name: "rate", uses: "rate_limit", with: { requests_per_minute: 60 } },
      ],
    },
    {
      mode: "any",
      steps: [
        { uses: "model_allowlist", with: { allowed_model_ids: ["gpt-4o-mini"] } },
        { uses: "time_window", with: { windows: [{ from: "18:00", to: "08:00" }] } },
      ],
      message: "By day only gpt-4o-mini answers here.",
    },
  ],

  create({ mode, steps: configs, message, code, status }, { deny, plugin }) {
    const steps = configs.map(({ name, uses, with: config }, i) => ({
      label: name ?? String(i + 1),
      policy: plugin(`steps.${i}`, uses, config),
    }));
    checkNames(steps);
    if (mode !== "all") checkNoAnswers(steps, mode);
    if (mode === "any") checkAlternatives(steps);

    const inOwnWords = (hit: RuleHit): RuleHit => ({
      ...hit,
      ...(message !== undefined && { message }),
      ...(code !== undefined && { code }),
      ...(status !== undefined && { status }),
    });
    const none = (refusals: readonly RuleHit[]) =>
      deny("noStepPasses", { refusals: refusals.map((refusal) => refusal.message).join(" ") });
    const judge = (phase: Phase) => {
      if (mode === "any") return judgeAny(steps, phase, none);
      return (mode === "all" ? judgeAll : judgeFirst)(steps, phase);
    };
    const handlers = phases.flatMap((phase) => {
      const asked = judge(phase);
      return asked === undefined ? [] : [[phase, renamed(asked, inOwnWords)] as const];
    });

    const answer = joinAnswers(steps, inOwnWords);
    const limiting = steps.filter(({ policy }) => policy.limits !== undefined);
    const instance: PluginInstance<"noStepPasses"> = {
      ...Object.fromEntries(handlers),
      ...(answer && { answer }),
      reads: [...new Set(steps.flatMap(({ policy }) => policy.reads))],
      monotone: mode === "any" ? [] : monotoneOf(steps.map(({ policy }) => policy)),
      rules: [
        ...(mode === "any" ? [{ id: "noStepPasses", effect: "deny" as const, code: code ?? "no_step_passes" }] : []),
        ...steps.flatMap(({ label, policy }) => policy.rules.map((rule) => ({ ...rule, id: `${label}.${rule.id}` }))),
      ],
      dispose() {
        for (const { policy } of steps) policy.dispose?.();
      },
    };
    if (limiting.length === 0) return instance;
    return {
      ...instance,
      limits: (facts) => limiting.flatMap((step) => limitsOf(step, facts)),
      granted: (limit, standing) => (limit as Partial<NestedLimit>).whenGranted?.(standing) ?? null,
    };
  },
});

type Standing = Parameters<NestedLimit["refusal"]>[0];

/** The step's limits; their counters are told apart by its label. */
function limitsOf({ label, policy }: Step, facts: Parameters<NonNullable<NestedPolicy["limits"]>>[0]) {
  return policy.limits!(facts).map((limit) => ({
    ...limit,
    name: `${label}.${limit.name}`,
    refusal: (standing: Standing) => {
      const hit = limit.refusal(standing);
      return { ...hit, rule: `${label}.${hit.rule}` };
    },
    ...(limit.whenGranted && {
      whenGranted: (standing: Standing) => {
        const hit = limit.whenGranted!(standing);
        return hit && { ...hit, rule: `${label}.${hit.rule}` };
      },
    }),
  }));
}

function renamed(judge: Judge, inOwnWords: (hit: RuleHit) => RuleHit): Judge {
  return (facts, content) => {
    const verdict = judge(facts, content);
    return Array.isArray(verdict) ? verdict.map((hit) => (hit.effect === "deny" ? inOwnWords(hit) : hit)) : verdict;
  };
}

/** The facts of which a smaller value makes no step hit that a larger one does not. */
function monotoneOf(policies: readonly NestedPolicy[]): readonly FactName[] {
  const all = [...new Set(policies.flatMap(({ monotone }) => monotone ?? []))];
  return all.filter((fact) =>
    policies.every(({ reads, monotone }) => !reads.includes(fact) || monotone?.includes(fact)),
  );
}

function checkNames(steps: readonly Step[]): void {
  for (const [i, { label }] of steps.entries()) {
    if (steps.findIndex((step) => step.label === label) === i) continue;
    throw new PluginConfigError(`steps.${i}.name`, `the name '${label}' is there twice`);
  }
}

/** What is in an answer shows bit by bit: no step can wait for what another one says of the whole. */
function checkNoAnswers(steps: readonly Step[], mode: string): void {
  for (const [i, { policy }] of steps.entries()) {
    if (policy.answer === undefined) continue;
    const message = `a step that looks for something in answers goes only with mode all, not with mode ${mode}`;
    throw new PluginConfigError(`steps.${i}.uses`, message);
  }
}

/** In mode any each step must be able to stand in for each other one. */
function checkAlternatives(steps: readonly Step[]): void {
  const phasesOf = ({ policy }: Step) => phases.filter((phase) => policy.evaluate[phase] !== undefined).join(", ");
  for (const [i, step] of steps.entries()) {
    // What is taken from counters is taken whatever the other steps say.
    if (step.policy.limits !== undefined) {
      const message =
        "a step that takes from counters cannot be one of several ways to pass; use mode all or first_match";
      throw new PluginConfigError(`steps.${i}.uses`, message);
    }
    const [first, own] = [phasesOf(steps[0]!), phasesOf(step)];
    if (first === own) continue;
    const message = `it is asked in ${own} and the first step in ${first}; in mode any all are asked in the same phases`;
    throw new PluginConfigError(`steps.${i}.uses`, message);
  }
}
