import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

describe("the documentation page", () => {
  test("loads everything from the gateway itself", async () => {
    await using admin = await startTestAdmin();
    const page = await admin.call("GET", "/docs", { key: null });
    expect([page.status, page.type]).toEqual([200, "text/html; charset=utf-8"]);
    const references = [...page.text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, reference]) => reference!);
    expect(references.length).toBe(4);
    for (const reference of references) {
      expect(reference).toStartWith("/docs/assets/");
      const asset = await admin.call("GET", reference, { key: null });
      expect([reference, asset.status]).toEqual([reference, 200]);
      expect(asset.text.length).toBeGreaterThan(100);
    }
  });

  test("names no outside host, in what we write and in what styles load, and forbids the browser to ask one", async () => {
    await using admin = await startTestAdmin();
    const page = await admin.call("GET", "/docs", { key: null });
    const script = await admin.call("GET", "/docs/assets/start.js", { key: null });
    const styles = await admin.call("GET", "/docs/assets/swagger-ui.css", { key: null });
    expect(page.text + script.text).not.toMatch(/\/\/[a-z0-9]/i);
    expect(styles.text).not.toMatch(/url\(["']?(?:https?:)?\/\/|@import/i);
    const policy = page.headers.get("content-security-policy")!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/https?:|\*/);
    // The bundle would otherwise send the document's address to a validator.
    expect(script.text).toContain("validatorUrl: null");
  });

  test.each(["nope.js", "..%2Fpackage.json", "package.json", "__proto__", "swagger-ui-bundle.js.map"])(
    "serves no other file: %s",
    async (file) => {
      await using admin = await startTestAdmin();
      expect((await admin.call("GET", `/docs/assets/${file}`, { key: null })).status).toBe(404);
    },
  );
});

describe("the OpenAPI document", () => {
  test("describes every operation: id, summary, tag, answers, problems and an example", async () => {
    await using admin = await startTestAdmin();
    const document = (await admin.call("GET", "/docs/json", { key: null })).json();
    expect(document.openapi).toBe("3.1.0");
    expect(document.security).toEqual([{ adminKey: [] }]);
    expect(document.components.securitySchemes.adminKey).toMatchObject({ type: "http", scheme: "bearer" });
    const known = new Set(document.tags.map(({ name }: { name: string }) => name));
    const ids = new Set<string>();
    for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
      expect(path).toStartWith("/admin/v1/");
      for (const [method, operation] of Object.entries(methods)) {
        const name = `${method} ${path}`;
        expect([name, operation.summary]).toEqual([name, expect.stringMatching(/^[A-Z].*[^.]$/)]);
        expect([name, operation.tags.every((tag) => known.has(tag))]).toEqual([name, true]);
        expect([name, ids.has(operation.operationId)]).toEqual([name, false]);
        ids.add(operation.operationId);
        const statuses = Object.keys(operation.responses);
        expect([name, statuses]).toEqual([name, expect.arrayContaining(["400", "401", "500"])]);
        if (path.includes("{id}")) expect([name, statuses]).toEqual([name, expect.arrayContaining(["404"])]);
        for (const [status, response] of Object.entries(operation.responses)) {
          const types = Object.keys(response.content ?? {});
          const want = status === "204" ? [""] : Number(status) < 400 ? answerTypes : ["application/problem+json"];
          expect([name, status, response.description !== ""]).toEqual([name, status, true]);
          expect([name, status, want]).toEqual([name, status, expect.arrayContaining([types.join(", ")])]);
        }
        if (operation.requestBody !== undefined) {
          expect([name, operation.requestBody.content]).toEqual([name, { "application/json": expect.anything() }]);
          expect([name, operation.requestBody.content["application/json"]?.example]).toEqual([name, expect.anything()]);
        }
      }
    }
  });

  test("holds no internal names of schemas and only references that resolve", async () => {
    await using admin = await startTestAdmin();
    const { text } = await admin.call("GET", "/docs/json", { key: null });
    const references = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference));
    expect([...references]).toEqual(["#/components/schemas/Problem"]);
    expect(text).not.toContain("UnionEnum");
    expect(text).not.toContain("multipart");
  });
});

/** JSON, the same as a table, lines of JSON, and events. */
const answerTypes = ["application/json", "application/json, text/csv", "application/x-ndjson", "text/event-stream"];

interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { description: string; content?: object }>>;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: unknown }>> };
}
