import { readFile } from "node:fs/promises";
import { SignJWT } from "jose";
import type { AdminScope } from "../core/operators.ts";
import { append, decisionRow, usageRow } from "../store/testing.ts";
import type { OpenApiDocument } from "./openapi.ts";
import { startTestAdmin } from "./testing.ts";
import { type Answer, bodyOf, mediaType, type Operation, operationsOf, parametersIn } from "./testing-contract.ts";

/** What of a request is other than the document's examples. */
export interface Instead {
  /** Values of path and query parameters, by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text is sent as it is, everything else as JSON; `null` sends no body. */
  readonly body?: unknown;
  /** `null` sends no credential. */
  readonly key?: string | null;
}

const tokenSecret = "a secret that only tests know of..";
const tokens = {
  secret: tokenSecret,
  jwksTimeoutMs: 1000,
  jwksMaxAgeMs: 1000,
  claims: { roles: ["roles"], scopes: ["scope"], organisation: ["organisation"] },
  organisationRequired: false,
};

/** The first half of the decision that examples explain. */
const requestId = "req_AaH9HvRXdSKZHVNwBtviUA";
/** The counter that the example of a reset names. */
const counterKey = "default|org/free-tier|day/usd|usd|day|app=chat";
const shipped = ["org/prod-token-cap", "org/free-tier"];

/** The shipped policies that examples name, by their paths. */
async function examplePolicies(): Promise<Record<string, string>> {
  const read = async (id: string): Promise<[string, string]> => [
    `${id}.policy.yaml`,
    await readFile(new URL(`../../policies/${id}.policy.yaml`, import.meta.url), "utf8"),
  ];
  return Object.fromEntries(await Promise.all(shipped.map(read)));
}

/**
 * A control plane in which the document's examples are true: what they create was created by sending them, and what
 * they name is there. Dispose it when done.
 *
 * @param without an operation whose example is yet to be sent
 */
