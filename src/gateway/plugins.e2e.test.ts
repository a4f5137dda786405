import { afterEach, expect, test } from "bun:test";
import { type Harness, standIn, startHarness } from "./e2e-harness.ts";

const chat = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] };
const saying = (content: string) => ({ ...chat, messages: [{ role: "user", content }] });
const messages = (content: string) => ({
  model: "claude-sonnet-4-5",
  max_tokens: 50,
  messages: [{ role: "user", content: [{ type: "text", text: content }] }],
});
const answering = (content: string) => ({
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 8, completion_tokens: 1, total_tokens: 9 },
});
const streaming = (...parts: string[]) =>
  `${parts
    .map((content) => {
      const choices = [{ index: 0, delta: { content }, finish_reason: null }];
      return `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices })}\n\n`;
    })
    .join("")}data: [DONE]\n\n`;

let received = "";
let calls = 0;
let reply: () => Response = () => Response.json(answering("hi"));
const provider = standIn(async (request) => {
  received = await request.text();
  calls += 1;
  return reply();
});
let sluice: Harness | undefined;
afterEach(async () => {
  await sluice?.[Symbol.asyncDispose]();
  reply = () => Response.json(answering("hi"));
  calls = 0;
});

async function start(policies: Record<string, string>): Promise<Harness> {
  sluice = await startHarness({ upstream: provider.url, policies });
  return sluice;
}

interface Refusal {
  readonly error: { readonly code: string; readonly message: string; readonly sluice: { readonly rule: string } };
}

async function refusalOf(response: Response): Promise<[status: number, code: string, rule: string, message: string]> {
  const { error } = (await response.json()) as Refusal;
  return [response.status, error.code, error.sluice.rule, error.message];
}

/** What a stream says, and why it ended where it tells. */
async function streamed(response: Response): Promise<{ said: string; finish: string | null }> {
  const events = (await response.text()).split("\n\n").filter((event) => event.startsWith("data: {"));
  const choices = events.flatMap((event) => {
    const data = JSON.parse(event.slice("data: ".length)) as {
      choices: { delta: { content?: string }; finish_reason: string | null }[];
    };
    return data.choices;
  });
  const finish = choices.map(({ finish_reason }) => finish_reason).findLast((reason) => reason !== null) ?? null;
  return { said: choices.map(({ delta }) => delta.content ?? "").join(""), finish };
}

const guard = (more: string) =>
  `uses: regex_guard\nwith:\n  patterns: [{ name: ticket, pattern: '\\bINT-[0-9]{4}\\b' }]\n${more}`;

test("regex_guard: a prompt with a pattern never reaches the provider, on either surface", async () => {
  const { post } = await start({ "org/a.policy.yaml": guard("") });
  const refused = [403, "prompt_pattern_found", "promptMatch", "The prompt holds what is not accepted here: ticket."];
  expect(await refusalOf(await post("/v1/chat/completions", saying("see INT-1234")))).toEqual(refused as never);
  const claude = await post("/v1/messages", messages("see INT-1234"));
  expect([claude.status, ((await claude.json()) as Refusal).error.sluice.rule]).toEqual([403, "promptMatch"]);
  expect(calls).toBe(0);
  const passes = await post("/v1/chat/completions", saying("see INT-12"));
  await passes.bytes();
  expect([passes.status, calls]).toEqual([200, 1]);
});

test("regex_guard: what is redacted reaches the provider replaced, and nothing else changes", async () => {
  const { post } = await start({ "org/a.policy.yaml": guard("  action: redact\n  replacement: '[ticket]'\n") });
  await (await post("/v1/chat/completions", saying("see INT-1234, INT-12"))).bytes();
  expect(JSON.parse(received)).toEqual(saying("see [ticket], INT-12"));
});

test("regex_guard: an answer with a pattern never reaches the client, streamed or not", async () => {
  const { post } = await start({ "org/a.policy.yaml": guard("  on: [prompt, answer]\n") });
  const refused = [403, "answer_pattern_found", "answerMatch", "The answer holds what is not accepted here: ticket."];
  reply = () => Response.json(answering("it is INT-1234"));
  expect(await refusalOf(await post("/v1/chat/completions", chat))).toEqual(refused as never);
  reply = () => new Response(streaming("it is IN", "T-12", "34"), { headers: { "content-type": "text/event-stream" } });
  const { said, finish } = await streamed(await post("/v1/chat/completions", { ...chat, stream: true }));
  expect([said, finish]).toEqual(["it is ", "content_filter"]);
  reply = () => Response.json(answering("it is INT-12"));
  const passes = await post("/v1/chat/completions", chat);
  await passes.bytes();
  expect(passes.status).toBe(200);
});

