import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { stringify } from "yaml";
import { standIn, until } from "../gateway/e2e-harness.ts";
import { closedPort } from "../gateway/faulty-harness.ts";
import { startCollector } from "./testing-collector.ts";
import { Haul, plant } from "./testing-plants.ts";

const root = join(import.meta.dir, "..", "..");

/** Credentials of the deployment. */
const config = {
  adminKey: plant("AdminKey"),
  openai: plant("OpenaiKey"),
  anthropic: plant("AnthropicKey"),
  gemini: plant("GeminiKey"),
  cohere: plant("CohereKey"),
  azure: plant("AzureKey"),
  redis: plant("RedisPassword"),
  collector: plant("CollectorKey"),
  jwt: plant("JwtSecret"),
};
/** Credentials that callers present and that are not valid. */
const presented = {
  bearer: plant("Bearer"),
  basic: plant("Basic"),
  xApiKey: plant("XApiKey"),
  query: plant("QueryKey"),
  cookie: plant("Cookie"),
  adminBearer: plant("AdminBearer"),
  inBody: plant("InBody"),
  inHeader: plant("ProxyAuthorization"),
};
/** What people and models write. */
const written = {
  prompt: plant("Prompt"),
  system: plant("System"),
  tool: plant("Tool"),
  toolResult: plant("ToolResult"),
  denied: plant("Denied"),
  redacted: plant("Redacted"),
  thrown: plant("Thrown"),
  malformed: plant("Malformed"),
  mistyped: plant("Mistyped"),
  embedded: plant("Embedded"),
  streamed: plant("Streamed"),
  evaluated: plant("Evaluated"),
  answer: plant("Answer"),
  user: plant("User"),
  token: `ghp_${plant("").slice(5)}AAAAAAAAAAAA`,
};

const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 };
const chatAnswer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content: `Hi ${written.answer}` }, finish_reason: "stop" }],
  usage,
};
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** A provider that repeats what it should not. */
const provider = standIn(async (request) => {
  const text = await request.text();
  const credentials = [...request.headers].map(([name, value]) => `${name}: ${value}`).join("; ");
  if (text.includes("FAIL500")) return Response.json({ error: { message: "broken" } }, { status: 500 });
  if (text.includes("FAIL401")) return Response.json({ error: { message: credentials } }, { status: 401 });
  if (text.includes("FAILHTML")) return new Response(`<html>${credentials}</html>`, { status: 200 });
  if (text.includes("FAILEVENT")) {
    const events = [
      chunk({ role: "assistant", content: "Hi" }),
      `data: ${JSON.stringify({ error: { message: credentials } })}\n\n`,
    ];
    return new Response(events.join(""), { headers: { "content-type": "text/event-stream" } });
  }
  if (text.includes("CUT")) {
    const cut = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(chunk({ role: "assistant", content: written.answer })));
        controller.close();
      },
    });
    return new Response(cut, { headers: { "content-type": "text/event-stream" } });
  }
  if (!text.includes('"stream":true')) return Response.json(chatAnswer);
  const events = [
    chunk({ role: "assistant", content: `Hi ${written.answer} ` }),
    chunk({ content: `${written.redacted}@example.com ` }),
    chunk({}, "stop"),
    "data: [DONE]\n\n",
  ];
  return new Response(events.join(""), {
    headers: { "content-type": "text/event-stream", "set-cookie": `a=${config.openai}`, "openai-organization": "org" },
  });
});

const policies = {
  "org/mail.policy.yaml":
    "description: No mail.\nuses: pii\nwith: { types: [email], on: [prompt, answer], action: redact }\n",
  "org/words.policy.yaml":
    "description: No words.\nuses: regex_guard\nwith: { patterns: [{ name: word, pattern: 'FORBIDDEN \\S+' }] }\n",
  "org/tokens.policy.yaml": "description: No tokens.\nuses: secrets\nwith: { on: [prompt] }\n",
  "org/limit.policy.yaml":
    "description: Counts.\nuses: rate_limit\nwith: { per: [app, user], windows: [{ every: day, requests: 100000, tokens: 1000000 }], onStoreDown: local }\n",
  "org/users.policy.yaml":
    'description: Fails for users that are no numbers.\nonError: warn\nrules:\n  - { id: number, when: int(user.id) > 3, then: warn, message: "user {user.id}" }\n',
  "org/throws.policy.ts": `import { definePolicy } from "sluice/sdk";
export default definePolicy({
  description: "Throws what it met.",
  onError: "warn",
  reads: ["user.id"],
  request({ user }) {
    throw new Error("cannot read " + user.id);
  },
});
`,
};

