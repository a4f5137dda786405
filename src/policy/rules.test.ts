import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import type { Decision } from "../core/decision.ts";
import { evaluate } from "../core/engine.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import type { Identity } from "../core/identity.ts";
import { mergeModifications } from "../core/modify.ts";
import type { Phase } from "../core/phases.ts";
import { type CompiledPolicy, notApplicable } from "../core/policy.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { loadPolicies } from "./load.ts";
import { formatProblem } from "./problem.ts";
import { testFolder, testOptions } from "./testing.ts";

async function snapshotOf(dir: string): Promise<Snapshot> {
  const result = await loadPolicies(testOptions(dir));
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join("\n"));
  return result.snapshot;
}

async function policy(text: string): Promise<CompiledPolicy> {
  await using folder = await testFolder({ "org/a.policy.yaml": text });
  return (await snapshotOf(folder.dir)).policies[0]!;
}

function ask(compiled: CompiledPolicy, change: (facts: Facts) => void = () => {}, phase: Phase = "request"): Decision {
  const facts = emptyFacts();
  change(facts);
  return evaluate([compiled], phase, facts);
}

const tokenCap = `
params:
  hard_cap: { type: int, default: 16000 }
variables:
  asked: request.estimated_tokens + request.max_tokens
rules:
  - id: over-hard-cap
    when: vars.asked > params.hard_cap
    then: deny
    code: token_cap
    status: 402
    message: asked for {vars.asked} tokens, the cap is {params.hard_cap}
  - id: trim-completion
    when: request.max_tokens > 4096
    then: modify
    modify: [ { op: cap, path: max_tokens, value: 4096 } ]
`;

describe("rules", () => {
  test("deny with their code, status and message, beside what the other rules ask for", async () => {
    const decision = ask(await policy(tokenCap), ({ request }) => {
      request.estimated_tokens = 20_000;
      request.max_tokens = 5_000;
    });
    expect(decision.effect).toBe("deny");
    expect(decision.findings.map(({ rule, code, status, message }) => ({ rule, code, status, message }))).toEqual([
      {
        rule: "over-hard-cap",
        code: "token_cap",
        status: 402,
        message: "asked for 25000 tokens, the cap is 16000",
      },
      { rule: "trim-completion", code: "trim_completion", status: 403, message: "refused by the policy org/a" },
    ]);
  });

  test("say what they read and what an upper bound decides", async () => {
    const compiled = await policy(tokenCap);
    expect(new Set(compiled.reads)).toEqual(new Set(["request.estimated_tokens", "request.max_tokens"] as const));
    expect(new Set(compiled.monotone)).toEqual(new Set(compiled.reads));
    const falling = await policy("rules: [{ when: estimated_tokens < 5, then: deny }]");
    expect(falling.monotone).toEqual([]);
    const later = await policy("phase: usage\nrules: [{ when: estimated_tokens > 5 && total_tokens > 5, then: warn }]");
    expect(later.monotone).toEqual([]);
  });

  test("that do not fire give no finding", async () => {
    const decision = ask(await policy(tokenCap));
    expect(decision).toMatchObject({ effect: "allow", outcome: "ok", findings: [] });
  });

  test("behind a closed gate are not applicable", async () => {
    const compiled = await policy("match: [request.stream]\nrules: [{ then: deny }]");
    expect(ask(compiled)).toMatchObject({ outcome: "not_applicable", effect: "allow" });
    expect(ask(compiled, ({ request }) => void Object.assign(request, { stream: true })).effect).toBe("deny");
  });

  test("keep the words of the policy when they have none", async () => {
    const compiled = await policy("description: No streams here.\nrules: [{ when: request.stream, then: deny }]");
    const [finding] = ask(compiled, (facts) => void Object.assign(facts.request, { stream: true })).findings;
    expect(finding).toMatchObject({ rule: "rule-1", code: "rule_1", message: "No streams here.", status: 403 });
  });

  test("may warn or only be recorded by mode", async () => {
    const warned = ask(await policy("mode: warn\nrules: [{ then: deny }]"));
    expect(warned.findings).toMatchObject([{ effect: "warn", would: "deny" }]);
    const audited = ask(await policy("mode: audit\nrules: [{ then: deny }]"));
    expect(audited.findings).toMatchObject([{ effect: "allow", would: "deny" }]);
  });

  test("of phase usage are asked then and not before", async () => {
    const compiled = await policy("phase: usage\nrules: [{ when: total_tokens > 5, then: warn }]");
    const much = (facts: Facts) => void Object.assign(facts.usage, { total_tokens: 6 });
    expect(ask(compiled, much).tally).toEqual({ decided: 0, notApplicable: 0, errors: 0 });
    expect(ask(compiled, much, "usage").effect).toBe("warn");
  });
});

describe("errors", () => {
  const broken = 'rules:\n  - when: request.headers.tier == "free"\n    then: deny\n';

  test("count as onError, which is deny unless the policy says otherwise", async () => {
    expect(ask(await policy(broken))).toMatchObject({ effect: "deny", outcome: "error" });
    expect(ask(await policy(`onError: allow\n${broken}`))).toMatchObject({ effect: "allow", outcome: "error" });
  });

  test("never hide a deny of the same policy", async () => {
    const decision = ask(
      await policy(`onError: allow\n${broken}  - when: request.bytes == 0\n    then: deny\n    code: empty\n`),
    );
    expect(decision).toMatchObject({ effect: "deny", outcome: "ok" });
    expect(decision.findings.map(({ code }) => code)).toEqual(["empty"]);
  });

  test("in a message leave its placeholder standing and the refusal in force", async () => {
    const compiled = await policy(
      "variables: { share: 100 / request.bytes }\nrules: [{ when: request.bytes == 0, then: deny, message: 'share {vars.share}' }]",
    );
    expect(ask(compiled).findings).toMatchObject([{ effect: "deny", message: "share {vars.share}" }]);
  });

  test("in a gate are errors, not a closed gate", async () => {
    const compiled = await policy("match: ['request.headers.tier == \"free\"']\nrules: [{ then: warn }]");
    expect(ask(compiled)).toMatchObject({ outcome: "error", effect: "deny" });
  });
});

