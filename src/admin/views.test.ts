import { describe, expect, test } from "bun:test";
import { decisionRow, usageRow } from "../store/testing.ts";
import { startTestAdmin } from "./testing.ts";

describe("models", () => {
  test("are listed, and read by a name with or without its slash escaped", async () => {
    await using admin = await startTestAdmin();
    const listed = (await admin.call("GET", "/admin/v1/models")).json();
    const ids = listed.data.map(({ id }: { id: string }) => id);
    expect(ids).toEqual([...ids].sort());
    expect(ids).toEqual(expect.arrayContaining(["echo", "gpt-4o", "meta/llama-3"]));
    const escaped = await admin.call("GET", "/admin/v1/models/meta%2Fllama-3");
    expect(escaped.json()).toMatchObject({ id: "meta/llama-3", provider: "groq", price: null });
    expect((await admin.call("GET", "/admin/v1/models/meta/llama-3")).text).toBe(escaped.text);
    expect((await admin.call("GET", "/admin/v1/models/gpt-4o")).json()).toEqual({
      id: "gpt-4o",
      provider: "openai",
      source: "vendor",
      status: "healthy",
      enabled: true,
      reason: "",
      actor: "",
      switched_at: null,
      definition: null,
      targets: expect.arrayContaining([
        { surface: "chat", provider: "openai", kind: "openai", model: "gpt-4o", status: "healthy" },
      ]),
      encoding: "o200k_base",
      max_output_tokens: 16384,
      price: {
        input: 2.5,
        output: 10,
        cached_input: 1.25,
        cache_write: null,
        cache_write_long: null,
        reasoning: null,
        tiers: [],
        date: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
      },
    });
  });

  test("tell neither addresses nor credentials of providers", async () => {
    await using admin = await startTestAdmin();
    const { text } = await admin.call("GET", "/admin/v1/models/gpt-4o");
    for (const secret of ["sk-provider-secret", "provider.invalid"]) expect(text).not.toContain(secret);
  });
});

describe("policies", () => {
  test("are listed with where they came from, and read with their source", async () => {
    await using admin = await startTestAdmin();
    const page = (await admin.call("GET", "/admin/v1/policies?limit=2")).json();
    expect(page.data.map(({ id }: { id: string }) => id)).toEqual(["apps/chat/own", "org/claude"]);
    const rest = (await admin.call("GET", `/admin/v1/policies?cursor=${page.next}`)).json();
    expect(rest.data).toHaveLength(3);
    const read = await admin.call("GET", "/admin/v1/policies/org%2Fprod-only");
    expect(read.json()).toEqual({
      origin: "git",
      status: "active",
      enabled: true,
      live: true,
      mode_from: "file",
      params: [],
      attached_to: [],
      exceptions: [],
      break_glass: [],
      version: null,
      actor: "",
      id: "org/prod-only",
      description: "The policy org/prod-only.",
      owner: "platform",
      mode: "enforce",
      on_error: "deny",
      priority: 100,
      scope: { env: ["prod"] },
      uses: "rules",
      phases: ["request"],
      limits: false,
      reads: ["request.bytes"],
      source: "org/prod-only.policy.yaml",
      text: "description: The policy org/prod-only.\n",
    });
    expect((await admin.call("GET", "/admin/v1/policies/org/prod-only")).text).toBe(read.text);
  });

  test.each([
    ["app=chat", ["apps/chat/own", "org/claude", "org/everyone", "org/not-batch", "org/prod-only"]],
    ["app=chat&env=dev", ["apps/chat/own", "org/claude", "org/everyone", "org/not-batch"]],
    ["app=chat&model=gpt-4o&env=prod", ["apps/chat/own", "org/everyone", "org/not-batch", "org/prod-only"]],
    ["app=batch&model=claude-opus&surface=messages", ["org/claude", "org/everyone", "org/prod-only"]],
  ])("in effect for %s are those whose scope does not exclude it", async (query, ids) => {
    await using admin = await startTestAdmin();
    for (const name of ["chat", "batch"]) await admin.call("POST", "/admin/v1/applications", { body: { name } });
    const shown = (await admin.call("GET", `/admin/v1/policies/effective?${query}`)).json();
    expect(shown.revision).toBe("sha256:test");
    expect(shown.data.map(({ id }: { id: string }) => id)).toEqual(ids);
  });

  test("have a current revision and state", async () => {
    await using admin = await startTestAdmin();
    expect((await admin.call("GET", "/admin/v1/policies/current")).json()).toEqual({
      revision: "sha256:test",
      loaded_at: "2026-01-31T12:00:00.000Z",
      state: "ready",
      policies: 5,
      problems: [],
      warnings: [],
      files: "sha256:test",
      origin: "folder",
      pin: null,
      waiting: null,
    });
  });

  test("are checked without being loaded", async () => {
    await using admin = await startTestAdmin();
    const validate = async (content: string) =>
      (await admin.call("POST", "/admin/v1/policies/validate", { body: { content, path: "org/x.cel" } })).json();
    expect(await validate("true")).toEqual({ valid: true, problems: [], warnings: [] });
    expect(await validate("odd")).toEqual({
      valid: true,
      problems: [],
      warnings: [{ code: "C073", file: "org/x.cel", line: 1, column: 2, message: "not used" }],
    });
    expect(await validate("bad")).toEqual({
      valid: false,
      problems: [{ code: "C002", file: "org/x.cel", line: 1, column: 2, message: "unknown name" }],
      warnings: [],
    });
    const refused = await admin.call("POST", "/admin/v1/policies/validate", { body: { content: "x" } });
    expect(refused.status).toBe(400);
  });

  test("have types, described by their plugins", async () => {
    await using admin = await startTestAdmin();
    const type = {
      name: "request_size",
      summary: "Refuses large bodies.",
      phases: ["request"],
      on_error: "deny",
      config: { type: "object" },
      reads: ["request.bytes"],
      reasons: { tooLarge: { code: "too_large", status: 413, message: "{bytes} is too large." } },
      examples: [{ max_request_bytes: 1000 }],
      docs: "## request_size",
      provides: [],
    };
    expect((await admin.call("GET", "/admin/v1/policy-types")).json()).toEqual({ data: [type], next: null });
    expect((await admin.call("GET", "/admin/v1/policy-types/request_size")).json()).toEqual(type);
  });
});

