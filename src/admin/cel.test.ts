import { expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

test.each([
  [
    { expression: "request.max_tokens > params.cap", params: { cap: 10 } },
    { type: "bool", reads: ["request.max_tokens"] },
  ],
  [{ expression: "request.max_tokens", condition: false }, { type: "int" }],
  [
    { expression: "request.model in data.old", path: "org/x.policy.yaml" },
    { type: "bool", reads: ["request.model"] },
  ],
  [{ expression: "response.status >= 500", phase: "usage" }, { type: "bool" }],
])("a CEL expression that a policy could use is told with its type: %j", async (body, expected) => {
  await using admin = await startTestAdmin({
    "org/m.data.yaml": "lists: { old: [gpt-3] }\n",
    "org/a.policy.yaml": "rules: [{ id: a, then: warn }]\n",
  });
  const answer = (await admin.call("POST", "/admin/v1/policies/validate-cel", { body })).json();
  expect(answer).toMatchObject({ valid: true, problem: null, ...expected });
});

test.each([
  [{ expression: "request.max_token > 1" }, "C002", 1],
  [{ expression: "request.stream &&\n  request.bytes > 'x'" }, "C004", 2],
  [{ expression: "request.bytes" }, "C005", 1],
  [{ expression: "1 < 2" }, "C008", 1],
  [{ expression: "request.bytes >" }, "C001", 1],
  [{ expression: "response.status >= 500" }, "C003", 1],
  [{ expression: "request.model in data.none" }, "C002", 1],
])("what is wrong with a CEL expression is told with its place: %j", async (body, code, line) => {
  await using admin = await startTestAdmin();
  const answer = (await admin.call("POST", "/admin/v1/policies/validate-cel", { body })).json();
  expect(answer).toMatchObject({ valid: false, type: "", reads: [], problem: { code } });
  expect([answer.problem.line, answer.problem.column > 0]).toEqual([line, true]);
});

test("what this gateway is and knows can be read", async () => {
  await using admin = await startTestAdmin();
  const get = async (path: string) => (await admin.call("GET", `/admin/v1/${path}`)).json();
  expect(await get("system/info")).toMatchObject({
    version: "0.1.0",
    operator: { id: "admin-key", organisation: null },
  });
  expect((await get("system/errors?limit=200")).data).toContainEqual({
    code: "environment_paused",
    status: 403,
    message: "The application '{application}' is disabled in '{env}'.",
  });
  expect((await get("system/roles")).data.map(({ role }: { role: string }) => role)).toContain("viewer");
  expect((await get("system/facts?limit=200")).data.map(({ name }: { name: string }) => name)).toContain("app.env");
  expect(await get("policies/list")).toEqual(await get("policies"));
});