test("the client's own words are cut in messages", async () => {
  const compiled = await policy("rules: [{ then: deny, message: 'no {user.id}' }]");
  const [finding] = ask(compiled, (facts) => void Object.assign(facts.user, { id: "x".repeat(250) })).findings;
  expect(finding!.message).toBe(`no ${"x".repeat(199)}…`);
});

test("gates hold back a policy type's handlers and limits", async () => {
  const compiled = await policy(
    "match: [request.stream]\nuses: rate_limit\nwith: { per: [app], windows: [{ every: minute, requests: 5 }] }",
  );
  const facts = emptyFacts();
  expect(compiled.limits!(facts)).toEqual([]);
  facts.request.stream = true;
  expect(compiled.limits!(facts)).toHaveLength(1);
  expect(compiled.reads).toContain("request.stream");
});

describe("the policies that ship", () => {
  const identity = (env: string, labels: Record<string, string> = {}): Identity => ({
    org: { id: "default", labels: {}, timeZone: "UTC" },
    team: { id: "" },
    app: { id: "app_1", name: "demo", labels },
    env,
    key: { id: "key_1" },
  });
  const shipped = snapshotOf(fileURLToPath(new URL("../../policies", import.meta.url)));

  async function decide(who: Identity, model: string, change: (facts: Facts) => void = () => {}) {
    const facts = emptyFacts();
    facts.request.model = model;
    facts.request.surface = "chat";
    change(facts);
    return evaluate((await shipped).rulesFor(who, model, "chat").policies, "request", facts);
  }

  test("let a first request on a laptop through, without a warning", async () => {
    const decision = await decide(identity("dev"), "echo", ({ request }) => {
      Object.assign(request, { bytes: 400, message_count: 2, estimated_tokens: 20, max_tokens: 4_096 });
    });
    expect(decision).toMatchObject({ effect: "allow", findings: [] });
  });

  test("cap tokens in production", async () => {
    const much = ({ request }: Facts) => void Object.assign(request, { estimated_tokens: 17_000, max_tokens: 9_000 });
    const decision = await decide(identity("prod"), "gpt-4o", much);
    expect(decision.findings).toMatchObject([{ code: "token_cap" }, { rule: "trim-completion" }]);
    expect((await decide(identity("dev"), "gpt-4o", much)).effect).toBe("allow");
  });

  test("trim completions in production, also when the client names no maximum", async () => {
    const decision = await decide(identity("prod"), "gpt-4o", ({ request }) => {
      Object.assign(request, { max_tokens: 16_384 });
    });
    expect(mergeModifications(decision.findings)).toEqual({
      modifications: [{ op: "cap", path: "max_tokens", value: 4_096 }],
      conflict: null,
    });
  });

  test("refuse shell tools, retired models and large images, and warn of previews", async () => {
    const codes = async (...args: Parameters<typeof decide>) => {
      const { effect, findings } = await decide(...args);
      return [effect, ...findings.map(({ code }) => code)];
    };
    const dev = identity("dev");
    expect(
      await codes(
        dev,
        "echo",
        ({ request }) => void Object.assign(request, { tool_count: 1, tool_names: ["shell.run"] }),
      ),
    ).toEqual(["deny", "shell_tool"]);
    expect(await codes(dev, "text-davinci-003")).toEqual(["deny", "model_denied"]);
    expect(await codes(dev, "gemini-2.5-flash-preview")).toEqual(["warn", "preview_model"]);
    expect(
      await codes(dev, "echo", ({ request }) => void Object.assign(request, { has_images: true, bytes: 6e6 })),
    ).toEqual(["deny", "images_too_large"]);
    expect(await codes(dev, "echo", ({ request }) => void Object.assign(request, { bytes: 2e7 }))).toEqual([
      "deny",
      "request_too_large",
    ]);
    expect(
      (
        await codes(
          identity("dev", { tier: "free" }),
          "echo",
          ({ request }) => void Object.assign(request, { estimated_tokens: 9_000 }),
        )
      )[0],
    ).toBe("deny");
  });
});

describe("rules that are asked again after the request was modified", () => {
  const text = `
match: ['!request.stream']
variables: { much: request.max_tokens > 5 }
rules:
  - { id: once, when: request.bytes > 5, then: deny }
  - { id: again, when: vars.much, then: warn, recheck: true }
`;

  test("are those that are marked, behind the same gates, with variables of their own", async () => {
    const { recheck } = await policy(text);
    const facts = emptyFacts();
    Object.assign(facts.request, { bytes: 9, max_tokens: 9 });
    expect(recheck?.(facts)).toMatchObject([{ rule: "again" }]);
    facts.request.max_tokens = 5;
    expect(recheck?.(facts)).toBeNull();
    facts.request.stream = true;
    expect(recheck?.(facts)).toBe(notApplicable);
  });

  test("are none when none is marked", async () => {
    expect((await policy("rules: [{ when: request.stream, then: deny, recheck: false }]")).recheck).toBeUndefined();
  });
});

test("rules are listed with their ids, effects and codes", async () => {
  const { rules } = await policy(
    "rules: [{ when: request.stream, then: deny }, { id: b-c, then: warn, when: model == 'a' }]",
  );
  expect(rules).toEqual([
    { id: "rule-1", effect: "deny", code: "rule_1" },
    { id: "b-c", effect: "warn", code: "b_c" },
  ]);
});