describe("usage", () => {
  test("is there as soon as the answer was, and sums up by application, time and group", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "Chat" } });
    admin.recorder.usage(usageRow());
    admin.recorder.usage(usageRow({ ts: Date.UTC(2026, 1, 1), model: "echo", costNanoUsd: null }));
    admin.recorder.usage(usageRow({ app: "other" }));
    const sums = { cached_tokens: 50, reasoning_tokens: 0 };
    const one = { requests: 1, prompt_tokens: 400, completion_tokens: 100, total_tokens: 500, ...sums };
    const summary = async (query: string) => (await admin.call("GET", `/admin/v1/usage/summary?${query}`)).json();

    expect(await summary("app=chat")).toEqual({
      requests: 2,
      prompt_tokens: 800,
      completion_tokens: 200,
      cached_tokens: 100,
      reasoning_tokens: 0,
      total_tokens: 1000,
      cost_usd: 0.002,
      unpriced_requests: 1,
    });
    expect(await summary("app=Chat&to=2026-02-01")).toEqual({ ...one, cost_usd: 0.002, unpriced_requests: 0 });
    expect((await summary("app=chat&group_by=model,day")).groups).toEqual([
      { group: { model: "echo", day: "2026-02-01" }, ...one, cost_usd: 0, unpriced_requests: 1 },
      { group: { model: "gpt-4o", day: "2026-01-31" }, ...one, cost_usd: 0.002, unpriced_requests: 0 },
    ]);
    expect((await summary("")).requests).toBe(3);
    expect((await summary("app=nobody")).requests).toBe(0);
  });

  test("over time begins so long before its end when nobody says where it begins", async () => {
    await using admin = await startTestAdmin();
    admin.recorder.usage(usageRow({ ts: Date.UTC(2020, 0, 20) }));
    const metrics = async (query: string) => (await admin.call("GET", `/admin/v1/usage/metrics?${query}`)).json();
    const days = await metrics("to=2020-01-31");
    expect([days.from, days.data.length]).toEqual(["2020-01-01T00:00:00.000Z", 1]);
    const hours = await metrics("interval=hour&to=2020-01-21");
    expect([hours.from, hours.data.length]).toEqual(["2020-01-20T00:00:00.000Z", 1]);
  });

  test("records are ledger rows by request, newest first", async () => {
    await using admin = await startTestAdmin();
    const row = usageRow({ requestId: "r1", costNanoUsd: 1_234_567 });
    admin.recorder.usage(row);
    admin.recorder.usage(usageRow({ requestId: "r2", ts: row.ts + 1, costNanoUsd: null }));
    const list = async (query: string) => (await admin.call("GET", `/admin/v1/usage/records?${query}`)).json();
    const { data, next } = await list("request_id=r1");
    expect(next).toBeNull();
    expect(data).toEqual([
      {
        request_id: "r1",
        ts: "2026-01-31T12:00:00.000Z",
        org: "default",
        team: "",
        app: "chat",
        env: "prod",
        key: "k1",
        user_hash: "",
        surface: "chat",
        provider: "openai",
        model: "gpt-4o",
        served_model: "gpt-4o-2024-08-06",
        stream: false,
        prompt_tokens: 400,
        completion_tokens: 100,
        cached_tokens: 50,
        cache_write_tokens: null,
        reasoning_tokens: 0,
        total_tokens: 500,
        cost_usd: 0.001234567,
        price_date: "2026-01-01",
        provenance: "provider",
        request_bytes: 1800,
        response_bytes: 900,
        latency_ms: 812.3,
        ttft_ms: 100.5,
        status: 200,
        decision: "allow",
        code: "",
      },
    ]);
    const first = await list("limit=1");
    expect(first.data[0]).toMatchObject({ request_id: "r2", cost_usd: null });
    expect((await list(`limit=1&cursor=${first.next}`)).data[0].request_id).toBe("r1");
  });

  test.each([
    "usage/summary?group_by=colour",
    "usage/summary?from=yesterday",
    "usage/summary?ap=chat",
    "usage/records?to=2026-13-01",
    "usage/records?decision=maybe",
    "decisions?phase=later",
    "decisions?limit=1000",
  ])("is not asked for by %s", async (path) => {
    await using admin = await startTestAdmin();
    const refused = await admin.call("GET", `/admin/v1/${path}`);
    expect([refused.status, refused.json().code]).toEqual([400, "invalid_input"]);
  });
});