export async function startWorld(document: OpenApiDocument, without?: Operation) {
  const policies = await examplePolicies();
  const admin = await startTestAdmin(policies, { tokens });
  const operations = operationsOf(document);
  /** Ids that were given here, by those of the examples. */
  const ids = new Map<string, string>();

  /** A value of an example with the ids that things have here. */
  function here(value: unknown): unknown {
    if (typeof value === "string") return ids.get(value) ?? value;
    if (Array.isArray(value)) return value.map(here);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, here(one)]));
  }

  /** The path and query of an operation. */
  function toUrl(operation: Operation, given: Readonly<Record<string, string>> = {}): string {
    const shown = (name: string, example: unknown) => given[name] ?? String(here(example));
    let url = operation.path;
    for (const { name, example } of parametersIn(operation, "path")) {
      if (example === undefined && given[name] === undefined) {
        throw new Error(`${operation.operationId}: the path parameter '${name}' has no example`);
      }
      url = url.replace(`{${name}}`, encodeURIComponent(shown(name, example)));
    }
    const query = new URLSearchParams(
      parametersIn(operation, "query")
        .filter(({ name, example }) => example !== undefined || given[name] !== undefined)
        .map(({ name, example }): [string, string] => [name, shown(name, example)]),
    );
    const unknown = Object.entries(given).filter(([name]) => !operation.parameters.some((one) => one.name === name));
    for (const [name, value] of unknown) query.set(name, value);
    return query.size === 0 ? url : `${url}?${query}`;
  }

  /** Sends an operation's examples, or what is given instead. */
  async function send(operation: Operation, instead: Instead = {}): Promise<Answer> {
    const { parameters, headers = {}, key = admin.adminKey } = instead;
    const body = instead.body === undefined ? here(bodyOf(operation)?.example) : instead.body;
    const answer = await admin.app.handle(
      new Request(`http://localhost${toUrl(operation, parameters)}`, {
        method: operation.method,
        headers: {
          ...(key !== null && { authorization: `Bearer ${key}` }),
          ...(body !== undefined && body !== null && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && body !== null && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
    const { status } = answer;
    // A stream of events has no end to be read to.
    if (mediaType({ status, headers: answer.headers, text: "" }) === "text/event-stream") {
      await answer.body?.cancel();
      return { status, headers: answer.headers, text: "" };
    }
    const text = await answer.text().catch((error: unknown) => `broken off: ${String(error)}`);
    return { status, headers: answer.headers, text };
  }

  /** Sends the examples of all operations that create until no more of them work. */
  async function create(): Promise<void> {
    let missing = operations.filter(({ method, responses, path }) => {
      return method === "POST" && "201" in responses && path !== without?.path;
    });
    for (let before = -1; missing.length !== before; ) {
      before = missing.length;
      const left: Operation[] = [];
      for (const operation of missing) {
        const answer = await send(operation);
        if (answer.status !== 201) left.push(operation);
        else nameIds(operation, JSON.parse(answer.text));
      }
      missing = left;
    }
    if (missing.length > 0 && without === undefined) {
      const answers = await Promise.all(missing.map(async (one) => `${one.operationId}: ${(await send(one)).text}`));
      throw new Error(`examples do not work:\n${answers.join("\n")}`);
    }
  }

  /** Notes the id that something got which the document calls otherwise; some bring an id of their own. */
  function nameIds(operation: Operation, made: { readonly id?: unknown }): void {
    const sent = bodyOf(operation)?.example as { readonly id?: unknown } | undefined;
    const shown = operation.responses["201"]?.content?.["application/json"]?.example as { readonly id?: unknown };
    if (sent?.id === undefined && typeof shown.id === "string" && typeof made.id === "string") {
      ids.set(shown.id, made.id);
    }
  }

  /** What the gateway writes, and what happened to the policies folder. */
  async function live(): Promise<void> {
    const first = admin.service.status().files;
    const cap = policies["org/prod-token-cap.policy.yaml"]!;
    await admin.files.write("org/prod-token-cap.policy.yaml", cap.replace("default: 16000", "default: 8000"));
    const { files: second, revision } = await admin.service.reload();
    await admin.service.kept();
    const diff = exampleOf("diffRevisions") as { readonly base: string; readonly head: string };
    ids.set(diff.base, second);
    ids.set(diff.head, first);
    await append(admin.store, {
      usage: [usageRow({ requestId })],
      decisions: [decisionRow({ requestId, revision })],
    });
    const reservation = { key: counterKey, unit: "usd", window: { every: "day" }, max: 1_000_000, amount: 10 } as const;
    await admin.counters.reserve("example", { id: "default", timeZone: "UTC" }, [
      { ...reservation, onStoreDown: "local" },
    ]);
    await admin.counters.settle("example", { usd: 10 });
  }

  const exampleOf = (operationId: string) => {
    const operation = operations.find((one) => one.operationId === operationId)!;
    return operation.responses["200"]?.content?.["application/json"]?.example;
  };

  /** A resource that is made by PUT is made, where it is not there. */
  async function ensure(operation: Operation): Promise<void> {
    if (operation.method === "PUT") return;
    const at = (method: string) => operations.find((one) => one.path === operation.path && one.method === method);
    const [read, put] = [at("GET"), at("PUT")];
    if (read !== undefined && put !== undefined && (await send(read)).status === 404) await send(put);
  }

  /** The credential of an operator who may do so much, in one organisation or in all. */
  function credential(scopes: readonly AdminScope[], organisation?: string): Promise<string> {
    const now = Math.floor(admin.clock.now() / 1000);
    const claims = { scope: scopes.join(" "), ...(organisation !== undefined && { organisation }) };
    return new SignJWT({ ...claims, sub: "ann", iat: now, exp: now + 600 })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(tokenSecret));
  }

  await live();
  await create();
  if (without !== undefined) await ensure(without);
  return { admin, send, here, ensure, credential, [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose]() };
}
