import { afterAll, afterEach, describe, expect, test } from "bun:test";
import Anthropic, { PermissionDeniedError as AnthropicDenied } from "@anthropic-ai/sdk";
import OpenAI, { PermissionDeniedError } from "openai";
import { type Harness, standIn, startHarness, until } from "./e2e-harness.ts";

const chatAnswer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o-mini-2024-07-18",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 8, completion_tokens: 1, total_tokens: 9 },
};
const message = {
  id: "m",
  type: "message",
  role: "assistant",
  model: "claude-haiku-4-5",
  content: [{ type: "text", text: "hi" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 8, output_tokens: 1 },
};

let received: Record<string, unknown> = {};
let calls = 0;
let answer: unknown = chatAnswer;
const provider = standIn(async (request) => {
  calls += 1;
  received = (await request.json()) as Record<string, unknown>;
  return Response.json(request.url.endsWith("/messages") ? message : answer);
});
let sluice: Harness | undefined;
afterEach(async () => {
  await sluice?.[Symbol.asyncDispose]();
  sluice = undefined;
  received = {};
  calls = 0;
  answer = chatAnswer;
});
afterAll(() => provider[Symbol.dispose]());

async function start(policies: Record<string, string>): Promise<Harness & { openai: OpenAI; anthropic: Anthropic }> {
  sluice = await startHarness({ upstream: provider.url, policies });
  return Object.assign(sluice, {
    openai: new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: sluice.key, maxRetries: 0 }),
    anthropic: new Anthropic({ baseURL: sluice.url, apiKey: sluice.key, maxRetries: 0 }),
  });
}

/** A policy that always makes these changes. */
const policy = (changes: string, more = "") =>
  `${more}rules:\n  - { id: change, then: modify, modify: [${changes}] }\n`;
const thrownBy = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
const hello = [{ role: "user" as const, content: "my card is 4111 1111 1111 1111" }];
const tool = (name: string) => ({ type: "function" as const, function: { name } });

/** Every operation as a policy writes it, and what each provider gets of it. */
const operations: readonly (readonly [
  name: string,
  change: string,
  chat: Record<string, unknown>,
  messages: Record<string, unknown>,
])[] = [
  ["set", "{ op: set, path: temperature, value: 0.25 }", { temperature: 0.25 }, { temperature: 0.25 }],
  ["cap", "{ op: cap, path: max_tokens, value: 50 }", { max_completion_tokens: 50 }, { max_tokens: 50 }],
  ["floor", "{ op: floor, path: max_tokens, value: 900 }", { max_completion_tokens: 900 }, { max_tokens: 900 }],
  ["remove", "{ op: remove, path: user }", { user: undefined }, { metadata: {} }],
  [
    "remove of tools",
    '{ op: remove, path: tools, value: ["shell*"] }',
    { tools: [tool("search")], tool_choice: "required" },
    { tools: [{ name: "search", input_schema: { type: "object" } }], tool_choice: { type: "any" } },
  ],
  ["append", "{ op: append, path: stop, value: END }", { stop: ["x", "END"] }, { stop_sequences: ["x", "END"] }],
  [
    "append of instructions",
    "{ op: append, path: system, value: Be brief. }",
    { messages: [{ role: "system", content: "Be brief." }, ...hello] },
    {
      system: [
        { type: "text", text: "You help." },
        { type: "text", text: "Be brief." },
      ],
    },
  ],
  [
    "redact",
    "{ op: redact, path: messages, value: { pattern: '\\d{4} \\d{4} \\d{4} \\d{4}', replace: '<card>' } }",
    { messages: [{ role: "user", content: "my card is <card>" }] },
    { messages: [{ role: "user", content: "my card is <card>" }] },
  ],
];

