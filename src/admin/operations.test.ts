import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { adminScopes } from "../core/operators.ts";
import { createAdmin } from "./admin.ts";
import type { AdminDeps } from "./deps.ts";
import { createOpenApiDocument } from "./openapi.ts";
import { type Answer, createContract, type Operation, operationsOf, parametersIn } from "./testing-contract.ts";
import { badInputs } from "./testing-inputs.ts";
import { startWorld } from "./testing-world.ts";

// Every test here is made from the document: an operation that is described is tried, and none can be called that is not.
const document = await createOpenApiDocument(createAdmin({} as AdminDeps), "0.0.0");
const operations = operationsOf(document);
const { check, fits } = createContract(document);
const named = (some: readonly Operation[]) => some.map((one) => [`${one.method} ${one.path}`, one] as const);

/** Operations that change nothing, and those that may. */
const reading = operations.filter(({ method }) => method === "GET");
const writing = operations.filter(({ method }) => method !== "GET");

/** What has to be done before an example is accepted that is of something in use. */
const before: Readonly<Record<string, readonly string[]>> = { deleteTeam: ["deleteApplication"] };

/** For requests that change nothing: they are reads, or refused. */
let world: Awaited<ReturnType<typeof startWorld>>;
/** For requests that change something. */
let worked: typeof world;
let gatewayKey = "";
beforeAll(async () => {
  [world, worked] = [await startWorld(document), await startWorld(document)];
  const minted = await world.send(operations.find(({ operationId }) => operationId === "mintKey")!);
  gatewayKey = JSON.parse(minted.text).key;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await worked[Symbol.asyncDispose]();
});