const haul = new Haul();
const collector = startCollector("well");
let dir = "";
let url = "";
let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
let output: Promise<string[]>;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "sluice-secrets-"));
  for (const [path, text] of Object.entries(policies)) {
    mkdirSync(join(dir, "policies", path, ".."), { recursive: true });
    writeFileSync(join(dir, "policies", path), text);
  }
  const of = (kind: string, key: string, base = provider.url) => ({ kind, base_url: base, api_key: key });
  writeFileSync(
    join(dir, "sluice.config.yaml"),
    stringify({
      providers: {
        openai: of("openai", config.openai, `${provider.url}/v1`),
        anthropic: of("anthropic", config.anthropic),
        gemini: of("gemini", config.gemini, await closedPort()),
        cohere: of("cohere", config.cohere),
        azure: { ...of("azure", config.azure), api_version: "2024-10-21" },
      },
      upstream: { retry_base_seconds: 0.001, retries: 1 },
      tracing: { delay_seconds: 0.01 },
      record_facts_percent: 100,
    }),
  );
  child = Bun.spawn(
    [
      ...[process.execPath, join(root, "src/cli/main.ts"), "start", "--port", "0", "--log-level", "trace"],
      ...["--config", join(dir, "sluice.config.yaml"), "--plugins-dir", join(root, "plugins")],
      ...["--policies-dir", join(dir, "policies"), "--data-dir", join(dir, "data")],
    ],
    {
      cwd: dir,
      stdout: "pipe",
      stderr: "pipe",
      env: {
        PATH: process.env.PATH ?? "",
        SLUICE_ADMIN_KEY: config.adminKey,
        SLUICE_JWT_SECRET: config.jwt,
        SLUICE_REDIS_URL: `redis://:${config.redis}@127.0.0.1:${new URL(await closedPort()).port}`,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: `x-key=${config.collector}`,
      },
    },
  );
  const ready = Promise.withResolvers<string>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    let text = "";
    for await (const bytes of stream) {
      text += Buffer.from(bytes).toString();
      const [, at] = /^sluice ready (\S+)$/m.exec(text) ?? [];
      if (at !== undefined) ready.resolve(at);
    }
    return text;
  };
  output = Promise.all([read(child.stdout), read(child.stderr)]);
  void output.then((texts) => ready.reject(new Error(texts.join("\n"))));
  url = await ready.promise;
});

afterAll(async () => {
  child.kill("SIGKILL");
  await child.exited;
  provider[Symbol.dispose]();
  collector[Symbol.dispose]();
  rmSync(dir, { recursive: true, force: true });
});