describe("what a policy modifies arrives at the provider", () => {
  test.each(operations)("%s", async (_name, change, chat, messages) => {
    const { openai, anthropic } = await start({ "org/change.policy.yaml": policy(change) });
    const completion = await openai.chat.completions.create({
      model: "gpt-4o",
      messages: hello,
      temperature: 1,
      max_completion_tokens: 500,
      user: "ann",
      stop: "x",
      tools: [tool("shell_run"), tool("search")],
      tool_choice: "required",
    });
    expect(completion.choices[0]?.message.content).toBe("hi");
    for (const [key, value] of Object.entries(chat)) expect(received[key]).toEqual(value);
    expect(received.model).toBe("gpt-4o");

    // The SDK's own type leaves temperature out; older models and other clients do not.
    const temperature = { temperature: 1 };
    const answered = await anthropic.messages.create({
      ...temperature,
      model: "claude-opus-4-6",
      max_tokens: 500,
      system: "You help.",
      messages: hello,
      stop_sequences: ["x"],
      metadata: { user_id: "ann" },
      tools: ["shell_run", "search"].map((name) => ({ name, input_schema: { type: "object" as const } })),
      tool_choice: { type: "any" },
    });
    expect(answered.content[0]).toMatchObject({ type: "text", text: "hi" });
    for (const [key, value] of Object.entries(messages)) expect(received[key]).toEqual(value);
  });

  test("also in streams", async () => {
    const { post } = await start({
      "org/change.policy.yaml": policy("{ op: redact, path: messages, value: [secret] }"),
    });
    const text = '{"model":"gpt-4o", "stream":true,"messages":[{"role":"user","content":"a secret"}] }';
    await (await post("/v1/chat/completions", text)).text();
    expect(received).toEqual({
      model: "gpt-4o",
      stream: true,
      messages: [{ role: "user", content: "a [redacted]" }],
      stream_options: { include_usage: true },
    });
  });

  test("in a mode that only records nothing is modified", async () => {
    const { openai } = await start({
      "org/change.policy.yaml": policy("{ op: cap, path: max_tokens, value: 50 }", "mode: warn\n"),
    });
    const { response } = await openai.chat.completions.create({ model: "gpt-4o", messages: hello }).withResponse();
    expect(received).toEqual({ model: "gpt-4o", messages: hello });
    expect(response.headers.get("sluice-warnings")).toBe("change");
  });
});

describe("a modified request is judged again", () => {
  const longPrompt = `rules:
  - { id: too-long, when: request.message_count > 1, then: deny, code: too_long, message: "{request.message_count} messages" }
`;
  const brief = policy("{ op: append, path: system, value: Be brief. }");

  test("by rules marked recheck, which see what was made of it", async () => {
    const { openai } = await start({
      "org/brief.policy.yaml": brief,
      "org/long.policy.yaml": longPrompt.replace("{ id", "{ recheck: true, id"),
    });
    const error = await thrownBy(openai.chat.completions.create({ model: "gpt-4o", messages: hello }));
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(error).toMatchObject({ code: "too_long", message: expect.stringContaining("2 messages") });
    expect(calls).toBe(0);
  });

  test("and by no others", async () => {
    const { openai } = await start({ "org/brief.policy.yaml": brief, "org/long.policy.yaml": longPrompt });
    await openai.chat.completions.create({ model: "gpt-4o", messages: hello });
    expect(calls).toBe(1);
  });

  test("and a second change is refused", async () => {
    const { openai, anthropic, admin } = await start({
      "org/brief.policy.yaml": brief,
      "org/again.policy.yaml": `rules:
  - { id: twice, recheck: true, when: request.message_count > 1, then: modify, modify: [{ op: cap, path: max_tokens, value: 10 }] }
`,
    });
    const error = await thrownBy(openai.chat.completions.create({ model: "gpt-4o", messages: hello }));
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(error).toMatchObject({
      code: "modify_loop",
      error: { sluice: { policy: "org/again", rule: "twice" } },
    });
    const denied = await thrownBy(
      anthropic.messages.create({ model: "claude-opus-4-6", max_tokens: 20, messages: hello }),
    );
    expect(denied).toBeInstanceOf(AnthropicDenied);
    expect(denied).toMatchObject({ error: { error: { code: "modify_loop" } } });
    expect(calls).toBe(0);
    const { data } = (await admin("decisions?decision=deny")) as { data: { reasons: { code: string }[] }[] };
    expect(data[0]!.reasons.map(({ code }) => code)).toEqual(["modify_loop", "twice", "change"]);
  });

  test("and what is so already is no second change", async () => {
    const { openai } = await start({
      "org/cap.policy.yaml": `rules:
  - { id: cap, recheck: true, then: modify, modify: [{ op: cap, path: max_tokens, value: 10 }] }
`,
    });
    await openai.chat.completions.create({ model: "gpt-4o", messages: hello });
    expect(received.max_completion_tokens).toBe(10);
  });

  test("and must be a request: what cannot be made one is refused", async () => {
    const { post } = await start({
      "org/redact.policy.yaml": policy("{ op: redact, path: messages, value: { pattern: secret } }"),
    });
    const content = "not so secret ".repeat(200_000);
    const response = await post("/v1/chat/completions", { model: "gpt-4o", messages: [{ role: "user", content }] });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      error: { code: "modify_invalid", message: "the request could not be modified as the policies say" },
    });
    expect(calls).toBe(0);
  });
});