describe("the document", () => {
  test("is valid OpenAPI 3.1", async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  test.each(named(operations))("%s has examples, and they fit", (_, operation) => {
    const wrong: string[] = [];
    const fit = (what: string, schema: object, example: unknown) => {
      if (!fits(schema as Record<string, unknown>, example)) wrong.push(`${what} does not fit its schema`);
    };
    for (const { name, in: place, required, schema, example } of operation.parameters) {
      if (example !== undefined) fit(name, schema, example);
      else if (required || place === "path") wrong.push(`the parameter ${name} has none`);
    }
    const answers = Object.entries(operation.responses).filter(([status]) => Number(status) < 300);
    for (const { content = {} } of [operation.requestBody ?? {}, ...answers.map(([, answer]) => answer)]) {
      for (const [type, { schema, example }] of Object.entries(content)) {
        if (!/[/+]json$/.test(type)) continue;
        if (example === undefined) wrong.push(`a body of ${type} has none`);
        else fit("a body", schema ?? {}, example);
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each(named(operations))("%s says what each of its parameters is", (_, operation) => {
    expect(operation.parameters.filter(({ description = "" }) => description === "").map(({ name }) => name)).toEqual(
      [],
    );
  });

  test.each(named(operations))("%s tells the scope that it needs", (_, operation) => {
    expect(operation["x-required-scope"]).toMatch(/^[a-z]+:[a-z]+$/);
  });
});

describe("with the examples of the document", () => {
  test.each(named(reading))("%s succeeds", async (_, operation) => {
    await world.ensure(operation);
    const answer = await world.send(operation);
    expect([answer.status < 300, answer.text]).toEqual([true, answer.text]);
    expect(check(operation, answer)).toEqual([]);
  });

  /** One after the other, as operators do it; what is in the way of another one has a world of its own. */
  async function write(operation: Operation): Promise<readonly [Answer, readonly string[]]> {
    const makesOrEnds = operation.method === "DELETE" || "201" in operation.responses;
    if (!makesOrEnds) {
      const answer = await worked.send(operation);
      if (answer.status < 300) return [answer, check(operation, answer)];
    }
    await using fresh = await startWorld(document, operation);
    for (const first of before[operation.operationId] ?? []) {
      await fresh.send(operations.find(({ operationId }) => operationId === first)!);
    }
    const answer = await fresh.send(operation);
    return [answer, check(operation, answer)];
  }

  test.each(named(writing))("%s succeeds", async (_, operation) => {
    const [{ status, text }, wrong] = await write(operation);
    expect([status < 300, text]).toEqual([true, text]);
    expect(wrong).toEqual([]);
  });
});

describe("input that is not as described", () => {
  const takesInput = operations.filter((one) => badInputs(one, fits).length > 0);

  test("can be given to every operation that takes any", () => {
    const none = operations.filter((one) => !takesInput.includes(one));
    expect(none.filter(({ parameters, requestBody }) => parameters.length > 0 || requestBody !== undefined)).toEqual(
      [],
    );
  });

  test.each(named(takesInput))("is refused by %s", async (_, operation) => {
    const accepted: string[] = [];
    for (const { wrong, instead, status } of badInputs(operation, fits)) {
      const answer = await world.send(operation, instead);
      if (answer.status !== status) accepted.push(`${wrong}: ${answer.status}, not ${status}`);
      accepted.push(...check(operation, answer).map((one) => `${wrong}: ${one}`));
    }
    expect(accepted).toEqual([]);
  });
});

describe("a list as CSV", () => {
  const takes = (operation: Operation, name: string) =>
    parametersIn(operation, "query").some((one) => one.name === name);
  const lists = reading.filter((one) => takes(one, "format") && takes(one, "cursor"));

  test.each(named(lists))("from a cursor that is none is refused before it begins: %s", async (_, operation) => {
    const answer = await world.send(operation, { parameters: { format: "csv", cursor: "nonsense" } });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining("cursor")]);
    expect(check(operation, answer)).toEqual([]);
    const whole = await world.send(operation, { parameters: { format: "csv" } });
    expect([whole.status, check(operation, whole)]).toEqual([200, []]);
  });
});

describe("a request", () => {
  test.each(named(operations))("without a good credential is refused by %s", async (_, operation) => {
    for (const key of [null, "", "sla_wrong", gatewayKey]) {
      const answer = await world.send(operation, { key });
      expect([key, answer.status, answer.headers.get("www-authenticate")]).toEqual([key, 401, "Bearer"]);
      expect(check(operation, answer)).toEqual([]);
    }
  });
});

describe("an operator", () => {
  test.each(named(operations))("with every scope but the one that it takes is refused by %s", async (_, operation) => {
    const needed = operation["x-required-scope"];
    const key = await world.credential(adminScopes.filter((scope) => scope !== needed));
    const answer = await world.send(operation, { key });
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([403, "insufficient_scope"]);
    expect(check(operation, answer)).toEqual([]);
  });

  test.each(named(operations.filter((one) => one["x-required-reach"] === "deployment")))(
    "of one organisation is refused by %s, which concerns all",
    async (_, operation) => {
      const answer = await world.send(operation, { key: await world.credential(adminScopes, "default") });
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([403, "insufficient_scope"]);
      expect(check(operation, answer)).toEqual([]);
    },
  );
});

describe("an unknown id", () => {
  test.each(named(operations.filter((one) => parametersIn(one, "path").length > 0)))(
    "is not found by %s",
    async (_, operation) => {
      for (const { name } of parametersIn(operation, "path")) {
        // What PUT makes is made.
        if (operation.method === "PUT" && operation.path.endsWith(`{${name}}`)) continue;
        const answer = await world.send(operation, { parameters: { [name]: "nobody" } });
        expect([name, answer.status, answer.text]).toEqual([name, 404, answer.text]);
        expect(check(operation, answer)).toEqual([]);
      }
    },
  );
});

describe("a path that cannot be read", () => {
  const parts = ["%", "%zz", "%E0%A4%A", "%00", "%ff", "..%2f..", "%252e", "x".repeat(20_000), "a//b", ";a=b", "\\"];
  const paths = [...new Set(operations.map(({ path }) => path))].filter((path) => path.includes("{"));

  test.each(paths.map((path) => [path]))("is told as a problem: %s", async (path) => {
    const { app, adminKey } = world.admin;
    for (const part of parts) {
      for (const method of ["GET", "POST", "DELETE", "PROPFIND"]) {
        const url = `http://localhost${path.replaceAll(/\{[^}]+\}/g, part)}`;
        const headers = { authorization: `Bearer ${adminKey}` };
        const { status, headers: shown } = await app.handle(new Request(url, { method, headers }));
        const told = [part.slice(0, 20), method, status < 500, status < 300 || shown.get("content-type")];
        const type = status < 300 ? true : "application/problem+json";
        expect(told).toEqual([part.slice(0, 20), method, true, type]);
      }
    }
  });
});

describe("a stale ETag", () => {
  const conditional = operations.filter((one) => parametersIn(one, "header").some(({ name }) => name === "if-match"));

  test("can be sent to everything that changes or deletes something with a version", () => {
    expect(conditional.length).toBeGreaterThan(10);
    expect(conditional.filter(({ responses }) => !("412" in responses))).toEqual([]);
  });

  test.each(named(conditional))("is refused by %s", async (_, operation) => {
    for (const etag of ['"987654321"', "no etag"]) {
      const answer = await world.send(operation, { headers: { "if-match": etag } });
      expect([etag, answer.status, answer.text]).toEqual([etag, 412, answer.text]);
      expect(check(operation, answer)).toEqual([]);
    }
  });
});
