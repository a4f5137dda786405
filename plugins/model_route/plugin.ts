import {
  compileGlobs,
  definePlugin,
  type FactName,
  type Facts,
  modelName,
  PluginConfigError,
  t,
} from "../../src/sdk/index.ts";

const tokens = (description: string) => t.Optional(t.Integer({ minimum: 0, description }));

const routeSchema = t.Object({
  from: t.Array(modelName({ minLength: 1 }), {
    minItems: 1,
    description: "Models that are asked for; * and ? are wildcards, case does not matter.",
  }),
  to: modelName({ pattern: "^[!-~]{1,256}$", description: "The model that answers instead." }),
  when: t.Optional(
    t.Object(
      {
        min_prompt_tokens: tokens("The prompt has at least so many tokens."),
        max_prompt_tokens: tokens("The prompt has at most so many tokens."),
        labels: t.Optional(
          t.Record(t.String(), t.String(), {
            minProperties: 1,
            description: "Labels that the application, or else its organisation, has.",
          }),
        ),
        env: t.Optional(
          t.Array(t.String({ minLength: 1 }), { minItems: 1, description: "Environments of the gateway key." }),
        ),
        has_tools: t.Optional(t.Boolean({ description: "Whether tools are offered." })),
        has_images: t.Optional(t.Boolean({ description: "Whether a message holds an image." })),
      },
      { minProperties: 1, description: "What must all be true for the route to be taken; always when absent." },
    ),
  ),
});

/** A condition of a route and the facts it reads. */
interface Condition {
  readonly reads: readonly FactName[];
  readonly test: (facts: Facts) => boolean;
}

/**
 * Sends requests for some models to another one, such as short prompts to a cheaper one.
 *
 * The first route that fits is taken, and a request is routed once: the host asks the rules of the model it goes to, and
 * refuses what would be routed on from there.
 */
export default definePlugin({
  name: "model_route",
  summary: "Routes requests for some models to another one.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    routes: t.Array(routeSchema, { minItems: 1, maxItems: 100, description: "The first that fits is taken." }),
  }),
  reads: ["request.model"],
  reasons: { modelRouted: { message: "Requests for the model '{from}' are answered by '{to}' here." } },
  examples: [
    { routes: [{ from: ["gpt-4o"], to: "gpt-4o-mini", when: { max_prompt_tokens: 500, has_images: false } }] },
    {
      routes: [
        { from: ["claude-opus-*"], to: "claude-haiku-4-5", when: { labels: { tier: "free" } } },
        { from: ["claude-3-*"], to: "claude-sonnet-4-6" },
      ],
    },
  ],

  create({ routes }, { modify }) {
    const compiled = routes.map(({ from, to, when = {} }) => ({
      to,
      fits: compileGlobs(from),
      conditions: conditionsOf(when),
    }));
    for (const [i, { from, to, when }] of routes.entries()) {
      const { min_prompt_tokens: min = 0, max_prompt_tokens: max = Number.POSITIVE_INFINITY } = when ?? {};
      if (min > max) {
        throw new PluginConfigError(`routes.${i}.when`, `no prompt has at least ${min} and at most ${max} tokens`);
      }
      const next = compiled.findIndex((route) => route.fits(to) && route.conditions.length === 0);
      if (next >= 0 && routes[next]!.to !== to) {
        const message = `'${to}' is itself routed, to '${routes[next]!.to}'; a request is routed once, so name the last model`;
        throw new PluginConfigError(`routes.${i}.to`, message);
      }
      const earlier = compiled
        .slice(0, i)
        .findIndex((route, j) => route.conditions.length === 0 && covers(routes[j]!.from, from));
      if (earlier >= 0)
        throw new PluginConfigError(`routes.${i}`, `never taken: routes.${earlier} takes every such request`);
    }
    const conditions = compiled.flatMap((route) => route.conditions);
    const reads = [...new Set(conditions.flatMap((condition) => condition.reads))];
    // A shorter prompt can open a route only where one has a greatest length.
    const rises = routes.every(({ when }) => when?.max_prompt_tokens === undefined);

    return {
      reads,
      monotone: rises ? ["request.estimated_tokens"] : [],
      request(facts) {
        const { model } = facts.request;
        const route = compiled.find(
          ({ fits, conditions }) => fits(model) && conditions.every(({ test }) => test(facts)),
        );
        if (route === undefined || route.to === model) return null;
        return modify("modelRouted", { from: model, to: route.to }, [{ op: "route", path: "model", value: route.to }]);
      },
    };
  },
});

/** What is cheap to know goes first: the tokens of a prompt are counted only when somebody reads them. */
function conditionsOf(when: NonNullable<(typeof routeSchema)["static"]["when"]>): readonly Condition[] {
  const { env, labels, has_tools, has_images, min_prompt_tokens, max_prompt_tokens } = when;
  const all: (Condition | undefined)[] = [
    env && { reads: ["app.env"], test: ({ app }) => env.includes(app.env) },
    labels && {
      reads: ["app.labels", "org.labels"],
      test: ({ app, org }) =>
        Object.entries(labels).every(([name, value]) => (app.labels[name] ?? org.labels[name]) === value),
    },
    has_tools === undefined
      ? undefined
      : { reads: ["request.tool_count"], test: ({ request }) => request.tool_count > 0 === has_tools },
    has_images === undefined
      ? undefined
      : { reads: ["request.has_images"], test: ({ request }) => request.has_images === has_images },
    min_prompt_tokens === undefined
      ? undefined
      : {
          reads: ["request.estimated_tokens"],
          test: ({ request }) => request.estimated_tokens >= min_prompt_tokens,
        },
    max_prompt_tokens === undefined
      ? undefined
      : {
          reads: ["request.estimated_tokens"],
          test: ({ request }) => request.estimated_tokens <= max_prompt_tokens,
        },
  ];
  return all.filter((condition) => condition !== undefined);
}

/** Whether every name that fits the later globs fits the earlier ones. Says no when in doubt. */
function covers(earlier: readonly string[], later: readonly string[]): boolean {
  const sure = compileGlobs(earlier.filter((glob) => !glob.includes("?")));
  return later.every(sure);
}