test("policies that contradict each other are refused where they meet", async () => {
  const to = (value: number, when: string) =>
    `  - { id: to-${value}, when: ${when}, then: modify, modify: [{ op: set, path: max_tokens, value: ${value} }] }\n`;
  const { openai } = await start({
    "org/set.policy.yaml": `rules:\n${to(10, "request.bytes > 10")}${to(20, `user.id == "ann"`)}`,
  });
  await openai.chat.completions.create({ model: "gpt-4o", messages: hello });
  expect(received.max_completion_tokens).toBe(10);
  const error = await thrownBy(openai.chat.completions.create({ model: "gpt-4o", messages: hello, user: "ann" }));
  expect(error).toMatchObject({
    code: "modify_conflict",
    message: expect.stringContaining("rules of org/set disagree on what max_tokens should be"),
  });
  expect(calls).toBe(1);
});

describe("rules that look into the text", () => {
  const guard = (more: string) =>
    `uses: regex_guard\nwith: { patterns: [{ name: card, pattern: "\\\\b[0-9]{4}( [0-9]{4}){3}\\\\b" }], ${more} }\n`;

  test("are given the prompt", async () => {
    const { openai, anthropic } = await start({ "org/guard.policy.yaml": guard("on: [prompt]") });
    const denied = { code: "prompt_pattern_found" };
    expect(await thrownBy(openai.chat.completions.create({ model: "gpt-4o", messages: hello }))).toMatchObject(denied);
    const inSystem = { model: "claude-opus-4-6", max_tokens: 5, system: hello[0]!.content, messages: [] };
    expect(await thrownBy(anthropic.messages.create(inSystem))).toMatchObject({ error: { error: denied } });
    expect(calls).toBe(0);
    await openai.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content: "hello" }] });
    expect(calls).toBe(1);
  });

  test("have it redacted", async () => {
    const { openai } = await start({
      "org/guard.policy.yaml": guard("on: [prompt], action: redact, replacement: (card)"),
    });
    await openai.chat.completions.create({ model: "gpt-4o", messages: hello });
    expect(received.messages).toEqual([{ role: "user", content: "my card is (card)" }]);
  });

  test("are given the answer, tool arguments too", async () => {
    const { openai } = await start({ "org/guard.policy.yaml": guard("on: [answer]") });
    await openai.chat.completions.create({ model: "gpt-4o", messages: hello });
    const called = { name: "pay", arguments: JSON.stringify({ card: "4111 1111 1111 1111" }) };
    const tool_calls = [{ id: "t", type: "function", function: called }];
    answer = { ...chatAnswer, choices: [{ index: 0, message: { role: "assistant", tool_calls } }] };
    const error = await thrownBy(openai.chat.completions.create({ model: "gpt-4o", messages: hello }));
    expect(error).toMatchObject({ code: "answer_pattern_found" });
    expect(calls).toBe(2);
  });
});