async function admin(path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/admin/v1/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${config.adminKey}`, "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** Follows what goes on, until the end. */
async function follow() {
  const leave = new AbortController();
  const headers = { authorization: `Bearer ${config.adminKey}` };
  const { body } = await fetch(`${url}/admin/v1/activity/stream`, { headers, signal: leave.signal });
  let text = "";
  const reading = (async () => {
    for await (const bytes of body!) text += Buffer.from(bytes).toString();
  })().catch(() => undefined);
  return {
    async end() {
      await until(() => text.includes("event: decision"));
      leave.abort();
      await reading;
      return text;
    },
  };
}

/** Calls the gateway. What Sluice itself answers, headers included, is looked through; a success is the model's words. */
async function call(name: string, path: string, body: unknown, headers: Record<string, string>) {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", cookie: `a=${presented.cookie}`, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  haul.add(`headers of ${name}`, JSON.stringify([...response.headers]));
  // What the provider said is the client's; only its credentials are not.
  if (!response.ok) haul.add(`refusal of ${name}`, text);
  expect([name, Object.values(config).filter((secret) => text.includes(secret))]).toEqual([name, []]);
  return { status: response.status, text };
}

describe("secrets that are planted in a run", () => {
  const minted: Record<string, string> = {};

  test("are in no log, trace, metric, record, refusal or file", async () => {
    const mint = async (name: string, path: string, body: object, headers = {}) => {
      const { status, text } = await admin(path, body, headers);
      expect([path, status]).toEqual([path, 201]);
      const { key: secret, id } = JSON.parse(text) as { key: string; id: string };
      // The id in the middle is no secret.
      minted[name] = secret.slice(-43);
      return { secret, id };
    };
    const live = await follow();
    const { secret: key } = await mint("key", "keys", { application: "demo", env: "dev", name: "a" });
    const again = { application: "demo", env: "dev", name: "b" };
    await mint("idempotent key", "keys", again, { "idempotency-key": "one" });
    await mint("idempotent key, again", "keys", again, { "idempotency-key": "one" });
    const revoked = await mint("revoked key", "keys", { application: "demo", env: "dev", name: "c" });
    expect((await admin(`keys/${revoked.id}/revoke`, {})).status).toBe(200);
    await mint("admin key", "admin-keys", { name: "d", role: "viewer" });

    await refusedCallers(revoked.secret);
    await calls(key);
    await admins(key);
    await collected();
    const told = haul.add("activity", await live.end());
    expect(told).toContain("event: decision");
    const plants = { ...config, ...presented, ...written, ...minted };
    expect(haul.find(plants)).toEqual([]);

    // Again when everything is written: what was in memory only has its place in files now.
    haul.addFiles("running", join(dir, "data"));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    const [stdout, stderr] = await output;
    haul.add("standard output", stdout!);
    haul.add("log", stderr!);
    haul.add("traces", collector.text);
    haul.addFiles("stopped", join(dir, "data"));
    expect(haul.find(plants)).toEqual([]);

    // That what was looked through is what there is.
    expect(stderr).toContain('"level":');
    expect(stderr).toContain("a policy could not be evaluated");
    expect(haul.places).toEqual(
      expect.arrayContaining(["running sluice.db", "running sluice.db-wal", "stopped sluice.db"]),
    );
    expect(collector.spans.length).toBeGreaterThan(20);
    expect(collector.headers[0]!.get("x-key")).toBe(config.collector);
    expect(readdirSync(join(dir, "data"))).not.toContain("admin-key");
  }, 60_000);

  test("would be found", () => {
    const own = new Haul();
    own.add("plain", `a ${config.openai} b`);
    own.add("base64", Buffer.from(`ab ${config.openai}`).toString("base64"));
    own.add("base64url", Buffer.from(`${config.openai}?`).toString("base64url"));
    own.add("hex", Buffer.from(config.openai).toString("hex"));
    own.add("other", config.gemini);
    expect(own.find({ key: config.openai }).map(({ where }) => where)).toEqual(["plain", "base64", "base64url", "hex"]);
  });
});

async function refusedCallers(revoked: string): Promise<void> {
  const body = { model: "gpt-4o", messages: [{ role: "user", content: written.prompt }] };
  const chat = "/v1/chat/completions";
  const ways: readonly (readonly [string, string, Record<string, string>])[] = [
    ["a wrong bearer", chat, { authorization: `Bearer ${presented.bearer}` }],
    [
      "a wrong key of the right form",
      chat,
      { authorization: `Bearer slc_abcdefghij123456_${presented.bearer.slice(0, 43)}` },
    ],
    ["basic credentials", chat, { authorization: `Basic ${presented.basic}` }],
    ["a wrong x-api-key", "/v1/messages", { "x-api-key": presented.xApiKey }],
    ["a wrong key in the query", `/v1beta/models/gemini-2.5-flash:generateContent?key=${presented.query}`, {}],
    ["a revoked key", chat, { authorization: `Bearer ${revoked}` }],
    ["no key", chat, { "proxy-authorization": presented.inHeader }],
  ];
  for (const [name, path, headers] of ways) {
    expect([name, (await call(name, path, body, headers)).status]).toEqual([name, 401]);
  }
  const unknown = await fetch(`${url}/v1/nothing?key=${presented.query}`, {
    headers: { authorization: presented.bearer },
  });
  haul.add("refusal of an unknown path", await unknown.text());
  const admins = [
    { authorization: `Bearer ${presented.adminBearer}` },
    { authorization: `Basic ${presented.basic}` },
    {
      authorization: `Bearer ${await new SignJWT({ sub: "eve" }).setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(presented.adminBearer))}`,
    },
  ];
  for (const headers of admins) {
    const { status, text } = await admin("status", undefined, headers);
    haul.add("refusal of an operator", text);
    expect(status).toBe(401);
  }
}

async function calls(key: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${key}`,
    "proxy-authorization": presented.inHeader,
    "sluice-user": written.user,
  };
  const chat = async (name: string, content: unknown, status: number, more: object = {}) => {
    const body = { model: "gpt-4o", messages: [{ role: "user", content }], ...more };
    expect([name, (await call(name, "/v1/chat/completions", body, headers)).status]).toEqual([name, status]);
  };
  const tools = [{ type: "function", function: { name: "search", description: written.tool, parameters: {} } }];
  await chat("a call", written.prompt, 200, { user: written.user, tools, metadata: { note: written.prompt } });
  await call(
    "a conversation",
    "/v1/chat/completions",
    {
      model: "gpt-4o",
      stream: true,
      messages: [
        { role: "system", content: written.system },
        { role: "user", content: `mail ${written.redacted}@example.org` },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "t", type: "function", function: { name: "search", arguments: `{"q":"${written.tool}"}` } },
          ],
        },
        { role: "tool", tool_call_id: "t", content: written.toolResult },
      ],
    },
    headers,
  );
  await chat("a stream", written.streamed, 200, { stream: true });
  await chat("a redacted call", `mail ${written.redacted}@example.org`, 200);
  await chat("a denied call", `FORBIDDEN ${written.denied}`, 403);
  await chat("a call with a secret", `use ${written.token} now`, 403);
  await chat("a call that fails at the provider", `FAIL500 ${written.prompt}`, 500);
  await chat("a call whose credentials come back", `FAIL401 ${written.prompt}`, 502);
  await chat("a call that is answered with a page", `FAILHTML ${written.prompt}`, 502);
  await chat("a stream whose error repeats credentials", `FAILEVENT ${written.prompt}`, 200, { stream: true });
  await chat("a stream that is cut", `CUT ${written.prompt}`, 200, { stream: true });
  await chat("a call for a model that nobody has", written.prompt, 404, { model: "nobody" });
  const others: readonly (readonly [string, string, unknown, number])[] = [
    ["a broken body", "/v1/chat/completions", `{"model":"gpt-4o","messages":[{"content":"${written.malformed}"`, 400],
    ["a body of another type", "/v1/chat/completions", { model: "gpt-4o", messages: written.mistyped }, 400],
    ["a part of another type", "/v1/chat/completions", { model: "gpt-4o", messages: [written.mistyped] }, 200],
    [
      "a role that is none",
      "/v1/chat/completions",
      { model: "gpt-4o", messages: [{ role: { a: written.mistyped } }] },
      400,
    ],
    ["a model that is none", "/v1/chat/completions", { model: [written.mistyped], messages: [] }, 400],
    [
      "messages of another type",
      "/v1/messages",
      { model: "claude-haiku-4-5", max_tokens: 5, messages: written.mistyped },
      400,
    ],
    [
      "a provider that is away",
      "/v1beta/models/gemini-2.5-flash:generateContent",
      { contents: [{ parts: [{ text: written.prompt }] }] },
      502,
    ],
  ];
  for (const [name, path, body, status] of others) {
    expect([name, (await call(name, path, body, headers)).status]).toEqual([name, status]);
  }
  await call("embeddings", "/v1/embeddings", { model: "text-embedding-3-small", input: [written.embedded] }, headers);
  await call(
    "cohere",
    "/v2/chat",
    { model: "command-a-03-2025", messages: [{ role: "user", content: written.prompt }] },
    headers,
  );
  await call(
    "azure",
    "/azure/openai/deployments/x/chat/completions?api-version=2024-10-21",
    { messages: [{ role: "user", content: written.prompt }] },
    headers,
  );
}

