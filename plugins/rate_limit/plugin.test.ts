import { expect, test } from "bun:test";
import { instantiate } from "../../src/sdk/instantiate.ts";
import { testPlugin } from "../../src/sdk/testing.ts";
import rateLimit from "./plugin.ts";

const asks = (estimated_tokens: number, asked: number, ofModel = 16_384, choices = 1) => ({
  request: {
    estimated_tokens,
    max_tokens_requested: asked * choices,
    max_tokens: (asked || ofModel) * choices,
    choices,
  },
});
const everybody = ["org", "team", "app", "env", "key", "user", "model", "provider"] as const;
const everybodyFacts = [
  ...(["org.id", "team.id", "app.id", "app.env", "key.id", "user.id"] as const),
  ...(["request.model", "request.provider"] as const),
];
const completionFacts = [
  "request.surface",
  "request.max_tokens",
  "request.max_tokens_requested",
  "request.choices",
] as const;
const minute = { every: "minute" } as const;

testPlugin(rateLimit, {
  dir: import.meta.dir,
  config: { requests_per_minute: 60, tokens_per_minute: 40_000 },
  cases: [
    {
      name: "requests and tokens per minute are reserved together, per application",
      facts: asks(300, 700),
      expects: {
        limits: [
          {
            name: "requests/minute",
            per: ["app"],
            unit: "requests",
            window: minute,
            max: 60,
            amount: 1,
            onStoreDown: "local",
          },
          { name: "tokens/minute", per: ["app"], unit: "tokens", window: minute, max: 40_000, amount: 1000 },
        ],
      },
    },
    {
      name: "a request that names no maximum reserves the model's own",
      facts: asks(300, 0),
      expects: { limits: [{ amount: 1 }, { amount: 16_684 }] },
    },
    {
      name: "but never more than the window, or it would never pass",
      facts: asks(300, 0, 128_000),
      expects: { limits: [{ amount: 1 }, { amount: 40_000 }] },
    },
    {
      name: "a model whose maximum nobody knows is taken to write 4,096 tokens",
      facts: asks(300, 0, 0),
      expects: { limits: [{ amount: 1 }, { amount: 4396 }] },
    },
    {
      name: "a configured default takes the place of the model's maximum, for each choice",
      config: { tokens_per_minute: 40_000, default_completion_tokens: 500 },
      facts: asks(300, 0, 16_384, 3),
      expects: { limits: [{ amount: 1800 }] },
    },
    {
      name: "the default does not shorten what the client asks for",
      config: { tokens_per_minute: 40_000, default_completion_tokens: 500 },
      facts: asks(300, 2000),
      expects: { limits: [{ amount: 2300 }] },
    },
    {
      name: "a default that does not fit beside the prompt is not shortened",
      config: { tokens_per_minute: 1000, default_completion_tokens: 900 },
      facts: asks(300, 0),
      expects: { limits: [{ amount: 1200 }] },
    },
    {
      name: "a request that says nothing of choices is given the default once",
      config: { tokens_per_minute: 40_000, default_completion_tokens: 500 },
      facts: { request: { estimated_tokens: 300 } },
      expects: { limits: [{ amount: 800 }] },
    },
    {
      name: "what nobody knows is taken for each choice",
      facts: asks(300, 0, 0, 2),
      expects: { limits: [{ amount: 1 }, { amount: 8492 }] },
    },
    {
      name: "a client that asks for a single token reserves it",
      facts: asks(300, 1),
      expects: { limits: [{ amount: 1 }, { amount: 301 }] },
    },
    {
      name: "a prompt that is larger than the window leaves nothing to write",
      facts: asks(50_000, 0),
      expects: { limits: [{ amount: 1 }, { amount: 50_000 }] },
    },
    {
      name: "a limit on the completion alone is filled whatever the prompt",
      config: { windows: [{ every: "day", completion_tokens: 500 }] },
      facts: asks(300, 0),
      expects: { limits: [{ amount: 500 }] },
      reads: ["app.id", ...completionFacts],
    },
    {
      name: "a limit on the prompt alone does not know the completion",
      config: { windows: [{ every: "day", prompt_tokens: 500 }], onStoreDown: "allow" },
      facts: asks(300, 0),
      expects: { limits: [{ amount: 300, onStoreDown: "allow" }] },
      reads: ["app.id", "request.estimated_tokens"],
    },
    {
      name: "where nothing is written, nothing is reserved for it",
      facts: { request: { ...asks(300, 0).request, surface: "cohere-embeddings" } },
      expects: { limits: [{ amount: 1 }, { amount: 300 }] },
    },
    {
      name: "a limit on requests alone reads no token count",
      config: { requests_per_minute: 60 },
      expects: { limits: [{ name: "requests/minute", amount: 1 }] },
      reads: ["app.id"],
    },
    {
      name: "a counter can be told by all that identifies a request",
      config: { requests_per_minute: 60, per: everybody },
      expects: { limits: [{ per: everybody }] },
      reads: everybodyFacts,
    },
    {
      name: "windows of every kind stand side by side",
      config: {
        per: ["app", "user"],
        onStoreDown: "deny",
        windows: [
          { every: "day", requests: 5000, prompt_tokens: 10_000 },
          { sliding: 90, completion_tokens: 800 },
        ],
      },
      facts: asks(300, 700),
      expects: {
        limits: [
          { name: "requests/day", per: ["app", "user"], window: { every: "day" }, amount: 1, onStoreDown: "deny" },
          { name: "prompt_tokens/day", unit: "prompt_tokens", amount: 300 },
          { name: "completion_tokens/90s", unit: "completion_tokens", window: { sliding: 90 }, amount: 700 },
        ],
      },
    },
    {
      name: "a streamed answer reserves by slices where that is less than it may write",
      config: {
        slice_completion_tokens: 500,
        windows: [{ every: "day", requests: 9, prompt_tokens: 9000, tokens: 4000, completion_tokens: 3000 }],
      },
      facts: { request: { ...asks(300, 700).request, stream: true } },
      expects: {
        limits: [
          { amount: 1 },
          { unit: "tokens", amount: 800, slice: 500, sliceTokens: 500 },
          { unit: "prompt_tokens", amount: 300 },
          { unit: "completion_tokens", amount: 500, slice: 500, sliceTokens: 500 },
        ],
      },
      reads: ["app.id", "request.estimated_tokens", ...completionFacts, "request.stream"],
      notes: [],
    },
    {
      name: "what fits into one slice is reserved at once",
      config: { slice_completion_tokens: 500, tokens_per_minute: 4000 },
      facts: { request: { ...asks(300, 500).request, stream: true } },
      expects: { limits: [{ amount: 800 }] },
    },
    {
      name: "an answer that comes whole reserves all of it: nothing can end it",
      config: { slice_completion_tokens: 500, tokens_per_minute: 4000 },
      facts: asks(300, 700),
      expects: { limits: [{ amount: 1000 }] },
    },
    {
      name: "a stream without a maximum takes a slice, and not the whole window",
      config: { slice_completion_tokens: 500, tokens_per_minute: 4000 },
      facts: { request: { ...asks(300, 0).request, stream: true } },
      expects: { limits: [{ amount: 800, slice: 500 }] },
    },
    {
      name: "slices of what is not counted are told",
      config: { slice_completion_tokens: 500, requests_per_minute: 5 },
      expects: { limits: [{ amount: 1 }] },
      reads: ["app.id"],
      notes: [{ at: "slice_completion_tokens", message: "no limit here counts completion tokens" }],
    },
    {
      name: "a spent window is refused with 429, saying when to come back",
      facts: asks(300, 700),
      expects: {
        exhausted: "requests/minute",
        used: 60,
        resetSeconds: 12,
        expects: {
          deny: "spent",
          code: "rate_limit_exceeded",
          status: 429,
          message: "60 of 60 requests per minute used; try again in 12 s.",
        },
      },
    },
    {
      name: "a request that is too large for what is left says what it needs",
      facts: asks(300, 700),
      expects: {
        exhausted: "tokens/minute",
        used: 39_500,
        resetSeconds: 5,
        expects: {
          deny: "noRoom",
          status: 429,
          message: "39500 of 40000 tokens per minute used, and the request needs 1000; try again in 5 s.",
        },
      },
    },
    {
      name: "a request that takes the whole window is told to wait for one",
      facts: asks(300, 39_700),
      expects: {
        exhausted: "tokens/minute",
        used: 1,
        resetSeconds: 5,
        expects: {
          deny: "noRoom",
          message: "1 of 40000 tokens per minute used, and the request needs 40000; try again in 5 s.",
        },
      },
    },
    {
      name: "a request that fits no window is not told to wait",
      facts: asks(300, 50_000),
      expects: {
        exhausted: "tokens/minute",
        used: 0,
        resetSeconds: 60,
        expects: {
          deny: "neverFits",
          status: 429,
          message: "The request needs 50300 tokens and only 40000 are allowed per minute; make it smaller.",
        },
      },
    },
  ],
  accepts: [
    { requests_per_minute: 1, tokens_per_minute: 1 },
    { tokens_per_minute: 4000, default_completion_tokens: 4000, slice_completion_tokens: 4000 },
    { windows: [1, 2_678_400].map((sliding, i) => ({ sliding, requests: i + 1 })) },
    { windows: ["second", "minute", "hour", "week", "month"].map((every, i) => ({ every, requests: i + 1 })) },
  ],
  refuses: [
    { config: { windows: [{ sliding: 0, requests: 5 }] }, at: "windows.0.sliding" },
    { config: { windows: [{ sliding: 2_678_401, requests: 5 }] }, at: "windows.0.sliding" },
    {
      config: { windows: [{ every: "day", completion_tokens: 99 }], default_completion_tokens: 100 },
      at: "default_completion_tokens",
      message:
        "a request that names no maximum takes 100 tokens and could never pass: 99 completion tokens are allowed per day",
    },
    { config: { requests_per_minute: 5, per: ["app", "app"] }, at: "per" },
    { config: {}, at: "", message: "set at least one of requests_per_minute, tokens_per_minute, windows" },
    { config: { requests_per_minute: 0 }, at: "requests_per_minute" },
    {
      config: { tokens_per_minute: 4000, default_completion_tokens: 4001 },
      at: "default_completion_tokens",
      message:
        "a request that names no maximum takes 4001 tokens and could never pass: 4000 tokens are allowed per minute",
    },
    {
      config: { tokens_per_minute: 4000, slice_completion_tokens: 4001 },
      at: "slice_completion_tokens",
      message: "a streamed answer takes 4001 tokens at a time and could never pass: 4000 tokens are allowed per minute",
    },
    { config: { tokens_per_minute: 4000, slice_completion_tokens: 0 }, at: "slice_completion_tokens" },
    { config: { windows: [] }, at: "windows", message: "expected a list of at least 1 element, got an empty list" },
    { config: { windows: [{ requests: 5 }] }, at: "windows.0", message: "set either every or sliding" },
    { config: { windows: [{ every: "day", sliding: 5, requests: 5 }] }, at: "windows.0" },
    {
      config: { windows: [{ every: "day" }] },
      at: "windows.0",
      message: "set at least one of requests, tokens, prompt_tokens, completion_tokens",
    },
    {
      config: { windows: [{ every: "fortnight", requests: 5 }] },
      at: "windows.0.every",
      message: "expected one of 'second', 'minute', 'hour', 'day', 'week', 'month', got 'fortnight'",
    },
    {
      config: { windows: [{ every: "day", request: 5 }] },
      at: "windows.0.request",
      message: "unknown key 'request'; did you mean 'requests'?",
    },
    {
      config: { requests_per_minute: 5, windows: [{ every: "minute", requests: 9 }] },
      at: "windows.0.requests",
      message: "a limit of requests/minute is already set",
    },
    { config: { requests_per_minute: 5, per: ["tenant"] }, at: "per.0" },
    { config: { requests_per_minute: 5, per: [] }, at: "per" },
    { config: { requests_per_minute: 5, onStoreDown: "open" }, at: "onStoreDown" },
  ],
});

