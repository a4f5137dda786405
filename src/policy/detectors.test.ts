import { afterEach, describe, expect, test } from "bun:test";
import { Type as t } from "@sinclair/typebox";
import { FactFailure } from "../core/detectors.ts";
import type { DetectedFacts, FactName } from "../core/facts.ts";
import type { Content } from "../core/policy.ts";
import { definePlugin, type Plugin, PluginConfigError, type PluginInstance } from "../sdk/plugin.ts";
import { createDetectors, type Detectors } from "./detectors.ts";

const noCel = () => ({ reads: [], test: () => true });
const content: Content = { texts: () => ["words"] };
const reads: ReadonlySet<FactName> = new Set(["pii.types", "pii.count", "request.model"]);

function plugin(facts: NonNullable<PluginInstance["facts"]>, config = t.Object({})): Plugin {
  return definePlugin({
    name: "finder",
    summary: "Finds.",
    onError: "deny",
    phases: ["request"],
    config,
    reads: [],
    provides: { "pii.types": { values: ["email"] }, "pii.count": {} },
    reasons: {},
    create: () => ({ request: () => null, facts }),
  }) as unknown as Plugin;
}

let detectors: Detectors | undefined;
afterEach(() => detectors?.dispose());

function detectorsOf(one: Plugin, settings: Parameters<typeof createDetectors>[1] = {}): Detectors {
  const registry = { get: (name: string) => (name === one.name ? one : undefined), names: () => [one.name] };
  detectors = createDetectors(registry, settings, noCel);
  return detectors;
}

const found: DetectedFacts = { "pii.types": ["email"], "pii.count": 2 };

describe("detectors", () => {
  test("are those that provide what rules read, each once, and none for rules that read nothing of theirs", async () => {
    const { of, whyNot, valuesOf } = detectorsOf(plugin(() => found));
    expect(of(new Set(["request.model"]))).toEqual([]);
    expect(of(reads)).toHaveLength(1);
    expect(await of(reads)[0]!.detect(content)).toEqual(found);
    expect([whyNot("pii.types"), whyNot("injection.score")]).toEqual([null, "no policy type provides it"]);
    expect([valuesOf("pii.types"), valuesOf("injection.score")]).toEqual([["email"], undefined]);
  });

  test.each<[string, DetectedFacts]>([
    ["nothing", {}],
    ["half of it", { "pii.types": [] }],
    ["no count", { "pii.types": [], "pii.count": -1 }],
    ["half a one", { "pii.types": [], "pii.count": 1.5 }],
    ["no number", { "pii.types": [], "pii.count": Number.NaN }],
    ["too many types", { "pii.types": Array.from({ length: 33 }, String), "pii.count": 33 }],
    ["types that are no texts", { "pii.types": [1] as unknown as string[], "pii.count": 1 }],
  ])("that find out %s have failed", async (_, given) => {
    const [detector] = detectorsOf(plugin(() => given)).of(reads);
    await expect(detector!.detect(content)).rejects.toMatchObject({ reason: "failed" });
  });

  test("that take longer than their time-out have failed, and are told that nobody waits", async () => {
    let aborted: boolean | undefined;
    const slow = plugin(async (_, signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      aborted = signal.aborted;
      return found;
    });
    const [detector] = detectorsOf(slow, { finder: { timeout_ms: 5 } }).of(reads);
    await expect(detector!.detect(content)).rejects.toMatchObject({ reason: "timeout" });
    expect(aborted).toBe(true);
  });

  test.each<[string, () => Promise<DetectedFacts>, string[], number]>([
    [
      "that fail again and again are not asked for a while",
      () => Promise.reject(new Error("down")),
      ["failed", "failed", "failed", "breaker open", "breaker open"],
      3,
    ],
    [
      "that take too long again and again are not asked for a while",
      () => new Promise(() => undefined),
      ["timeout", "timeout", "timeout", "breaker open", "breaker open"],
      3,
    ],
    [
      "are asked again and again about prompts that they cannot look at: that is not their failure",
      () => Promise.reject(new FactFailure("prompt too long")),
      Array.from({ length: 5 }, () => "prompt too long"),
      5,
    ],
  ])("%s", async (_, find, expected, times) => {
    let asked = 0;
    const counted = plugin(() => {
      asked += 1;
      return find();
    });
    const [detector] = detectorsOf(counted, { finder: { timeout_ms: 5 } }).of(reads);
    const reasons: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      await detector!.detect(content).catch((error: { reason: string }) => reasons.push(error.reason));
    }
    expect([reasons, asked]).toEqual([expected, times]);
  });

  test("that need a config, or are given a wrong one, say so and find nothing", () => {
    const config = t.Object({ url: t.String({ description: "Where." }) });
    const needing = detectorsOf(plugin(() => found, config as never));
    expect(needing.of(reads)).toEqual([]);
    expect(needing.whyNot("pii.types")).toContain("give it in the manifest's facts.finder.with");
    const wrong = detectorsOf(
      plugin(() => found, config as never),
      { finder: { with: { url: 1 } } },
    );
    expect(wrong.whyNot("pii.types")).toContain("the manifest's config of 'finder' is refused");
    const throwing = {
      ...plugin(() => found),
      create: () => {
        throw new PluginConfigError("", "never");
      },
    };
    expect(detectorsOf(throwing).whyNot("pii.count")).toContain("never");
  });
});
