import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Harness, standIn, startHarness, until } from "../gateway/e2e-harness.ts";
import { closedPort } from "../gateway/faulty-harness.ts";

/** Every metric of DESIGN section 16, with its labels. */
const designed: Readonly<Record<string, readonly string[]>> = {
  sluice_requests_total: ["surface", "status"],
  sluice_request_seconds: ["surface"],
  sluice_overhead_seconds: ["surface"],
  sluice_ttft_seconds: [],
  sluice_decisions_total: ["phase", "decision", "mode", "policy", "code"],
  sluice_eval_seconds: ["phase"],
  sluice_facts_seconds: ["fact"],
  sluice_policy_errors_total: ["policy", "component"],
  sluice_cache_hits_total: ["tier"],
  sluice_cache_misses_total: ["tier"],
  sluice_limit_checks_total: ["limit", "result"],
  sluice_reserved_tokens: [],
  sluice_settle_drift_tokens: [],
  sluice_breaker_state: ["name"],
  sluice_breaker_transitions_total: ["name", "to"],
  sluice_store_fallback_total: ["action"],
  sluice_tokens_total: ["kind", "provider", "model"],
  sluice_cost_usd_total: ["provider", "model"],
  sluice_policy_loads_total: ["result"],
  sluice_policy_revision_info: ["revision"],
  sluice_policy_reload_seconds: [],
  sluice_log_dropped_total: ["log"],
  sluice_shadow_diff_total: ["from", "to"],
  sluice_upstream_seconds: ["provider"],
  sluice_upstream_errors_total: ["provider", "kind"],
  sluice_streams_active: [],
};
/** Metrics beside those that the same run moves. */
const beside = [
  "sluice_upstream_retries_total",
  "sluice_upstream_in_flight",
  "sluice_unknown_fields_total",
  "sluice_policy_state",
  "sluice_replicas",
  "sluice_settle_drift_usd",
  "process_cpu_seconds_total",
  "process_resident_memory_bytes",
  "nodejs_heap_size_used_bytes",
];

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const answer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 },
};

/** Ends the stream that the provider holds open. */
let finish = () => {};
const provider = standIn(async (request) => {
  const text = await request.text();
  if (text.includes("gpt-4.1")) return Response.json({ error: { message: "busy" } }, { status: 503 });
  if (!text.includes('"stream":true')) return Response.json(answer);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from(chunk({ role: "assistant", content: "Hi" })));
      finish = () => {
        controller.enqueue(Buffer.from(`${chunk({}, "stop")}data: [DONE]\n\n`));
        controller.close();
      };
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
});

const policies = {
  "org/tokens.policy.yaml":
    "description: Tokens and money.\nuses: rate_limit\nwith: { windows: [{ every: day, tokens: 1000000 }], onStoreDown: local }\n",
  "org/money.policy.yaml": "description: Money.\nuses: budget\nwith: { usd_per_day: 1000, onStoreDown: local }\n",
  "org/watched.policy.yaml":
    "description: Watched.\nmode: audit\nrules:\n  - { id: large, when: request.estimated_tokens > 0, then: deny }\n",
  "org/broken.policy.yaml":
    'description: Fails.\nonError: warn\nrules:\n  - { id: broken, when: \'request.headers["x-absent"] == "a"\', then: deny }\n',
};

let sluice: Harness;
beforeAll(async () => {
  sluice = await startHarness({
    upstream: provider.url,
    policies,
    config: {
      // Nobody listens there: limits are counted in this process.
      redis_url: `redis://127.0.0.1:${new URL(await closedPort()).port}`,
      policy_headers: ["x-absent"],
      upstream: { retry_base_seconds: 0.001, breaker_min_calls: 2, breaker_open_seconds: 600 },
      // Nobody listens there either: traces are lost, and counted.
      tracing: { endpoint: await closedPort(), delay_seconds: 0.01, max_spans: 5, export_timeout_seconds: 0.1 },
    },
  });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  provider[Symbol.dispose]();
});

interface Sample {
  readonly labels: string;
  readonly value: number;
}

/** The samples of a scrape, by name; of a histogram its count. */
async function scrape(): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>();
  for (const line of (await (await fetch(`${sluice.url}/metrics`)).text()).split("\n")) {
    const [, full, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (full === undefined || /_(bucket|sum)$/.test(full)) continue;
    const name = full.replace(/_count$/, "");
    samples.set(name, [...(samples.get(name) ?? []), { labels, value: Number(value) }]);
  }
  return samples;
}

const ask = (model: string, more: object = {}) =>
  sluice.post("/v1/chat/completions", {
    model,
    max_tokens: 20,
    messages: [{ role: "user", content: "hello" }],
    ...more,
  });

describe("metrics", () => {
  test("are there by name and label, and one run moves every one of them", async () => {
    const moved = new Set<string>();
    const look = async () => {
      for (const [name, samples] of await scrape()) {
        if (samples.some(({ value }) => value !== 0)) moved.add(name);
      }
      return moved;
    };
    const first = await ask("gpt-4o", { not_known: 1 });
    expect([first.status, await first.text()]).toEqual([200, JSON.stringify(answer)]);
    const streamed = await ask("gpt-4o", { stream: true });
    await until(async () => (await look()).has("sluice_streams_active"));
    finish();
    await streamed.text();
    for (let i = 0; i < 2; i += 1) await (await ask("gpt-4.1")).text();
    sluice.writePolicy(
      "org/more.policy.yaml",
      "description: More.\nuses: request_size\nwith: { max_request_bytes: 9999 }\n",
    );

    const wanted = [...Object.keys(designed), ...beside];
    // What does not move in that time is named by the comparison.
    const deadline = performance.now() + 10_000;
    await until(async () => {
      await look();
      return wanted.every((name) => moved.has(name)) || performance.now() > deadline;
    });
    expect(wanted.filter((name) => !moved.has(name))).toEqual([]);

    const samples = await scrape();
    for (const [name, labels] of Object.entries(designed)) {
      const told = samples.get(name)!.map(({ labels }) => [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label!));
      expect([name, ...new Set(told.map(String))]).toEqual([name, String(labels)]);
    }
    // What was held is given back.
    expect(samples.get("sluice_reserved_tokens")).toEqual([{ labels: "", value: 0 }]);
    expect(samples.get("sluice_streams_active")).toEqual([{ labels: "", value: 0 }]);
    expect(samples.get("sluice_cache_hits_total")!.map(({ labels }) => labels)).toEqual([
      'tier="keys"',
      'tier="rules"',
      'tier="tokens"',
    ]);
  });

  test("have no label with a user, a key or an address", async () => {
    await ask("gpt-4o", { user: "ann-the-user" });
    const text = await (await fetch(`${sluice.url}/metrics`)).text();
    const { data } = (await sluice.admin("keys")) as { data: readonly { id: string }[] };
    expect(data.length).toBeGreaterThan(0);
    for (const secret of ["ann-the-user", sluice.key, ...data.map(({ id }) => id)]) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/[{,](user|key|ip|address|request|prompt)="/);
  });
});
