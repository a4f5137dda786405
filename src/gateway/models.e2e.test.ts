import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Harness, standIn, startHarness } from "./e2e-harness.ts";

setDefaultTimeout(60_000);

/** What the provider was asked, and whether it is well. */
const asked: string[] = [];
let well = true;
const provider = standIn((request) => {
  const { pathname } = new URL(request.url);
  asked.push(pathname);
  if (!well) return Response.json({ error: { message: "out of order" } }, { status: 500 });
  return Response.json({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "gpt-4o-2024-08-06",
    choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 },
  });
});

let gateway: Harness;
beforeAll(async () => {
  gateway = await startHarness({
    upstream: provider.url,
    config: { upstream: { retries: 0, breaker_enabled: true, breaker_min_calls: 5 } },
  });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  provider[Symbol.dispose]();
});

const ask = () =>
  gateway.post("/v1/chat/completions", { model: "support-chat", messages: [{ role: "user", content: "hi" }] });
const remove = () =>
  fetch(`${gateway.url}/admin/v1/models/support-chat`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${gateway.adminKey}` },
  });

test("a model that is made leads to its deployment at once, costs what it says, and is gone when it is deleted", async () => {
  expect((await ask()).status).toBe(404);
  const made = await gateway.admin("models", {
    method: "POST",
    body: {
      id: "support-chat",
      targets: [{ provider: "azure", model: "gpt-4o-eu" }],
      price: { input: 2, output: 10 },
    },
  });
  expect(made).toMatchObject({ id: "support-chat", source: "database", status: "healthy", enabled: true });
  const answer = await ask();
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  expect(asked.at(-1)).toBe("/openai/deployments/gpt-4o-eu/chat/completions");
  expect(await gateway.ledger(answer.headers.get("sluice-request-id"))).toMatchObject({
    model: "support-chat",
    provider: "azure",
    total_tokens: 1100,
    cost_usd: 0.003,
  });

  await gateway.admin("models/support-chat", {
    method: "PUT",
    body: { targets: [{ provider: "openai", model: "gpt-4o" }] },
  });
  expect((await ask()).status).toBe(200);
  expect(asked.at(-1)).toBe("/v1/chat/completions");

  expect((await remove()).status).toBe(204);
  const refused = await ask();
  expect([refused.status, await refused.json()]).toMatchObject([404, { error: { code: "model_not_found" } }]);
});

test("a model whose only target keeps failing is shown as failing while its breaker is open", async () => {
  const body = { id: "support-chat", targets: [{ provider: "azure", model: "gpt-4o-us" }], price_waived: true };
  await gateway.admin("models", { method: "POST", body });
  const status = async () => (await gateway.admin("models/support-chat")).status;
  expect((await ask()).status).toBe(200);
  expect(await status()).toBe("healthy");
  well = false;
  while ((await status()) === "healthy") await (await ask()).arrayBuffer();
  expect(await status()).toBe("failing");
  const { data } = (await gateway.admin("models?status=failing")) as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toEqual(["support-chat"]);
  await gateway.admin("models/support-chat/disable", { method: "POST" });
  expect(await status()).toBe("disabled");
});