/** What operators ask for; what they ask about requests of their own they are told, and it goes no further. */
async function admins(key: string): Promise<void> {
  const token = await new SignJWT({ sub: "ann", roles: ["owner"] })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(Buffer.from(config.jwt));
  const evaluate = {
    surface: "chat",
    app: "demo",
    body: { model: "gpt-4o", messages: [{ role: "user", content: `FORBIDDEN ${written.evaluated}` }] },
  };
  expect((await admin("evaluate", { ...evaluate, explain: true }, { authorization: `Bearer ${token}` })).status).toBe(
    200,
  );
  expect((await admin("evaluate/batch", { requests: [evaluate] })).status).toBe(200);
  const wrong = await admin("keys", { application: "demo", env: "dev", name: "x", secret: presented.inBody });
  expect(wrong.status).toBe(400);
  haul.add("refusal of a wrong body", wrong.text);
  const broken = await fetch(`${url}/admin/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${config.adminKey}`, "content-type": "application/json" },
    body: `{"application":"${presented.inBody}"`,
  });
  haul.add("refusal of a broken body", await broken.text());
  haul.add("refusal of another key", (await admin("status", undefined, { authorization: `Bearer ${key}` })).text);
}

async function collected(): Promise<void> {
  const rows = async () =>
    (JSON.parse((await admin("usage/records?limit=100")).text) as { data: unknown[] }).data.length;
  await until(async () => (await rows()) >= 25);
  const paths = [
    ...["status", "config", "applications", "keys", "admin-keys", "models", "policies", "organisations", "revisions"],
    ...["usage/records?limit=100", "usage/summary", "decisions?limit=100", "decisions/export", "audit?limit=100"],
  ];
  for (const path of paths) {
    const { status, text } = await admin(path);
    expect([path, status]).toEqual([path, 200]);
    haul.add(path, text);
  }
  // Redis is away, which it says.
  haul.add("limits", (await admin("limits")).text);
  haul.add("metrics", await (await fetch(`${url}/metrics`)).text());
  haul.add("readyz", await (await fetch(`${url}/readyz`)).text());
  await until(() => collector.spans.length > 20);
}