const noCel = () => {
  throw new Error("no expression is expected");
};
const notesOn = (config: object) => instantiate(rateLimit, config, noCel).notes;

test.each([
  [
    "a shorter window that a longer one closes first",
    { requests_per_minute: 200, windows: [{ every: "day", requests: 100 }] },
    [{ path: ["requests_per_minute"], message: "200 requests per minute are never reached: 100 are allowed per day" }],
  ],
  [
    "a sliding window within a longer one",
    {
      windows: [
        { sliding: 60, tokens: 10 },
        { sliding: 10, tokens: 10, requests: 5 },
      ],
    },
    [{ path: ["windows", 1, "tokens"], message: "10 tokens per 10 s are never reached: 10 are allowed per 60 s" }],
  ],
  [
    "tokens of a minute that a day closes first",
    { tokens_per_minute: 50, windows: [{ every: "day", tokens: 49 }] },
    [{ path: ["tokens_per_minute"], message: "50 tokens per minute are never reached: 49 are allowed per day" }],
  ],
  ["windows that each have a say", { requests_per_minute: 60, windows: [{ every: "day", requests: 5000 }] }, []],
  [
    "weeks and months, which overlap",
    {
      windows: [
        { every: "week", requests: 100 },
        { every: "month", requests: 100 },
      ],
    },
    [],
  ],
  [
    "a sliding window beside a calendar one",
    {
      windows: [
        { sliding: 60, requests: 100 },
        { every: "day", requests: 100 },
      ],
    },
    [],
  ],
] as const)("what can make no difference is said: %s", (_, config, notes) => {
  expect(notesOn(config)).toEqual([...notes].map((note) => ({ ...note, path: [...note.path] })));
});

