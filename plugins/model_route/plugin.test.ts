import { testPlugin } from "../../src/sdk/testing.ts";
import modelRoute from "./plugin.ts";

const asked = (model: string, more: object = {}) => ({ request: { model, ...more } });
const routed = (from: string, to: string) => ({
  modify: "modelRouted" as const,
  code: "model_routed",
  message: `Requests for the model '${from}' are answered by '${to}' here.`,
  modifications: [{ op: "route" as const, path: "model", value: to }],
});
const many = (count: number) => Array.from({ length: count }, (_, i) => ({ from: [`a${i}`], to: "b" }));
const only = (when: object) => ({ routes: [{ from: ["a"], to: "b", when }] });

testPlugin(modelRoute, {
  dir: import.meta.dir,
  config: {
    routes: [
      { from: ["gpt-4o", "gpt-4.1*"], to: "gpt-4o-mini", when: { max_prompt_tokens: 500 } },
      { from: ["gpt-4o"], to: "gpt-4.1" },
      { from: ["claude-3-*"], to: "claude-sonnet-4-6" },
    ],
  },
  cases: [
    {
      name: "a request that fits is routed",
      facts: asked("gpt-4o", { estimated_tokens: 500 }),
      expects: routed("gpt-4o", "gpt-4o-mini"),
    },
    {
      name: "names are compared without regard to case, and stay as they were written",
      facts: asked("GPT-4.1-nano"),
      expects: routed("GPT-4.1-nano", "gpt-4o-mini"),
    },
    {
      name: "the first route that fits is taken, and a later one where its condition is not met",
      facts: asked("gpt-4o", { estimated_tokens: 501 }),
      expects: routed("gpt-4o", "gpt-4.1"),
    },
    { name: "a request that fits no route is left alone", facts: asked("o1"), expects: "allow" },
    {
      name: "a wildcard covers the whole name",
      facts: asked("claude-3-opus"),
      expects: routed("claude-3-opus", "claude-sonnet-4-6"),
    },
    {
      name: "a name that only begins like a listed one is left alone",
      facts: asked("gpt-4o-mini"),
      expects: "allow",
    },
    {
      name: "a request for the model itself is left alone, so it is not routed again",
      config: { routes: [{ from: ["gpt-*"], to: "gpt-4o-mini" }] },
      facts: asked("gpt-4o-mini"),
      expects: "allow",
    },
    {
      name: "a long prompt is routed to a model that takes it",
      config: only({ min_prompt_tokens: 1000 }),
      facts: asked("a", { estimated_tokens: 1000 }),
      expects: routed("a", "b"),
    },
    {
      name: "a shorter one is not",
      config: only({ min_prompt_tokens: 1000 }),
      facts: asked("a", { estimated_tokens: 999 }),
      expects: "allow",
      reads: ["request.model", "request.estimated_tokens"],
      monotone: ["request.estimated_tokens"],
    },
    {
      name: "where a route is for short prompts, fewer tokens can open it",
      config: only({ max_prompt_tokens: 1000 }),
      facts: asked("a", { estimated_tokens: 1001 }),
      expects: "allow",
      monotone: [],
    },
    {
      name: "and so it is where only one of the routes is",
      config: {
        routes: [
          { from: ["a"], to: "b", when: { max_prompt_tokens: 10 } },
          { from: ["a"], to: "c", when: { env: ["e"], min_prompt_tokens: 20 } },
        ],
      },
      facts: { ...asked("a", { estimated_tokens: 20 }), app: { env: "e" } },
      expects: routed("a", "c"),
      monotone: [],
    },
    {
      name: "an empty prompt fits a route for those of at most 0 tokens",
      config: only({ max_prompt_tokens: 0 }),
      facts: asked("a"),
      expects: routed("a", "b"),
    },
    {
      name: "prompts of one length alone can be routed",
      config: only({ min_prompt_tokens: 5, max_prompt_tokens: 5 }),
      facts: asked("a", { estimated_tokens: 5 }),
      expects: routed("a", "b"),
    },
    {
      name: "what no route asks for is not read",
      config: { routes: [{ from: ["a"], to: "b" }] },
      facts: asked("a"),
      expects: routed("a", "b"),
      reads: ["request.model"],
    },
    {
      name: "the label of an application goes before its organisation's",
      config: only({ labels: { tier: "free" } }),
      facts: { ...asked("a"), app: { labels: { tier: "paid" } }, org: { labels: { tier: "free" } } },
      expects: "allow",
    },
    {
      name: "the label of an organisation holds where the application has none",
      config: only({ labels: { tier: "free" } }),
      facts: { ...asked("a"), app: { labels: { team: "x" } }, org: { labels: { tier: "free" } } },
      expects: routed("a", "b"),
    },
    {
      name: "one label of several is not enough",
      config: only({ labels: { tier: "free", region: "eu" } }),
      facts: { ...asked("a"), app: { labels: { tier: "free" } }, org: { labels: { region: "us" } } },
      expects: "allow",
    },
    {
      name: "a request without tools is routed where that is asked for",
      config: only({ has_tools: false }),
      facts: asked("a"),
      expects: routed("a", "b"),
    },
    {
      name: "all conditions must be met",
      config: only({ env: ["dev"], has_tools: false, has_images: false, max_prompt_tokens: 10 }),
      facts: { ...asked("a", { tool_count: 1 }), app: { env: "dev" } },
      expects: "allow",
    },
    {
      name: "and then the request is routed",
      config: only({ env: ["dev"], has_tools: true, has_images: true }),
      facts: { ...asked("a", { tool_count: 1, has_images: true }), app: { env: "dev" } },
      expects: routed("a", "b"),
    },
    {
      name: "another environment is left alone",
      config: only({ env: ["dev"] }),
      facts: { ...asked("a"), app: { env: "prod" } },
      expects: "allow",
    },
    {
      name: "images keep a request where it is",
      config: only({ has_images: false }),
      facts: asked("a", { has_images: true }),
      expects: "allow",
    },
  ],
  accepts: [
    { routes: many(100) },
    // A route with a condition leaves requests to a later one for the same model.
    {
      routes: [
        { from: ["a"], to: "b", when: { has_tools: true } },
        { from: ["a"], to: "c" },
      ],
    },
    // Not every request of the second route is the first one's.
    {
      routes: [
        { from: ["a1"], to: "b" },
        { from: ["a1", "a2"], to: "c" },
      ],
    },
    // Whether a pattern with '?' takes all that another one does is not known.
    {
      routes: [
        { from: ["a?"], to: "b" },
        { from: ["a1"], to: "c" },
      ],
    },
    // A model may be routed to although it is among those that are routed there.
    { routes: [{ from: ["a*"], to: "a1" }] },
  ],
  refuses: [
    { config: { routes: [] }, at: "routes" },
    { config: { routes: many(101) }, at: "routes" },
    { config: { routes: [{ from: [], to: "b" }] }, at: "routes.0.from" },
    { config: { routes: [{ from: [""], to: "b" }] }, at: "routes.0.from.0" },
    { config: { routes: [{ from: ["a"], to: "b c" }] }, at: "routes.0.to" },
    { config: only({ labels: {} }), at: "routes.0.when.labels" },
    { config: only({ env: [] }), at: "routes.0.when.env" },
    { config: only({ env: [""] }), at: "routes.0.when.env.0" },
    { config: only({ min_prompt_tokens: -1 }), at: "routes.0.when.min_prompt_tokens" },
    { config: { routes: [{ from: ["a"], to: "b", when: {} }] }, at: "routes.0.when" },
    { config: { routes: [{ from: ["a"], to: "b", when: { tokens: 5 } }] }, at: "routes.0.when.tokens" },
    {
      config: only({ min_prompt_tokens: 10, max_prompt_tokens: 5 }),
      at: "routes.0.when",
      message: "no prompt has at least 10 and at most 5 tokens",
    },
    {
      config: {
        routes: [
          { from: ["a"], to: "b" },
          { from: ["b"], to: "c" },
        ],
      },
      at: "routes.0.to",
      message: "'b' is itself routed, to 'c'; a request is routed once, so name the last model",
    },
    {
      config: {
        routes: [
          { from: ["a*"], to: "b" },
          { from: ["a1", "a2*"], to: "c" },
        ],
      },
      at: "routes.1",
      message: "never taken: routes.0 takes every such request",
    },
    {
      config: {
        routes: [
          { from: ["x"], to: "y" },
          { from: ["a"], to: "b" },
          { from: ["a"], to: "c" },
        ],
      },
      at: "routes.2",
      message: "never taken: routes.1 takes every such request",
    },
    {
      config: {
        routes: [
          { from: ["b"], to: "c" },
          { from: ["a"], to: "b" },
        ],
      },
      at: "routes.1.to",
      message: "'b' is itself routed, to 'c'; a request is routed once, so name the last model",
    },
  ],
});
