import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "mitata";
import { stringify } from "yaml";
import { createCel } from "../src/cel/cel.ts";
import { evaluate } from "../src/core/engine.ts";
import { emptyFacts, type Facts } from "../src/core/facts.ts";
import type { Identity } from "../src/core/identity.ts";
import type { Snapshot } from "../src/core/snapshot.ts";
import { createMemoryCounters } from "../src/limits/memory.ts";
import { loadPolicies } from "../src/policy/load.ts";
import { openaiChat } from "../src/providers/openai-chat/format.ts";
import { discoverPlugins } from "../src/registry/registry.ts";
import { createTokenCounter } from "../src/tokens/counter.ts";
import { findModel } from "../src/upstream/models.ts";
import { handRules, judgeByHand, lookUpByHand } from "./by-hand.ts";
import type { Figure } from "./report.ts";

const identity: Identity = {
  org: { id: "default", labels: {}, timeZone: "UTC" },
  team: { id: "" },
  app: { id: "app_1", name: "bench", labels: { tier: "free" } },
  env: "prod",
  key: { id: "key_1" },
};

/** Configs of the plugins, as somebody would write them. */
const pluginConfigs: Readonly<Record<string, object>> = {
  request_size: { max_request_bytes: 1_000_000 },
  message_limits: { max_messages: 100, max_tools: 20, max_images: 5 },
  model_allowlist: { allowed_model_ids: ["gpt-4o*", "claude-*"], denied_model_ids: ["*-preview"] },
  token_limit: { max_prompt_tokens: 100_000, max_total_tokens: 120_000 },
  rate_limit: { windows: [{ every: "minute", requests: 600 }] },
  custom_cel: { pre_check_expression: "request.bytes < 1000000 && request.message_count < 100" },
};

/** Measures the parts of the request's path, each beside what it can be compared with. */
export async function measureMicro(quick: boolean): Promise<Figure[]> {
  const figures: Figure[] = [];
  const nanos = async (run: () => unknown): Promise<number> => {
    const options = quick ? { min_cpu_time: 2e7 } : { min_cpu_time: 3e8 };
    return (await measure(run, options)).p50;
  };
  const add = async (name: string, run: () => unknown, note?: string): Promise<number> => {
    const value = await nanos(run);
    figures.push({ name, value, unit: "ns", ...(note && { note }) });
    return value;
  };
  const facts = requestFacts();

  /** The same by hand, measured in turns: whatever else the machine does meets both. */
  const compare = async (name: string, run: () => unknown, byHand: () => unknown, notes: [string, string]) => {
    let best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as [number, number];
    for (let turn = 0; turn < (quick ? 2 : 5); turn += 1) {
      best = [Math.min(best[0], await nanos(run)), Math.min(best[1], await nanos(byHand))];
    }
    const [value, hand] = best;
    figures.push({ name, value, unit: "ns", note: notes[0] });
    figures.push({ name: `${name}_by_hand`, value: hand, unit: "ns", note: notes[1] });
    figures.push({ name: `${name}_vs_by_hand`, value: value / hand, unit: "ratio" });
  };
  const inFunctions = "the same conditions as functions in a list";

  for (const count of [1, 3, 10, 100]) {
    const { policies } = (await load(rules(count))).rulesFor(identity, "gpt-4o", "chat");
    const name = `engine.${count}_policies`;
    const run = () => evaluate(policies, "request", facts);
    const hand = handRules(count);
    const note = "one CEL rule each, none fires";
    if (count !== 3 && count !== 100) await add(name, run, note);
    else await compare(name, run, () => judgeByHand(hand, facts), [note, inFunctions]);
  }
  {
    const { policies } = (await load(rulesOfOne(100))).rulesFor(identity, "gpt-4o", "chat");
    const hand = handRules(100);
    const run = () => evaluate(policies, "request", facts);
    const notes: [string, string] = ["CEL rules of one policy, none fires", inFunctions];
    await compare("engine.100_rules", run, () => judgeByHand(hand, facts), notes);
  }
  {
    const snapshot = await load(rules(100));
    // Not always the same one: that would be looked up once, when the loop is compiled.
    const models = Array.from({ length: 8 }, (_, i) => `gpt-4o-${i}`);
    const remembered = new Map(models.map((model) => [`app_1\nchat\n${model}`, snapshot.policies]));
    let turn = 0;
    const model = () => models[turn++ % models.length]!;
    const run = () => snapshot.rulesFor(identity, model(), "chat");
    const look = () => lookUpByHand(remembered, identity, model(), "chat");
    const notes: [string, string] = ["100 policies, a caller seen before", "one map of what was found before"];
    await compare("snapshot.lookup", run, look, notes);
  }
  for (const [name, config] of Object.entries(pluginConfigs)) {
    const snapshot = await load({ [name]: { description: `One ${name}.`, uses: name, with: config } });
    const { policies } = snapshot.rulesFor(identity, "gpt-4o", "chat");
    const limits = policies[0]?.limits;
    await add(
      `plugin.${name}`,
      limits === undefined ? () => evaluate(policies, "request", facts) : () => limits(facts),
    );
  }
  await measureCel(add, facts);
  await measureTokens(add);

  const counters = createMemoryCounters({ clock: Date });
  const six = Array.from({ length: 6 }, (_, i) => ({
    key: `k${i}`,
    unit: "requests" as const,
    window: { every: "minute" as const },
    max: 1e12,
    amount: 1,
    onStoreDown: "local" as const,
  }));
  let request = 0;
  await add("limits.reserve_6_and_settle", () => {
    const id = `r${request++}`;
    counters.reserve(id, identity.org, six);
    counters.settle(id, {});
  });
  counters.close();
  return figures;
}

