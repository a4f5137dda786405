import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type AdminScope, adminScopes, type Role, roleScopes, roles } from "../core/operators.ts";
import { createAdmin } from "./admin.ts";
import type { AdminDeps } from "./deps.ts";
import { createOpenApiDocument } from "./openapi.ts";
import { needing, readRequirements } from "./scopes.ts";
import { type Operation, operationsOf } from "./testing-contract.ts";
import { startWorld } from "./testing-world.ts";

const document = await createOpenApiDocument(createAdmin({} as AdminDeps), "0.0.0");
const operations = operationsOf(document);
const scopeOf = (operation: Operation) => operation["x-required-scope"] as AdminScope;

/** Whether the table of roles lets an operator make a call, in one organisation or in all. */
function mayCall(role: Role, organisation: string | null, operation: Operation): boolean {
  const scopes: readonly AdminScope[] = roleScopes[role];
  return (
    scopes.includes(scopeOf(operation)) && (organisation === null || operation["x-required-reach"] !== "deployment")
  );
}

/** Calls whose examples are for all organisations, though they can be made for one: what is refused is the example. */
const forAllByExample = ["tunePolicyParams"];

let world: Awaited<ReturnType<typeof startWorld>>;
const keys = new Map<string, string>();
const keyOf = (role: Role, organisation: string | null) => keys.get(`${role} ${organisation}`)!;

beforeAll(async () => {
  world = await startWorld(document);
  for (const role of roles) {
    for (const organisation of [null, "default"]) {
      const made = await world.admin.call("POST", "/admin/v1/admin-keys", { body: { name: role, role, organisation } });
      expect(made.status).toBe(201);
      keys.set(`${role} ${organisation}`, made.json().key);
    }
  }
});
afterAll(() => world[Symbol.asyncDispose]());

// First what is refused, which changes nothing.
describe.each([...roles])("the role %s", (role) => {
  test.each([[null], ["default"]])("in %p is refused every call that it may not make", async (organisation) => {
    const refused = operations.filter((operation) => !mayCall(role, organisation, operation));
    const wrong: unknown[] = [];
    for (const operation of refused) {
      const { status, text } = await world.send(operation, { key: keyOf(role, organisation) });
      if (status !== 403 || JSON.parse(text).code !== "insufficient_scope") wrong.push([operation.operationId, status]);
    }
    expect(wrong).toEqual([]);
    if (role !== "owner" || organisation !== null) expect(refused.length).toBeGreaterThan(5);
  });

  test("is refused before its input is read, and whether or not there is what it names", async () => {
    const refused = operations.filter((operation) => !mayCall(role, "default", operation));
    for (const operation of refused) {
      const parameters = Object.fromEntries(
        operation.parameters.filter(({ in: place }) => place === "path").map(({ name }) => [name, "nothing"]),
      );
      for (const body of operation.requestBody === undefined ? [null] : ["{", "{}"]) {
        const { status } = await world.send(operation, { key: keyOf(role, "default"), parameters, body });
        expect([operation.operationId, status]).toEqual([operation.operationId, 403]);
      }
    }
  });
});

describe.each([...roles])("the role %s", (role) => {
  test.each([[null], ["default"]])("in %p makes every call that it may make", async (organisation) => {
    const wrong: unknown[] = [];
    for (const operation of operations.filter((one) => mayCall(role, organisation, one))) {
      const { status, text } = await world.send(operation, { key: keyOf(role, organisation) });
      const expected = organisation !== null && forAllByExample.includes(operation.operationId);
      if (status === 401 || (status === 403) !== expected) wrong.push([operation.operationId, status, text]);
    }
    expect(wrong).toEqual([]);
  });
});

describe("the table of roles", () => {
  test("gives to each role what it says, and to owners everything", () => {
    expect(Object.keys(roleScopes).sort()).toEqual([...roles].sort());
    expect([...roleScopes.owner]).toEqual([...adminScopes]);
    for (const role of roles) expect(roleScopes[role]).toContain("policy:read");
  });

  test("lets viewers and auditors change nothing", () => {
    const changing = operations.filter(({ method }) => method !== "GET");
    for (const role of ["viewer", "auditor"] as const) {
      const may = changing.filter((operation) => mayCall(role, null, operation));
      expect(may.filter((operation) => scopeOf(operation) !== "policy:simulate")).toEqual([]);
    }
  });

  test("wants no more than to read for a read, and more for a change", () => {
    for (const operation of operations) {
      const reads = /:(read|simulate)$/.test(scopeOf(operation));
      if (operation.method === "GET") expect([operation.operationId, reads]).toEqual([operation.operationId, true]);
      else if (scopeOf(operation) !== "policy:simulate") {
        expect([operation.operationId, reads]).toEqual([operation.operationId, false]);
      }
    }
  });

  test("has a use for every scope", () => {
    expect(new Set(operations.map(scopeOf))).toEqual(new Set(adminScopes));
  });
});

describe("a route", () => {
  test("that states no scope is not made", () => {
    const route = { method: "GET", path: "/admin/v1/open", hooks: { detail: {} } };
    expect(() => readRequirements([route])).toThrow("the route GET /admin/v1/open states no scope");
    expect(() => readRequirements([{ ...route, hooks: { detail: needing("policy:read", {}) } }])).not.toThrow();
  });

  test("that is not described is held to a scope all the same", async () => {
    // Ids with a slash that nobody escaped.
    const path = "/admin/v1/policies/a/b/c";
    expect((await world.admin.call("GET", path, { key: keyOf("viewer", null) })).status).toBe(404);
    const { status } = await world.admin.call("GET", path, { key: await world.credential(["usage:read"]) });
    expect(status).toBe(403);
  });

  test("that is asked with HEAD is the one that is asked with GET", async () => {
    const head = async (scope: AdminScope) =>
      (await world.admin.call("HEAD", "/admin/v1/usage/records", { key: await world.credential([scope]) })).status;
    expect([await head("usage:read"), await head("policy:read")]).toEqual([200, 403]);
  });

  test("that is not there is not found by whoever is an operator, with whatever scope", async () => {
    const { status } = await world.admin.call("GET", "/admin/v1/nothing", { key: await world.credential([]) });
    expect(status).toBe(404);
  });
});
