import { afterEach, expect, test } from "bun:test";
import { type Harness, standIn, startHarness } from "./e2e-harness.ts";

const chat = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] };
const answer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 8, completion_tokens: 1, total_tokens: 9 },
};
const stream =
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

let received = "";
let reply: () => Response = () => Response.json(answer);
const provider = standIn(async (request) => {
  received = await request.text();
  return reply();
});
let sluice: Harness | undefined;
afterEach(async () => {
  await sluice?.[Symbol.asyncDispose]();
  reply = () => Response.json(answer);
});

async function start(policies: Record<string, string>): Promise<Harness> {
  sluice = await startHarness({ upstream: provider.url, policies });
  return sluice;
}

test("what a rule modifies reaches the provider, and no other byte of the body changes", async () => {
  const { post } = await start({
    "org/cap.policy.yaml": `rules:
  - { id: cap, when: request.max_tokens > 100, then: modify, modify: [{ op: cap, path: max_tokens, value: 100 }] }
`,
  });
  const text = '{ "max_tokens":5000,"model":"gpt-4o",  "messages":[{"role":"user","content":"h\\u00e9"}], "x":1.0 }';
  const response = await post("/v1/chat/completions", text);
  await response.bytes();
  expect(received).toBe(text.replace("5000", "100"));

  const without = await post("/v1/chat/completions", chat);
  await without.bytes();
  expect(JSON.parse(received)).toEqual({ ...chat, max_completion_tokens: 100 });
});

test("a body that no rule modifies reaches the provider byte for byte", async () => {
  const { post } = await start({ "org/size.policy.yaml": "uses: request_size\nwith: { max_request_bytes: 1000 }\n" });
  const text = '{ "model" : "gpt-4o",\n "unknown_field":[1.50, 1e3], "messages":[ {"role":"user","content":"hé"} ] }';
  await (await post("/v1/chat/completions", text)).bytes();
  expect(received).toBe(text);
});

test("a limit that a rule's cap leaves room for is reserved by the capped maximum", async () => {
  const { post } = await start({
    "org/cap.policy.yaml": `rules:
  - { id: cap, when: request.max_tokens > 10, then: modify, modify: [{ op: cap, path: max_tokens, value: 10 }] }
`,
    "org/rate.policy.yaml": "uses: rate_limit\nwith: { windows: [{ every: day, tokens: 60 }] }\n",
  });
  const statuses: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    const response = await post("/v1/chat/completions", { ...chat, max_tokens: 50 });
    statuses.push(response.status);
    await response.bytes();
  }
  // Each call holds 8 prompt and 10 completion tokens, then settles to the 9 the provider told.
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
});

test("modes warn and audit let pass: the first with a header, both with a record of what they would have done", async () => {
  const rule = (code: string) =>
    `rules: [{ id: any, when: request.bytes > 0, then: deny, code: ${code}, message: would be refused }]\n`;
  const { post, admin } = await start({
    "org/warn.policy.yaml": `mode: warn\n${rule("warned")}`,
    "org/audit.policy.yaml": `mode: audit\n${rule("audited")}`,
  });
  const response = await post("/v1/chat/completions", chat);
  await response.bytes();
  expect(response.status).toBe(200);
  expect(response.headers.get("sluice-warnings")).toBe("warned");
  const id = response.headers.get("sluice-request-id");
  const { data } = (await admin(`decisions?request_id=${id}`)) as {
    data: { reasons: { code: string; would: string }[] }[];
  };
  expect(data[0]!.reasons.map(({ code, would }) => [code, would])).toEqual([
    ["warned", "deny"],
    ["audited", "deny"],
  ]);
});

test("a rule on the answer refuses it before the client sees it, streamed or not", async () => {
  const { post } = await start({
    "org/answer.policy.yaml": `phase: response
rules: [{ id: stop, when: response.finish_reason == "stop", then: deny, code: no_answers, message: not today }]
`,
  });
  const plain = await post("/v1/chat/completions", chat);
  expect(plain.status).toBe(403);
  expect(await plain.json()).toMatchObject({ error: { code: "no_answers", sluice: { policy: "org/answer" } } });

  reply = () => new Response(stream, { headers: { "content-type": "text/event-stream" } });
  const streamed = await post("/v1/chat/completions", { ...chat, stream: true });
  expect(streamed.status).toBe(403);
  expect(streamed.headers.get("content-type")).toContain("application/json");
  expect(await streamed.json()).toMatchObject({ error: { code: "no_answers" } });
});

test("a stream that a rule on the answer lets pass arrives byte for byte", async () => {
  const { post } = await start({
    "org/answer.policy.yaml": `phase: response
rules: [{ id: length, when: response.finish_reason == "length", then: deny, message: too long }]
`,
  });
  reply = () => new Response(stream, { headers: { "content-type": "text/event-stream" } });
  const response = await post("/v1/chat/completions", { ...chat, stream: true });
  expect(await response.text()).toBe(stream);
});

test("with default: deny a request that no policy decides is refused", async () => {
  const { post } = await start({
    "sluice.yaml": "default: deny\n",
    "org/other.policy.yaml": "scope: { models: [claude-*] }\nuses: request_size\nwith: { max_request_bytes: 1000 }\n",
  });
  const response = await post("/v1/chat/completions", chat);
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ error: { code: "no_policy", type: "policy_denied" } });
});

test("an expression after the call is recorded and counted, and cannot take back the answer", async () => {
  const { post, admin } = await start({
    "org/after.policy.yaml": "uses: custom_cel\nwith: { post_check_expression: usage.completion_tokens > 5 }\n",
  });
  const response = await post("/v1/chat/completions", chat);
  expect(await response.json()).toEqual(answer);
  const id = response.headers.get("sluice-request-id");
  const { data } = (await admin(`decisions?request_id=${id}`)) as { data: { phase: string; decision: string }[] };
  expect(data.map(({ phase, decision }) => [phase, decision])).toEqual([
    ["usage", "warn"],
    ["request", "allow"],
  ]);
});

test("an answer that the provider compressed reaches the client readable and is metered", async () => {
  const { post, ledger } = await start({
    "org/size.policy.yaml": "uses: request_size\nwith: { max_request_bytes: 1000 }\n",
  });
  reply = () =>
    new Response(Bun.gzipSync(JSON.stringify(answer)), {
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
    });
  const response = await post("/v1/chat/completions", chat);
  expect(await response.json()).toEqual(answer);
  expect(response.headers.get("content-encoding")).toBeNull();
  expect(await ledger(response.headers.get("sluice-request-id"))).toMatchObject({
    total_tokens: 9,
    provenance: "provider",
  });
});
