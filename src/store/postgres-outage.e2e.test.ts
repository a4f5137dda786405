import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Harness, standIn, startHarness, until } from "../gateway/e2e-harness.ts";
import { type SlowWire, slowWire } from "../limits/redis/testing.ts";
import { type PostgresServer, postgresIsMissing, startPostgres } from "./postgres-harness.ts";

const answer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 8, completion_tokens: 1, total_tokens: 9 },
};
const chat = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] };

describe.skipIf(postgresIsMissing !== undefined)(
  `a gateway whose PostgreSQL goes away ${postgresIsMissing ?? ""}`,
  () => {
    let server: PostgresServer;
    let wire: SlowWire;
    let sluice: Harness;
    const provider = standIn(async (request) => {
      await request.text();
      return Response.json(answer);
    });
    let calls = 0;

    beforeAll(async () => {
      server = await startPostgres();
      const { name } = await server.createDatabase();
      wire = await slowWire(server.port);
      sluice = await startHarness({
        upstream: provider.url,
        config: {
          database_url: server.url(name).replace(`:${server.port}/`, `:${new URL(wire.url).port}/`),
          database: { connect_timeout_seconds: 0.5, statement_timeout_seconds: 0.5 },
          replicas: { poll_seconds: 0.1 },
          record_retry_seconds: 0.75,
        },
      });
    });
    afterAll(async () => {
      await sluice[Symbol.asyncDispose]();
      provider[Symbol.dispose]();
      wire[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    });

    const ask = async (key = sluice.key) => {
      const response = await sluice.post("/v1/chat/completions", chat, { authorization: `Bearer ${key}` });
      await response.text();
      calls += 1;
      return { status: response.status, id: response.headers.get("sluice-request-id") };
    };
    const ready = async () =>
      (await (await fetch(`${sluice.url}/readyz`)).json()) as {
        status: string;
        parts: { name: string; problem: string }[];
      };
    const databasePart = async () => (await ready()).parts.find(({ name }) => name === "database");
    const dropped = async () => {
      const text = await (await fetch(`${sluice.url}/metrics`)).text();
      const of = (log: string) =>
        Number(new RegExp(`^sluice_log_dropped_total\\{log="${log}"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
      return { usage: of("usage"), decision: of("decision") };
    };
    const stored = async () => ((await sluice.admin("usage/summary")) as { requests: number }).requests;

    test("a call has its row in the ledger, and every part is well", async () => {
      const { status, id } = await ask();
      expect(status).toBe(200);
      expect(await sluice.ledger(id)).toMatchObject({ model: "gpt-4o", total_tokens: 9, status: 200 });
      expect(await ready()).toEqual({ status: "ready", parts: [] });
      const { parts } = (await sluice.admin("status")) as { parts: { name: string; state: string; detail: string }[] };
      expect(parts.find(({ name }) => name === "database")).toEqual({
        name: "database",
        state: "ready",
        detail: expect.stringMatching(/^PostgreSQL 127\.0\.0\.1:\d+\/test_1$/),
      });
    });

    test("known keys go on while it is gone; unknown ones wait for no longer than a connection may take", async () => {
      await server.kill();
      await until(databasePart);
      expect((await ready()).status).toBe("degraded");
      for (let i = 0; i < 5; i += 1) expect((await ask()).status).toBe(200);
      const began = performance.now();
      const response = await fetch(`${sluice.url}/admin/v1/applications`, {
        headers: { authorization: `Bearer ${sluice.adminKey}` },
      });
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: "database_unavailable" });
      expect(performance.now() - began).toBeLessThan(3_000);
    });

    test("records that it could not take in time are dropped and counted", async () => {
      await until(async () => (await dropped()).usage === 5);
      expect((await dropped()).decision).toBe(5);
    });

    test("it is used again by itself once it is back, and records are kept meanwhile", async () => {
      expect((await ask()).status).toBe(200);
      await server.start();
      await until(async () => (await databasePart()) === undefined);
      const { id } = await ask();
      await sluice.ledger(id);
      expect((await stored()) + (await dropped()).usage).toBe(calls);
    });

    test("nor does anything wait for one that hangs", async () => {
      wire.delayMs = 1e6;
      await until(databasePart);
      const began = performance.now();
      for (let i = 0; i < 20; i += 1) expect((await ask()).status).toBe(200);
      expect(performance.now() - began).toBeLessThan(2_000);
      wire.delayMs = 0;
      await until(async () => (await databasePart()) === undefined);
      const { id } = await ask();
      await sluice.ledger(id);
      expect((await stored()) + (await dropped()).usage).toBe(calls);
    });
  },
);
