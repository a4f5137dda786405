import { describe, expect, test } from "bun:test";
import type { TargetStatus } from "../core/ports.ts";
import { createHealth, type HealthSources } from "./health.ts";

const target = (id: string, state: TargetStatus["state"]): TargetStatus => ({
  ...{ id, state, inFlight: 1, queued: 2 },
  ...{ attempts: 10, failures: 5 },
});

function setUp(over: Partial<HealthSources> = {}) {
  let now = 1_000_000;
  const dropped = { usage: 0, decision: 0 };
  const health = createHealth({
    version: "1.2.3",
    startedAt: 5,
    clock: { now: () => now },
    closing: () => false,
    policies: () => ({ state: "ready", problem: "", outline: "" }),
    database: () => ({ state: "ready", detail: "SQLite" }),
    redis: () => undefined,
    replicas: () => ({ state: "ready", detail: "polled" }),
    targets: () => [],
    recorder: { dropped, accepting: true },
    certificate: () => undefined,
    notes: () => [],
    ...over,
  });
  const pass = (ms: number) => {
    now += ms;
  };
  return { health, dropped, pass };
}

describe("the gateway's health", () => {
  test("names every part, and in /readyz only those that are not as usual", () => {
    const { health } = setUp({
      redis: () => ({ state: "ready", detail: "answers", replicas: 3 }),
      certificate: () => ({ state: "ready", detail: "until then" }),
      notes: () => [{ name: "policies", state: "break-glass", detail: "one" }],
    });
    expect(health.readiness()).toEqual({ status: "ready", parts: [] });
    const { status, version, startedAt, replicas, parts } = health.status();
    expect([status, version, startedAt, replicas]).toEqual(["ready", "1.2.3", 5, 3]);
    expect(parts.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "policies ready",
      "database ready",
      "redis ready",
      "replicas ready",
      "upstream ready",
      "records ready",
      "tls ready",
      "policies break-glass",
    ]);
  });

  const away = { state: "degraded", detail: "it is away" } as const;
  test.each<[string, Partial<HealthSources>]>([
    ["policies", { policies: () => ({ state: "degraded", problem: "it is away", outline: "" }) }],
    ["database", { database: () => away }],
    ["redis", { redis: () => ({ ...away, replicas: 1 }) }],
    ["replicas", { replicas: () => away }],
    ["tls", { certificate: () => away }],
  ])("is degraded, and serves, while %s is", (name, over) => {
    const { health } = setUp(over);
    expect(health.readiness()).toEqual({
      status: "degraded",
      parts: [{ name, state: "degraded", problem: "it is away" }],
    });
    expect(health.status()).toMatchObject({
      status: "degraded",
      parts: expect.arrayContaining([{ name, state: "degraded", detail: "it is away" }]),
    });
  });

  test("is degraded while a target is left alone, by its name", () => {
    const { health } = setUp({ targets: () => [target("openai/a", "closed"), target("openai/b", "open")] });
    expect(health.readiness()).toEqual({
      status: "degraded",
      parts: [{ name: "upstream", state: "degraded", problem: "left alone for a while: openai/b" }],
    });
    expect(health.status().parts.slice(-2)).toEqual([
      expect.objectContaining({ name: "upstream openai/a", state: "ready" }),
      expect.objectContaining({ name: "upstream openai/b", state: "open" }),
    ]);
  });

  test("is degraded for a minute after records were lost, and says how many were lost for ever", () => {
    const { health, dropped, pass } = setUp();
    dropped.decision = 3;
    expect(health.readiness().status).toBe("degraded");
    pass(59_000);
    expect(health.readiness().parts[0]).toMatchObject({
      name: "records",
      problem: expect.stringContaining("3 decision"),
    });
    pass(2_000);
    expect(health.readiness()).toEqual({ status: "ready", parts: [] });
    expect(health.status().parts.find(({ name }) => name === "records")?.detail).toContain("3 decision");
    dropped.usage = 1;
    expect(health.readiness().status).toBe("degraded");
  });

  test("is degraded before records are lost", () => {
    const { health } = setUp({ recorder: { dropped: { usage: 0, decision: 0 }, accepting: false } });
    expect(health.readiness()).toMatchObject({ status: "degraded", parts: [{ name: "records", state: "degraded" }] });
    expect(health.readiness().parts[0]?.problem).toStartWith(
      "they wait to be stored: the database does not take them, or",
    );
  });

  test("is not ready without valid policies, and while it ends", () => {
    const invalid = setUp({ policies: () => ({ state: "invalid", problem: "none loads", outline: "" }) }).health;
    expect([invalid.readiness().status, invalid.status().status]).toEqual(["unready", "not_ready"]);
    const closing = setUp({ closing: () => true }).health;
    const parts = [{ name: "server", state: "unready", problem: "shutting down" }];
    expect(closing.readiness()).toEqual({ status: "unready", parts });
    expect(closing.status()).toMatchObject({ status: "not_ready", parts: [{ name: "server" }] });
  });

  test("is told to anyone by its parts, with where policies are wrong and nothing else", () => {
    const { health } = setUp({
      policies: () => ({
        state: "degraded",
        problem: "a.yaml:3:1  C002  the secret rule",
        outline: "a.yaml:3:1  C002",
      }),
      database: () => ({ state: "degraded", detail: "PostgreSQL db.internal: it is away" }),
    });
    expect(health.outline()).toEqual({
      status: "degraded",
      parts: [
        { name: "policies", state: "degraded", problem: "a.yaml:3:1  C002" },
        { name: "database", state: "degraded", problem: "GET /admin/v1/status says more" },
      ],
    });
    const closing = setUp({ closing: () => true }).health;
    expect(closing.outline()).toEqual(closing.readiness());
    expect(setUp().health.outline()).toEqual({ status: "ready", parts: [] });
  });

  test("is ready, and says so, with a pinned revision", () => {
    const { health } = setUp({ policies: () => ({ state: "pinned", problem: "pinned to x", outline: "" }) });
    expect(health.readiness()).toEqual({
      status: "ready",
      parts: [{ name: "policies", state: "pinned", problem: "pinned to x" }],
    });
  });
});