type Add = (name: string, run: () => unknown, note?: string) => Promise<number>;

async function measureCel(add: Add, facts: Facts): Promise<void> {
  const cel = createCel();
  const expressions = {
    "cel.compare_two": "request.estimated_tokens < 4000 && request.bytes < 100000",
    "cel.in_list": 'request.model in ["gpt-4o", "gpt-4o-mini"]',
    "cel.exists": 'request.tool_names.exists(name, name.startsWith("shell"))',
  };
  for (const [name, source] of Object.entries(expressions)) {
    const condition = cel.condition(source, "request");
    await add(name, () => condition.test(facts), source);
  }
}

async function measureTokens(add: Add): Promise<void> {
  const tokens = createTokenCounter();
  const model = findModel("gpt-4o");
  if (model === null) throw new Error("the table of models has no gpt-4o");
  const paragraph = "Tell me about the sluices of the old canal, and who kept them. ".repeat(16);
  const body = (text: string) =>
    Buffer.from(JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: text }] }));
  await add("providers.read_request_1kb", () => openaiChat.readRequest(body(paragraph)));
  const cached = openaiChat.readRequest(body(paragraph));
  await tokens.countPrompt(cached, model);
  await add("tokens.cached_1kb", () => tokens.countPrompt(cached, model));
  let n = 0;
  await add(
    "tokens.uncached_1kb",
    () => tokens.countPrompt(openaiChat.readRequest(body(`${n++} ${paragraph}`)), model),
    "reading the body included",
  );
  tokens.close();
}

function rules(count: number): Record<string, object> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `p${i}`,
      {
        description: `Rule ${i}.`,
        rules: [
          { id: "r", when: `request.bytes > ${1_000_000 + i} && app.env == "prod"`, then: "deny", message: "no" },
        ],
      },
    ]),
  );
}

/** The same rules in one policy. */
function rulesOfOne(count: number): Record<string, object> {
  const all = Object.values(rules(count)).map((policy) => (policy as { rules: object[] }).rules[0]!);
  return { all: { description: "All rules.", rules: all.map((rule, i) => ({ ...rule, id: `r${i}` })) } };
}

async function load(policies: Readonly<Record<string, object>>): Promise<Snapshot> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  try {
    mkdirSync(join(dir, "org"));
    for (const [name, policy] of Object.entries(policies)) {
      writeFileSync(join(dir, "org", `${name}.policy.yaml`), stringify(policy));
    }
    const registry = await discoverPlugins(join(import.meta.dir, "..", "plugins"));
    const result = await loadPolicies({ dir, registry, cel: createCel() });
    if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join("\n"));
    return result.snapshot;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function requestFacts(): Facts {
  const facts = emptyFacts();
  facts.app = { id: "app_1", name: "bench", env: "prod", labels: {} };
  Object.assign(facts.request, {
    model: "gpt-4o",
    surface: "chat",
    bytes: 1_200,
    message_count: 4,
    estimated_tokens: 250,
    max_tokens: 16_384,
    tool_names: ["search", "calc", "browse"],
  });
  return facts;
}
