import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

interface Told {
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

const surfaces =
  "chat, completions, responses, embeddings, messages, count_tokens, gemini, gemini-count-tokens, gemini-embeddings, " +
  "cohere, cohere-embeddings, azure-chat, azure-completions, azure-embeddings";

describe("input that a schema does not accept is told with where, what was received and what is accepted", () => {
  test.each<[string, unknown, string, string]>([
    ["/applications", { nam: "x" }, "/name", "Property 'name' is missing; want a string from 1 to 128 characters"],
    ["/applications", { name: "x", nam: 1 }, "/nam", "Property 'nam' is not known; did you mean 'name'"],
    ["/applications", { name: "x", colour: 1 }, "/colour", "accepted: name, organisation, team, labels"],
    ["/applications", { name: 5 }, "/name", "Got 5; want a string"],
    [
      "/applications",
      { name: "x", labels: { "": "y" } },
      "/labels/",
      "Got the name ''; want one matching ^[A-Za-z0-9]",
    ],
    ["/applications", [], "", "Got an empty list; want a map"],
    ["/applications", undefined, "", "Got nothing; want a map"],
    ["/keys", { application: "a", env: "DEV x" }, "/env", "Got 'DEV x'; want a string matching ^[a-z0-9]"],
    ["/keys", { application: "a", surfaces: ["nope"] }, "/surfaces/0", `Got 'nope'; accepted: ${surfaces}`],
    ["/keys", { application: "a", surfaces: "chat" }, "/surfaces", "Got 'chat'; want a list from 1 to 100 elements"],
    ["/keys", { application: "a", models: [""] }, "/models/0", "Got ''; want a string from 1 to 128 characters"],
    ["/models", { id: "m", targets: [{ provider: "p" }] }, "/targets/0/model", "Property 'model' is missing; want"],
    [
      "/models",
      { id: "m", targets: [], price: { input: -1, output: 1 } },
      "/price/input",
      "Got -1; want a number from 0",
    ],
  ])("in a body: %s %j", async (path, body, pointer, detail) => {
    await using admin = await startTestAdmin();
    const refused = await admin.call("POST", `/admin/v1${path}`, { body });
    expect(refused.status).toBe(400);
    const told = refused.json() as Told;
    expect(told.errors?.find((error) => error.pointer === pointer)?.detail).toContain(detail);
    expect(told.detail).toStartWith("The body is not accepted. ");
  });

  test("in a change of nothing, and in a map of too much", async () => {
    await using admin = await startTestAdmin();
    const labels = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ""]));
    const nothing = await admin.call("PATCH", "/admin/v1/applications/chat", { body: {} });
    expect((nothing.json() as Told).detail).toBe(
      "The body is not accepted. Got an empty map; want at least one of name, team, labels, disabled.",
    );
    const much = await admin.call("POST", "/admin/v1/applications", { body: { name: "x", labels } });
    expect((much.json() as Told).detail).toBe("The body is not accepted. /labels: Got a map of 33; want at most 32.");
    const odd = await admin.call("POST", "/admin/v1/applications", { body: { name: "x", labels: { "a b/c~d": "" } } });
    expect((odd.json() as Told).detail).toContain("Got the name 'a b/c~d'; want one matching");
  });

  test.each([
    ["limit=0", "/limit: Got 0; want an integer from 1 to 200."],
    ["limit=5000", "/limit: Got 5000; want an integer from 1 to 200."],
    ["limit=many", "/limit: Got 'many'; want an integer from 1 to 200."],
    ["limit=", "/limit: Got ''; want an integer from 1 to 200."],
    ["status=gone", "/status: Got 'gone'; accepted: active, expired, revoked."],
    ["statu=active", "/statu: Property 'statu' is not known; did you mean 'status'?"],
  ])("in a query: %s", async (query, detail) => {
    await using admin = await startTestAdmin();
    const refused = await admin.call("GET", `/admin/v1/keys?${query}`);
    expect(refused.status).toBe(400);
    expect((refused.json() as Told).detail).toBe(`The query is not accepted. ${detail}`);
  });

  test.each(["usage/summary", "usage/metrics", "decisions", "decisions/stats", "audit"])(
    "as times between which nothing can lie: %s",
    async (path) => {
      await using admin = await startTestAdmin();
      const ask = (from: string, to: string) => admin.call("GET", `/admin/v1/${path}?from=${from}&to=${to}`);
      const refused = await ask("2026-01-31", "2026-01-30");
      const detail = "'from' is later than 'to': got '2026-01-31' and '2026-01-30'.";
      expect([refused.status, refused.json().detail]).toEqual([400, detail]);
      expect((await ask("2026-01-30", "2026-01-30")).status).toBe(200);
    },
  );

  test("a body that is no JSON is told without the parser's name", async () => {
    await using admin = await startTestAdmin();
    const refused = await admin.call("POST", "/admin/v1/applications", { body: "{" });
    expect(refused.json()).toMatchObject({
      code: "malformed_json",
      detail: expect.not.stringContaining("Parse error"),
    });
  });
});