test("pii, secrets, text_replace: what is redacted reaches neither provider nor client, in texts and in calls", async () => {
  const { post } = await start({
    "org/a.policy.yaml": "uses: pii\nwith: { on: [prompt, answer], action: redact }\n",
    "org/b.policy.yaml": "uses: secrets\nwith: { on: [prompt, answer], action: redact }\n",
    "org/c.policy.yaml":
      "uses: text_replace\nwith: { replacements: [{ text: Falcon, with: eagle }], on: [prompt, answer] }\n",
  });
  const asks = "ann@example.com, DB_PASSWORD=x7K2m9Qp4Z, Falcon";
  const gone = "[email], DB_PASSWORD=[high_entropy], eagle";
  reply = () => Response.json(answering(asks));
  const whole = await post("/v1/chat/completions", saying(asks));
  expect(await whole.text()).toContain(gone);
  expect(JSON.parse(received)).toEqual(saying(gone));

  const called = {
    id: "1",
    type: "function",
    function: { name: "f", arguments: '{"password":"x7K2m9Qp4Z","n":123456789}' },
  };
  const history = {
    model: "gpt-4o-mini",
    messages: [
      { role: "assistant", tool_calls: [called] },
      { role: "user", content: "on" },
    ],
  };
  reply = () => new Response(streaming(...asks), { headers: { "content-type": "text/event-stream" } });
  const { said, finish } = await streamed(await post("/v1/chat/completions", { ...history, stream: true }));
  expect([said, finish]).toEqual([gone, null]);
  expect(received).toContain(JSON.stringify('{"password":"[high_entropy]","n":123456789}'));
});

test("conditions: facts of the request decide, in data instead of CEL", async () => {
  const { post } = await start({
    "org/a.policy.yaml": `uses: conditions
with:
  when:
    and:
      - { fact: request.model, op: matches, value: '^gpt-' }
      - { not: { fact: request.tool_names, op: contains, value: search } }
  code: search_only
  status: 451
`,
  });
  const tool = (name: string) => ({ type: "function", function: { name, parameters: {} } });
  expect((await refusalOf(await post("/v1/chat/completions", { ...chat, tools: [tool("exec")] }))).slice(0, 2)).toEqual(
    [451, "search_only"],
  );
  const passes = await post("/v1/chat/completions", { ...chat, tools: [tool("search")] });
  await passes.bytes();
  expect(passes.status).toBe(200);
});

test("time_window: a freeze that lasts for years refuses, one that is over does not", async () => {
  const freeze = (dates: string) => `uses: time_window\nwith: { windows: [{ dates: ["${dates}"] }], allow: outside }\n`;
  const { post, writePolicy } = await start({ "org/a.policy.yaml": freeze("2020-01-01..2999-12-31") });
  const [status, code, , message] = await refusalOf(await post("/v1/chat/completions", chat));
  expect([status, code]).toEqual([403, "inside_window"]);
  expect(message).toEndWith("and they pass next from Wed 3000-01-01 00:00.");
  writePolicy("org/a.policy.yaml", freeze("2020-01-01..2020-01-02"));
  const deadline = Date.now() + 5_000;
  let passes = 403;
  while (passes !== 200 && Date.now() < deadline) {
    const response = await post("/v1/chat/completions", chat);
    await response.bytes();
    passes = response.status;
  }
  expect(passes).toBe(200);
});

test("chain: one refusal for several policy types, whose limits are kept", async () => {
  const { post } = await start({
    "org/a.policy.yaml": `uses: chain
with:
  steps:
    - { name: size, uses: request_size, with: { max_request_bytes: 300 } }
    - { name: rate, uses: rate_limit, with: { windows: [{ every: day, requests: 2 }] } }
    - { name: words, uses: regex_guard, with: { patterns: [{ name: word, pattern: 'x{200}' }] } }
`,
  });
  const large = await refusalOf(await post("/v1/chat/completions", saying("x".repeat(400))));
  expect(large.slice(0, 3)).toEqual([413, "request_too_large", "size.tooLarge"]);
  const words = await refusalOf(await post("/v1/chat/completions", saying("x".repeat(200))));
  expect(words.slice(0, 3)).toEqual([403, "prompt_pattern_found", "words.promptMatch"]);
  const statuses: number[] = [];
  for (let i = 0; i < 2; i += 1) {
    const response = await post("/v1/chat/completions", chat);
    await response.bytes();
    statuses.push(response.status);
  }
  expect(statuses).toEqual([200, 200]);
  const spent = await post("/v1/chat/completions", chat);
  expect(spent.headers.get("retry-after")).not.toBeNull();
  expect((await refusalOf(spent)).slice(0, 3)).toEqual([429, "rate_limit_exceeded", "rate.spent"]);
});

test("every policy type describes itself to the admin API, one by one and together", async () => {
  const { admin } = await start({ "org/a.policy.yaml": guard("") });
  const { data } = (await admin("policy-types?limit=100")) as {
    data: { name: string; config: object; docs: string; examples: unknown[] }[];
  };
  const names = data.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["chain", "conditions", "model_route", "regex_guard", "time_window"]));
  for (const type of data) {
    expect(await admin(`policy-types/${type.name}`)).toEqual(type);
    expect(type.config).toMatchObject({ type: "object", additionalProperties: false });
    expect([type.name, type.docs.startsWith(`## ${type.name}\n`), type.examples.length > 0]).toEqual([
      type.name,
      true,
      true,
    ]);
  }
});