test("decisions are listed by request with every reason", async () => {
  await using admin = await startTestAdmin();
  const read = { "request.bytes": 1800, now: "2026-01-31T12:00:00.000Z", "user.id": "0f3a" };
  admin.recorder.decision(decisionRow({ requestId: "req_1", facts: { looks: [read], masked: ["user.id"] } }));
  admin.recorder.decision(decisionRow({ requestId: "req_2" }));
  const { data } = (await admin.call("GET", "/admin/v1/decisions?request_id=req_1&app=chat")).json();
  expect(data).toEqual([
    {
      decision_id: "dec_1_request",
      request_id: "req_1",
      ts: "2026-01-31T12:00:00.000Z",
      phase: "request",
      revision: "sha256:test",
      org: "default",
      app: "chat",
      env: "prod",
      key: "k1",
      surface: "chat",
      model: "gpt-4o",
      decision: "deny",
      outcome: "ok",
      code: "token_cap",
      reasons: [
        {
          policy: "org/cap",
          rule: "over",
          kind: "hit",
          mode: "enforce",
          effect: "deny",
          would: "deny",
          code: "token_cap",
          message: "asked for 21000 tokens, the cap is 16000",
        },
      ],
      modifications: [],
      evaluated: { decided: 2, not_applicable: 1, errors: 0 },
      facts: { "request.bytes": 1800, "user.id": "0f3a" },
      nondeterministic: { now: "2026-01-31T12:00:00.000Z" },
      masked: ["user.id"],
      text: null,
      evaluation_us: 15,
    },
  ]);
});

describe("the system", () => {
  test("tells its status", async () => {
    await using admin = await startTestAdmin();
    expect((await admin.call("GET", "/admin/v1/status")).json()).toEqual({
      status: "ready",
      version: "0.1.0",
      started_at: "2026-01-31T11:58:59.500Z",
      uptime_seconds: 60,
      revision: "sha256:test",
      replicas: 3,
      parts: [{ name: "policies", state: "ready", detail: "" }],
      records_dropped: { usage: 0, decision: 0 },
    });
  });

  test("tells its settings and where they come from, but no secret", async () => {
    await using admin = await startTestAdmin();
    const shown = await admin.call("GET", "/admin/v1/config");
    expect(shown.json().data).toEqual([
      {
        name: "OPENAI_API_KEY",
        value: null,
        set: true,
        source: "env OPENAI_API_KEY",
        secret: true,
        description: "OpenAI's key.",
      },
      {
        name: "SLUICE_PORT",
        value: 8787,
        set: true,
        source: "default",
        secret: false,
        description: "Port to listen on.",
      },
    ]);
    expect(shown.text).not.toContain("sk-openai");
  });
});
