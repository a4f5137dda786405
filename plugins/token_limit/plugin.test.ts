import { testPlugin } from "../../src/sdk/testing.ts";
import tokenLimit from "./plugin.ts";

/** A request as facts: prompt tokens, and the maximum asked for, or the model's own when none was. */
const asks = (estimated_tokens: number, asked: number, ofModel = 16_384, choices = 1) => ({
  request: {
    estimated_tokens,
    max_tokens_requested: asked * choices,
    max_tokens: (asked || ofModel) * choices,
    choices,
  },
});
const cap = (value: number) => ({
  modify: "completionCapped" as const,
  code: "token_limit_capped",
  message: `The request names no maximum of completion tokens and is given ${value}.`,
  modifications: [{ op: "cap", path: "max_tokens", value } as const],
});

testPlugin(tokenLimit, {
  dir: import.meta.dir,
  config: { max_prompt_tokens: 1000, max_completion_tokens: 500, max_total_tokens: 1200 },
  cases: [
    { name: "a request at the maxima passes", facts: asks(700, 500), expects: "allow", notes: [] },
    {
      name: "parts that the total closes first are told",
      config: { max_prompt_tokens: 100, max_completion_tokens: 101, max_total_tokens: 100 },
      facts: asks(50, 50),
      expects: "allow",
      notes: [
        {
          at: "max_prompt_tokens",
          message: "100 is never reached: prompt and completion together may take 100 tokens",
        },
        {
          at: "max_completion_tokens",
          message: "101 is never reached: prompt and completion together may take 100 tokens",
        },
      ],
    },
    {
      name: "a prompt that is too long is refused",
      facts: asks(1001, 1),
      expects: {
        deny: "promptTooLong",
        code: "token_limit_exceeded",
        status: 403,
        message: "The prompt is 1001 tokens, the most accepted is 1000.",
      },
    },
    {
      name: "asking for too long a completion is refused",
      facts: asks(10, 501),
      expects: {
        deny: "completionTooLong",
        code: "token_limit_exceeded",
        message: "The request asks for 501 completion tokens, the most accepted is 500.",
      },
    },
    {
      name: "choices count together",
      facts: asks(10, 200, 0, 3),
      expects: {
        deny: "completionTooLong",
        message: "The request asks for 600 completion tokens, the most accepted is 500.",
      },
    },
    {
      name: "prompt and completion together are limited too",
      facts: asks(800, 401),
      expects: {
        deny: "totalTooLong",
        code: "token_limit_exceeded",
        message: "The prompt and completion may take 1201 tokens together, the most accepted is 1200.",
      },
    },
    { name: "leaving the maximum out is no way under the limit: it is capped", facts: asks(10, 0), expects: cap(500) },
    { name: "a capped completion leaves room for the prompt in the total", facts: asks(900, 0), expects: cap(300) },
    { name: "a cap is shared between the choices", facts: asks(10, 0, 16_384, 4), expects: cap(125) },
    { name: "a model whose maximum is unknown is capped", facts: asks(10, 0, 0), expects: cap(500) },
    { name: "a model whose own maximum is below the limit is left alone", facts: asks(10, 0, 400), expects: "allow" },
    {
      name: "a prompt that leaves no room for an answer is refused",
      config: { max_total_tokens: 100 },
      facts: asks(100, 0),
      expects: {
        deny: "totalTooLong",
        message: "The prompt and completion may take 101 tokens together, the most accepted is 100.",
      },
    },
    {
      name: "more choices than tokens are refused",
      config: { max_completion_tokens: 3 },
      facts: asks(10, 0, 16_384, 4),
      expects: {
        deny: "completionTooLong",
        message: "The request asks for 4 completion tokens, the most accepted is 3.",
      },
    },
    {
      name: "a limit on the prompt alone says nothing of the completion",
      config: { max_prompt_tokens: 100 },
      facts: asks(100, 0, 0),
      expects: "allow",
    },
    {
      name: "a limit on the prompt alone holds whatever completion is asked for",
      config: { max_prompt_tokens: 100 },
      facts: asks(101, 5),
      expects: { deny: "promptTooLong", message: "The prompt is 101 tokens, the most accepted is 100." },
    },
    {
      name: "a limit on the completion alone does not count the prompt",
      config: { max_completion_tokens: 100 },
      facts: asks(999_999, 100),
      expects: "allow",
      reads: ["request.surface", "request.max_tokens", "request.max_tokens_requested", "request.choices"],
      monotone: [],
    },
    {
      name: "a limit on the completion alone is given whole, whatever the prompt",
      config: { max_completion_tokens: 100 },
      facts: asks(999_999, 0),
      expects: cap(100),
    },
    {
      name: "a client that asks for a single token is held to the limits",
      config: { max_total_tokens: 10 },
      facts: asks(10, 1),
      expects: {
        deny: "totalTooLong",
        message: "The prompt and completion may take 11 tokens together, the most accepted is 10.",
      },
      notes: [],
    },
    {
      name: "a model whose own maximum is a single token is left alone",
      config: { max_completion_tokens: 5 },
      facts: asks(10, 0, 1),
      expects: "allow",
    },
    {
      name: "a model whose own maximum is the limit is left alone",
      config: { max_completion_tokens: 500 },
      facts: asks(10, 0, 500),
      expects: "allow",
    },
    {
      name: "a request that says nothing of choices asks for one",
      config: { max_completion_tokens: 500 },
      facts: { request: { estimated_tokens: 10 } },
      expects: cap(500),
    },
    {
      name: "where nothing is written, the prompt alone counts, and nothing is capped",
      facts: { request: { surface: "embeddings", estimated_tokens: 1000, max_tokens: 0, choices: 1 } },
      expects: "allow",
    },
    {
      name: "it counts towards the total as well",
      config: { max_total_tokens: 99, max_completion_tokens: 5 },
      facts: { request: { surface: "embeddings", estimated_tokens: 100, choices: 1 } },
      expects: {
        deny: "totalTooLong",
        message: "The prompt and completion may take 100 tokens together, the most accepted is 99.",
      },
    },
    {
      name: "and fits when it is as much",
      config: { max_total_tokens: 99 },
      facts: { request: { surface: "embeddings", estimated_tokens: 99, choices: 1 } },
      expects: "allow",
    },
    {
      name: "one token for each choice is given",
      config: { max_completion_tokens: 4 },
      facts: asks(10, 0, 16_384, 4),
      expects: cap(1),
    },
    {
      name: "where as many completion tokens as choices are accepted, it is the total that refuses",
      config: { max_completion_tokens: 4, max_total_tokens: 12 },
      facts: asks(10, 0, 16_384, 4),
      expects: {
        deny: "totalTooLong",
        message: "The prompt and completion may take 14 tokens together, the most accepted is 12.",
      },
    },
  ],
  accepts: [{ max_prompt_tokens: 1 }],
  refuses: [
    {
      config: {},
      at: "",
      message: "set at least one of max_prompt_tokens, max_completion_tokens, max_total_tokens",
    },
    { config: { max_prompt_tokens: 0 }, at: "max_prompt_tokens" },
    { config: { max_total_tokens: null }, at: "max_total_tokens" },
  ],
});
