import { describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decisionRow, usageRow } from "../store/testing.ts";
import { startTestAdmin } from "./testing.ts";

interface Operation {
  readonly responses: object;
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly example: unknown } } };
}

/** Every operation that the OpenAPI document lists. */
const operations = await (async () => {
  const document = await Bun.file(join(import.meta.dir, "../../schema/openapi.json")).json();
  return Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation })),
  );
})();

describe("every route", () => {
  test("is listed in the OpenAPI document", () => {
    expect(operations.length).toBeGreaterThan(20);
  });

  test("refuses who has no admin key, before it reads or tells anything", async () => {
    await using admin = await startTestAdmin();
    const application = await admin.store.applications.create(
      {
        organisation: "default",
        team: "",
        name: "chat",
        labels: {},
      },
      "ann",
    );
    const { secret } = await admin.mint.mint({
      application: application.id,
      env: "prod",
      name: "",
      expiresAt: null,
      actor: "ann",
    });
    for (const { method, path } of operations) {
      const route = path.replace(/\{\w+\}/g, "chat");
      const hasBody = method !== "GET";
      for (const key of [null, secret, `${admin.adminKey}x`]) {
        for (const body of hasBody ? [undefined, "{"] : [undefined]) {
          const refused = await admin.call(method, `${route}?nonsense=1`, { key, ...(body !== undefined && { body }) });
          expect([method, path, refused.status]).toEqual([method, path, 401]);
          expect(refused.json()).toMatchObject({ code: "unauthenticated", instance: route });
          expect(refused.headers.get("www-authenticate")).toBe("Bearer");
        }
      }
    }
    expect(admin.logger.lines).toContainEqual(expect.stringContaining("no valid credential"));
    expect(admin.logger.lines.join()).not.toContain(secret);
    expect(admin.logger.lines.join()).not.toContain(admin.adminKey.slice(0, -1));
    expect((await admin.store.applications.find("chat"))?.disabled).toBe(false);
  });

  test.each([
    ["none", null, "No credential was sent."],
    ["no bearer", "Basic abc", "The authorization header holds no 'Bearer <key>'."],
    ["one that nobody has", "Bearer sla_none", "The credential that was sent is not valid here."],
  ])(
    "with %s as its credential is told what is wrong with it; where it came from is logged",
    async (_, sent, detail) => {
      await using admin = await startTestAdmin();
      const headers = sent === null ? {} : { authorization: sent };
      const refused = await admin.call("GET", "/admin/v1/status", { key: null, headers });
      expect([refused.status, refused.json().detail]).toEqual([401, expect.stringContaining(detail)]);
      expect(admin.logger.lines.at(-1)).toContain("address");
      expect(admin.logger.lines.join()).not.toContain("sla_none");
    },
  );

  test("of a single thing is 404 for an id that nothing has", async () => {
    await using admin = await startTestAdmin();
    const single = operations.filter(({ path }) => path.includes("{id}"));
    expect(single.length).toBeGreaterThan(8);
    for (const { method, path, requestBody, parameters = [] } of single) {
      const example = requestBody?.content["application/json"].example;
      const wanted = parameters.filter(({ in: where, required }) => where === "query" && required === true);
      const query = wanted.map(({ name }) => `${name}=1`).join("&");
      const route = `${path.replace("{id}", "no-such-thing").replace("{env}", "prod")}?${query}`;
      const missing = await admin.call(method, route, example === undefined ? {} : { body: example });
      expect([method, path, missing.status, missing.type]).toEqual([method, path, 404, "application/problem+json"]);
      expect(missing.json()).toMatchObject({ code: "not_found", status: 404 });
      expect(missing.json().detail).toContain("'no-such-thing'");
    }
  });

  test("that takes a body refuses JSON that is none, and bodies that are too large", async () => {
    await using admin = await startTestAdmin();
    const bodied = operations.filter((operation) => "requestBody" in operation);
    expect(bodied.length).toBeGreaterThan(3);
    for (const { method, path } of bodied) {
      const route = path.replace("{id}", "x");
      const malformed = await admin.call(method, route, { body: '{"a":' });
      expect([route, malformed.status, malformed.json().code]).toEqual([route, 400, "malformed_json"]);
      const large = await admin.call(method, route, { body: JSON.stringify("x".repeat(2 * 1024 * 1024)) });
      expect([route, large.status, large.json().code]).toEqual([route, 413, "body_too_large"]);
    }
  });

  test("tells what is wrong with input whose members are called as what objects can do", async () => {
    await using admin = await startTestAdmin();
    for (const odd of ['{"toString":1}', '{"valueOf":1,"toString":null}', '{"\\u0074oString":{}}']) {
      const body = `{"name":"chat","labels":{"a":${odd}},"team":${odd}}`;
      const refused = await admin.call("POST", "/admin/v1/applications", { body });
      expect([odd, refused.status, refused.json().code]).toEqual([odd, 400, "invalid_input"]);
    }
  });

  test("that does not exist is a problem too, once the key is right", async () => {
    await using admin = await startTestAdmin();
    for (const [method, path] of [
      ["GET", "/admin/v1/nope"],
      ["GET", "/admin/v1"],
      ["PUT", "/admin/v1/applications"],
    ] as const) {
      const missing = await admin.call(method, path);
      expect([path, missing.status, missing.json().code]).toEqual([path, 404, "unknown_route"]);
      expect((await admin.call(method, path, { key: null })).status).toBe(401);
    }
  });
});