test.each([
  ["what fits into one slice", { ...asks(300, 500).request, stream: true }],
  ["an answer that comes whole", asks(300, 700).request],
])("%s is not extended", (_, request) => {
  const { limits } = instantiate(rateLimit, { tokens_per_minute: 4000, slice_completion_tokens: 500 }, noCel);
  expect(Object.keys(limits!({ request } as never)[0]!)).not.toContain("slice");
});

test("a calendar window lies within each longer one, but for the week, which a month cuts", () => {
  const windows = ["second", "minute", "hour", "day", "week", "month"];
  const never = windows.flatMap((every) =>
    windows
      .filter((other) => other !== every)
      .filter((other) => {
        const both = [every, other].map((one) => ({ every: one, prompt_tokens: 10 }));
        const message = `10 prompt tokens per ${every} are never reached: 10 are allowed per ${other}`;
        return notesOn({ windows: both })?.some((note) => note.message === message);
      })
      .map((other) => `${every} in ${other}`),
  );
  expect(never).toEqual([
    ...["second in minute", "second in hour", "second in day", "second in week", "second in month"],
    ...["minute in hour", "minute in day", "minute in week", "minute in month"],
    ...["hour in day", "hour in week", "hour in month"],
    ...["day in week", "day in month"],
  ]);
});