describe("limits see what is sent", () => {
  test("the capped maximum is reserved, once", async () => {
    const { openai } = await start({
      "org/cap.policy.yaml": policy("{ op: cap, path: max_tokens, value: 10 }, { op: cap, path: n, value: 1 }"),
      "org/rate.policy.yaml": "uses: rate_limit\nwith: { windows: [{ every: day, tokens: 60 }] }\n",
    });
    const { response } = await openai.chat.completions
      .create({ model: "gpt-4o", messages: [{ role: "user", content: "hello" }], max_tokens: 50, n: 5 })
      .withResponse();
    // 8 prompt and 10 completion tokens are held.
    expect(response.headers.get("ratelimit-remaining")).toBe("42");
    expect(received).toMatchObject({ max_tokens: 10, n: 1 });
  });

  test("the tokens of a longer prompt are reserved", async () => {
    const { openai } = await start({
      "org/brief.policy.yaml": policy("{ op: append, path: system, value: one two three four five six seven }"),
      "org/rate.policy.yaml": "uses: rate_limit\nwith: { windows: [{ every: day, tokens: 100 }] }\n",
    });
    const { response } = await openai.chat.completions
      .create({ model: "gpt-4o", messages: [{ role: "user", content: "hello" }], max_tokens: 50 })
      .withResponse();
    // 8 tokens of the client's, 4 for another message and 7 of instructions.
    expect(response.headers.get("ratelimit-remaining")).toBe(String(100 - 50 - 8 - 4 - 7));
  });

  test("a user who is not told to the provider is told to the limits", async () => {
    const { openai } = await start({
      "org/anonymous.policy.yaml": policy("{ op: remove, path: user }"),
      "org/rate.policy.yaml": "uses: rate_limit\nwith: { per: [user], windows: [{ every: day, requests: 1 }] }\n",
    });
    const ask = (user: string) => openai.chat.completions.create({ model: "gpt-4o", messages: hello, user });
    await ask("ann");
    expect(received).not.toHaveProperty("user");
    await ask("bob");
    expect(await thrownBy(ask("ann"))).toMatchObject({ status: 429 });
    expect(calls).toBe(2);
  });
});

