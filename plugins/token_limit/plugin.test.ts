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
    { name: "a request at the maxima passes", facts: asks(700, 500), expects: "allow" },
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
      name: "a limit on the completion alone does not count the prompt",
      config: { max_completion_tokens: 100 },
      facts: asks(999_999, 100),
      expects: "allow",
    },
  ],
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
