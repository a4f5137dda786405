import { expect, test } from "bun:test";
import { treaty } from "@elysiajs/eden";
import type { AdminApi } from "./client.ts";
import { startTestAdmin } from "./testing.ts";

/** A client of the control plane, as users make one. */
function clientOf({ app, adminKey }: Awaited<ReturnType<typeof startTestAdmin>>) {
  const fetcher = (input: string, init?: RequestInit) => app.handle(new Request(input, init));
  return treaty<AdminApi>("http://localhost", {
    headers: { authorization: `Bearer ${adminKey}` },
    fetcher: fetcher as unknown as typeof fetch,
    // Times stay the texts that their types say.
    parseDate: false,
  }).admin.v1;
}

test("the typed client makes an application, mints a key and reads what was used", async () => {
  await using admin = await startTestAdmin();
  const client = clientOf(admin);
  const made = await client.applications.post({ name: "chat", labels: { tier: "free" } });
  if (made.error !== null) throw made.error;
  const { id, labels }: { readonly id: string; readonly labels: Readonly<Record<string, string>> } = made.data;
  expect([made.status, id, labels]).toEqual([201, "chat", { tier: "free" }]);

  const minted = await client.keys.post({ application: id, env: "dev" });
  expect(minted.data?.key).toStartWith("slc_");
  const summary = await client.usage.summary.get({ query: { app: id } });
  expect(summary.data).toMatchObject({ requests: 0, cost_usd: 0 });

  const changed = await client.applications({ id }).patch({ disabled: true }, { headers: { "if-match": '"1"' } });
  expect([changed.data?.disabled, changed.data?.created_at]).toEqual([true, "2026-01-31T12:00:00.000Z"]);
});

test("a failure is a problem, by its status", async () => {
  await using admin = await startTestAdmin();
  const { data, error } = await clientOf(admin).models({ id: "nobody" }).get();
  expect(data).toBeNull();
  if (error?.status !== 404) throw new Error("want 404");
  const code: string = error.value.code;
  expect(code).toBe("not_found");
});

test("what is not described does not compile", async () => {
  await using admin = await startTestAdmin();
  const client = clientOf(admin);
  // @ts-expect-error: an application has a name.
  expect((await client.applications.post({ labels: {} })).status).toBe(400);
  // @ts-expect-error: there is no such member.
  expect((await client.applications.post({ name: "chat", owner: "ann" })).status).toBe(400);
  // @ts-expect-error: this is no filter.
  expect((await client.models.get({ query: { colour: "red" } })).status).toBe(400);
});