describe("a routed request", () => {
  const downgrade = (more = "") => `${more}rules:
  - { id: cheap, when: request.model == "gpt-4o", then: modify, modify: [{ op: route, path: model, value: gpt-4o-mini }] }
`;

  test("is answered by the other model, charged for it, and known by the one that was asked for", async () => {
    const { openai, ledger, admin } = await start({ "org/route.policy.yaml": downgrade() });
    const { data, response } = await openai.chat.completions
      .create({ model: "gpt-4o", messages: hello })
      .withResponse();
    expect(received.model).toBe("gpt-4o-mini");
    expect(data.model).toBe("gpt-4o-mini-2024-07-18");
    expect(response.headers.get("sluice-model")).toBe("gpt-4o-mini");
    const id = response.headers.get("sluice-request-id");
    const row = await ledger(id);
    expect(row).toMatchObject({ model: "gpt-4o", served_model: "gpt-4o-mini-2024-07-18", decision: "modify" });
    // 8 prompt tokens at 0.15 and 1 completion token at 0.60 USD for a million.
    expect(row.cost_usd).toBeCloseTo(0.0000018, 10);
    const decisions = (await admin(`decisions?request_id=${id}`)) as { data: Record<string, unknown>[] };
    const route = { op: "route", path: "model", value: "gpt-4o-mini" };
    expect(decisions.data[0]).toMatchObject({ model: "gpt-4o", modifications: [route] });
  });

  test("of another model is left alone", async () => {
    const { openai } = await start({ "org/route.policy.yaml": downgrade() });
    const { response } = await openai.chat.completions.create({ model: "gpt-4.1", messages: hello }).withResponse();
    expect(received.model).toBe("gpt-4.1");
    expect(response.headers.get("sluice-model")).toBeNull();
  });

  test("stays on its surface: messages too", async () => {
    const { anthropic } = await start({
      "org/route.policy.yaml": policy("{ op: route, path: model, value: claude-haiku-4-5 }"),
    });
    const { response } = await anthropic.messages
      .create({ model: "claude-opus-4-6", max_tokens: 10, messages: hello })
      .withResponse();
    expect(received.model).toBe("claude-haiku-4-5");
    expect(response.headers.get("sluice-model")).toBe("claude-haiku-4-5");
  });

  test("meets the rules of the model it goes to", async () => {
    const { openai } = await start({
      "org/route.policy.yaml": downgrade(),
      "org/allow.policy.yaml": "uses: model_allowlist\nwith: { allowed_model_ids: [gpt-4o, gpt-4.1*] }\n",
    });
    const error = await thrownBy(openai.chat.completions.create({ model: "gpt-4o", messages: hello }));
    expect(error).toMatchObject({ code: "model_not_allowed", message: expect.stringContaining("gpt-4o-mini") });
    expect(calls).toBe(0);
  });

  test("meets policies, limits and changes that are for that model alone, and no limits of the other", async () => {
    const { openai } = await start({
      "org/route.policy.yaml": downgrade(),
      "org/mini.policy.yaml": policy("{ op: cap, path: max_tokens, value: 10 }", "scope: { models: [gpt-4o-mini] }\n"),
      "org/large.policy.yaml": policy("{ op: cap, path: max_tokens, value: 20 }", "scope: { models: [gpt-4o] }\n"),
      "org/rate.policy.yaml":
        "scope: { models: [gpt-4o-mini] }\nuses: rate_limit\nwith: { per: [model], windows: [{ every: day, requests: 2 }] }\n",
      "org/none.policy.yaml":
        "scope: { models: [gpt-4o] }\nuses: rate_limit\nwith: { windows: [{ every: day, tokens: 1 }] }\n",
    });
    const ask = (model: string) =>
      openai.chat.completions.create({ model, messages: hello, max_tokens: 100 }).withResponse();
    const { response } = await ask("gpt-4o");
    expect(received).toMatchObject({ model: "gpt-4o-mini", max_tokens: 10 });
    expect(response.headers.get("ratelimit-remaining")).toBe("1");
    await ask("gpt-4o-mini");
    expect(await thrownBy(ask("gpt-4o"))).toMatchObject({ status: 429 });
  });

  test("is routed once only", async () => {
    const { openai } = await start({
      "org/route.policy.yaml": `rules:
  - { id: cheap, when: request.model == "gpt-4o", then: modify, modify: [{ op: route, path: model, value: gpt-4o-mini }] }
  - { id: cheaper, when: request.model == "gpt-4o-mini", then: modify, modify: [{ op: route, path: model, value: gpt-4.1-nano }] }
`,
    });
    const error = await thrownBy(openai.chat.completions.create({ model: "gpt-4o", messages: hello }));
    expect(error).toMatchObject({
      code: "modify_loop",
      message: expect.stringContaining("org/route wants it routed once more"),
    });
    expect(calls).toBe(0);
  });

  test("to a model that is not there counts as the policy's error", async () => {
    const to = (onError: string) =>
      policy("{ op: route, path: model, value: claude-haiku-4-5 }", `onError: ${onError}\n`);
    const { openai, writePolicy } = await start({ "org/route.policy.yaml": to("deny") });
    const ask = () => openai.chat.completions.create({ model: "gpt-4o", messages: hello }).withResponse();
    expect(await thrownBy(ask())).toMatchObject({
      code: "route_unserved",
      message: expect.stringContaining("is not served on the surface chat"),
    });
    writePolicy("org/route.policy.yaml", to("warn"));
    const { response } = await until(() => ask().catch(() => undefined));
    expect(response.headers.get("sluice-warnings")).toBe("route_unserved");
    expect(response.headers.get("sluice-model")).toBeNull();
    expect(received.model).toBe("gpt-4o");
  });

  test("by the policy type model_route is routed by the length of its prompt, and never past an allow list", async () => {
    const { openai } = await start({
      "org/route.policy.yaml": `uses: model_route
with: { routes: [{ from: [gpt-4o], to: gpt-4o-mini, when: { max_prompt_tokens: 20 } }, { from: [o1*], to: gpt-4.1 }] }
`,
      "org/allow.policy.yaml": "uses: model_allowlist\nwith: { denied_model_ids: [gpt-4.1] }\n",
    });
    const ask = (model: string, content: string) =>
      openai.chat.completions.create({ model, messages: [{ role: "user", content }] });
    await ask("gpt-4o", "hello");
    expect(received.model).toBe("gpt-4o-mini");
    await ask("gpt-4o", "hello ".repeat(100));
    expect(received.model).toBe("gpt-4o");
    expect(await thrownBy(ask("o1", "hello"))).toMatchObject({ code: "model_denied" });
    expect(calls).toBe(2);
  });

  test("with default: deny must be allowed for the model it goes to", async () => {
    const { openai } = await start({
      "sluice.yaml": "default: deny\n",
      "org/route.policy.yaml": downgrade("scope: { models: [gpt-4o] }\n"),
    });
    const error = await thrownBy(openai.chat.completions.create({ model: "gpt-4o", messages: hello }));
    expect(error).toMatchObject({ code: "no_policy" });
    expect(calls).toBe(0);
  });
});