test("a failure that nobody foresaw tells an id and nothing else; the log has the rest", async () => {
  await using admin = await startTestAdmin();
  await admin.store.close();
  const failed = await admin.call("GET", "/admin/v1/applications");
  expect([failed.status, failed.type]).toEqual([500, "application/problem+json"]);
  const [, id] = /the id (\S+) when/.exec(failed.json().detail) ?? [];
  expect(failed.text).not.toMatch(/closed|database|sqlite|\.ts/i);
  expect(admin.logger.lines.at(-1)).toContain(id!);
  expect(admin.logger.lines.at(-1)).toMatch(/closed|destroyed/i);
});

test("requests without a credential are logged once a minute, and told how many", async () => {
  await using admin = await startTestAdmin();
  const refusals = () => admin.logger.lines.filter((line) => line.includes("no valid credential"));
  const knock = async (key: string | null) => (await admin.call("GET", "/admin/v1/applications", { key })).status;
  for (let i = 0; i < 4; i += 1) expect(await knock(null)).toBe(401);
  expect(await knock("sla_wrong")).toBe(401);
  expect(refusals()).toHaveLength(1);
  admin.clock.ms += 60_000;
  expect(await knock(null)).toBe(401);
  expect(refusals().slice(1)).toEqual([expect.stringContaining('"passedOver":4')]);
});

test("hooks and errors of the control plane and of the application around it do not meet", async () => {
  await using admin = await startTestAdmin();
  const plain = await admin.call("GET", "/plain", { key: null });
  expect([plain.status, plain.text, plain.headers.get("cache-control")]).toEqual([200, "plain", null]);
  expect((await admin.call("GET", "/elsewhere", { key: null })).status).toBe(599);
});

test("over HTTP it answers as it does inside the process", async () => {
  await using admin = await startTestAdmin();
  admin.app.listen({ port: 0, hostname: "127.0.0.1" });
  const headers = { authorization: `Bearer ${admin.adminKey}`, "content-type": "application/json" };
  const url = `http://127.0.0.1:${admin.app.server?.port}/admin/v1/applications`;
  const created = await fetch(url, { method: "POST", headers, body: JSON.stringify({ name: "chat" }) });
  expect(created.status).toBe(201);
  expect(await (await fetch(url, { headers })).json()).toMatchObject({ data: [{ id: "chat" }] });
  const refused = await fetch(url, { method: "POST", body: JSON.stringify({ name: "chat" }) });
  expect(refused.status).toBe(401);
  await admin.app.stop(true);
});

test("no secret is in any file of the data directory but the admin key's own, nor in the log", async () => {
  await using admin = await startTestAdmin();
  await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
  const { key } = (await admin.call("POST", "/admin/v1/keys", { body: { application: "chat" } })).json();
  await admin.directory.identify(key);
  const finding = decisionRow().decision.findings[0]!;
  const modifications = [{ op: "set", path: "messages", value: "planted prompt text" }] as const;
  admin.recorder.usage(usageRow());
  admin.recorder.decision(
    decisionRow({
      decision: {
        ...decisionRow().decision,
        effect: "modify",
        findings: [{ ...finding, effect: "modify", modifications }],
      },
    }),
  );
  await admin.recorder.flush();
  await admin.directory.flush();
  const secrets = [key, key.slice(-43), admin.adminKey, "planted prompt text", "sk-openai", "sk-provider-secret"];
  const files = await readdir(admin.folder);
  expect(files).toContain("sluice.db");
  for (const file of files) {
    const bytes = await readFile(join(admin.folder, file));
    for (const secret of secrets) {
      const expected = file === "admin-key" && secret === admin.adminKey;
      expect([file, secret, bytes.includes(secret)]).toEqual([file, secret, expected]);
    }
  }
  for (const secret of secrets) expect(admin.logger.lines.join("\n")).not.toContain(secret);
});
