import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Harness, startHarness } from "./e2e-harness.ts";

setDefaultTimeout(60_000);

let gateway: Harness;
beforeAll(async () => {
  gateway = await startHarness({ config: { trusted_proxies: ["127.0.0.0/8"] } });
});
afterAll(() => gateway?.[Symbol.asyncDispose]());

const mint = (body: object) => gateway.admin("applications/demo/keys", { method: "POST", body });

const chat = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] };
const gemini = { contents: [{ role: "user", parts: [{ text: "hello" }] }] };

/** A call of each vendor's shape. */
const calls: readonly (readonly [surface: string, path: string, body: object])[] = [
  ["chat", "/v1/chat/completions", chat],
  ["responses", "/v1/responses", { model: "gpt-4o", input: "hello" }],
  ["messages", "/v1/messages", { ...chat, max_tokens: 10 }],
  ["gemini", "/v1beta/models/gpt-4o:generateContent", gemini],
  ["cohere", "/v2/chat", chat],
];

interface Refusal {
  readonly message?: string;
  readonly code?: string;
  readonly error: {
    readonly message?: string;
    readonly code?: unknown;
    readonly status?: string;
    readonly type?: string;
  };
}

const send = (path: string, key: string, body: object, from?: string) =>
  fetch(gateway.url + path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(from !== undefined && { "x-forwarded-for": from }),
    },
    body: JSON.stringify(body),
  });

describe.each(calls)("a key on the surface %s", (surface, path, body) => {
  test.each([
    ["another surface", { surfaces: ["embeddings"] }, "surface_not_allowed", "it is for: embeddings"],
    ["another model", { models: ["claude-*"] }, "model_not_allowed", "it is for: claude-*"],
    ["another network", { networks: ["192.0.2.0/24"] }, "network_not_allowed", "may not be used from the address"],
  ])("that is for %s is refused in the surface's own shape, and the ledger says so", async (_, held, code, said) => {
    const { key, id } = (await mint(held)) as { key: string; id: string };
    const refused = await send(path, key, body, "203.0.113.5");
    expect(refused.status).toBe(403);
    const text = await refused.text();
    expect(text).toContain(said);
    expect(text).toContain(code);
    expect(text).not.toContain("192.0.2.0");
    const shape = JSON.parse(text) as Refusal;
    if (surface === "messages") expect(shape.error.type).toBe("permission_error");
    else if (surface === "gemini") expect(shape.error.status).toBe("PERMISSION_DENIED");
    else expect(shape.error?.message ?? shape.message).toContain(said);
    const row = await gateway.ledger(refused.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ status: 403, code, key: id, app: "demo", org: "default", surface, total_tokens: 0 });
    // Nothing was used: that is no cost, not an unknown one.
    expect(row.cost_usd).toBe(0);
    expect(row.model).toBe(code === "model_not_allowed" ? "gpt-4o" : "");
  });
});

test("a key that is for what it is used for passes: by surface, model in any case, and whom a proxy names", async () => {
  const held = { surfaces: ["chat"], models: ["GPT-4O", "x-*"], networks: ["203.0.113.0/24"] };
  const { key } = (await mint(held)) as { key: string };
  expect((await send("/v1/chat/completions", key, chat, "203.0.113.5")).status).toBe(200);
  expect((await send("/v1/chat/completions", key, chat, "192.0.2.1, 203.0.113.5")).status).toBe(200);
  // What the client wrote itself stands before what the proxy wrote, and is not believed.
  expect((await send("/v1/chat/completions", key, chat, "203.0.113.5, 198.51.100.1")).status).toBe(403);
  expect((await send("/v1/chat/completions", key, chat)).status).toBe(403);
});

test("models that a key is not for are not listed to it, nor from where it may not be used", async () => {
  const get = async (models: readonly string[], path: string, from = "203.0.113.5") => {
    const { key } = (await mint({ models, networks: ["203.0.113.5"] })) as { key: string };
    const headers = { authorization: `Bearer ${key}`, "x-forwarded-for": from };
    const answer = await fetch(gateway.url + path, { headers });
    return { status: answer.status, body: (await answer.json()) as Refusal & { data: { id: string }[] } };
  };
  const all = (await get(["*"], "/v1/models")).body.data.map(({ id }) => id);
  expect(all).toContain("echo");
  expect((await get(["ech*"], "/v1/models")).body.data.map(({ id }) => id)).toEqual(["echo"]);
  expect((await get(["gpt-4o"], "/v1/models")).body.data.map(({ id }) => id)).not.toContain("echo");
  expect((await get(["echo"], "/v1/models/echo")).status).toBe(200);
  expect((await get(["gpt-4o"], "/v1/models/echo")).status).toBe(404);
  const refused = await get(["*"], "/v1/models", "192.0.2.1");
  expect([refused.status, refused.body.error.code]).toEqual([403, "network_not_allowed"]);
  expect(refused.body.error.type).toBe("permission_error");
  const unknown = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: "Bearer slc_none" } });
  expect(await unknown.json()).toMatchObject({ error: { type: "authentication_error", code: "invalid_key" } });
});

test("an environment's models hold all its keys, from the next request on", async () => {
  const { key } = (await mint({ env: "dev" })) as { key: string };
  expect((await send("/v1/chat/completions", key, chat)).status).toBe(200);
  const path = "applications/demo/configs/dev";
  await gateway.admin(path, { method: "PUT", body: { models: ["echo"] } });
  const refused = await send("/v1/chat/completions", key, chat);
  expect(((await refused.json()) as Refusal).error.message).toBe(
    "The environment is not for the model 'gpt-4o'; it is for: echo.",
  );
  await gateway.admin(path, { method: "PUT", body: { disabled: true } });
  const paused = await send("/v1/chat/completions", key, chat);
  expect([paused.status, ((await paused.json()) as Refusal).error.code]).toEqual([403, "environment_paused"]);
  await gateway.admin(path, { method: "PUT", body: {} });
  expect((await send("/v1/chat/completions", key, chat)).status).toBe(200);
});

test("a rotated key and its successor both work, and without an overlap only the successor does", async () => {
  const old = (await mint({})) as { key: string; id: string };
  const rotate = async (id: string, body: object) =>
    (await gateway.admin(`keys/${id}/rotate`, { method: "POST", body })) as { key: string; id: string };
  expect((await send("/v1/chat/completions", old.key, chat)).status).toBe(200);
  const next = await rotate(old.id, { overlap_seconds: 60 });
  const statuses = async (...keys: string[]) =>
    Promise.all(keys.map(async (key) => (await send("/v1/chat/completions", key, chat)).status));
  expect(await statuses(old.key, next.key)).toEqual([200, 200]);
  const last = await rotate(next.id, { overlap_seconds: 0 });
  expect(await statuses(next.key, last.key)).toEqual([401, 200]);
});
