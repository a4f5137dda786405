import pii from "../../../plugins/pii/plugin.ts";
import regexGuard from "../../../plugins/regex_guard/plugin.ts";
import secrets from "../../../plugins/secrets/plugin.ts";
import textReplace from "../../../plugins/text_replace/plugin.ts";
import { AnswerLog } from "../../../src/core/answer-log.ts";
import { emptyFacts } from "../../../src/core/facts.ts";
import type { CompiledPolicy } from "../../../src/core/policy.ts";
import { TextGuards } from "../../../src/core/stream-text.ts";
import { instantiate } from "../../../src/sdk/instantiate.ts";
import type { Plugin } from "../../../src/sdk/plugin.ts";
import { configs, createRandom, type Guarding, generators, type Plant, plantsOf } from "./plants.ts";

const plugins = {
  pii,
  secrets,
  regex_guard: regexGuard,
  text_replace: textReplace,
} as unknown as Readonly<Record<Guarding, Plugin>>;
const channel = { choice: 0, kind: "text", tool: "" } as const;

/** How much is tried. */
export interface LeakPlan {
  readonly plants: number;
  /** Random splits of each plant. */
  readonly splits: number;
  readonly seed: number;
  /** The types that are tried; all when absent. */
  readonly types?: readonly string[];
  readonly progress?: (line: string) => void;
}

/** What came of one type. */
export interface LeakResult {
  readonly type: string;
  readonly streams: number;
  /** Plants that were not found when they came whole. */
  readonly missed: readonly string[];
  /** Streams in which a plant reached the client, or anything else than without splits. */
  readonly leaks: readonly string[];
  /** Most characters held back where a plant stood. */
  readonly held: number;
  readonly nsPerCharacter: number;
}

/** A policy that redacts answers, as the gateway has it. */
export function guardOf(plugin: Guarding, config: object = configs[plugin]): CompiledPolicy {
  const made = instantiate(plugins[plugin], { on: ["answer"], ...config }, () => ({
    reads: [],
    test: () => true,
  }));
  const { name, summary, onError } = plugins[plugin];
  return {
    ...made,
    id: `org/${name}`,
    description: summary,
    mode: "enforce",
    onError,
    priority: 0,
    scope: {},
    uses: name,
  };
}

/** Sends pieces through the guards of a stream. */
export function send(policies: readonly CompiledPolicy[], pieces: readonly string[]): { out: string; held: number } {
  const failed = (_: CompiledPolicy, error: unknown) => {
    throw error;
  };
  const guards = new TextGuards(policies, new AnswerLog("stream", emptyFacts(), failed));
  let out = "";
  let held = 0;
  let given = 0;
  for (const piece of pieces) {
    out += guards.push(channel, piece, false).out;
    given += piece.length;
    held = Math.max(held, given - out.length);
  }
  return { out: out + guards.push(channel, "", true).out, held };
}

/** Tries every type of every detector. */
export function runLeaks(plan: LeakPlan): LeakResult[] {
  return (Object.keys(generators) as Guarding[]).flatMap((plugin) => {
    const policy = guardOf(plugin);
    const types = Object.keys(generators[plugin]).filter((type) => plan.types?.includes(type) ?? true);
    return types.map((type) => {
      const result = runType(plugin, type, policy, plan);
      plan.progress?.(
        `${type}: ${result.streams} streams, ${result.leaks.length} leaks, ${result.missed.length} missed, at most ${result.held} held, ${result.nsPerCharacter.toFixed(0)} ns a character`,
      );
      return result;
    });
  });
}

function runType(plugin: Guarding, type: string, policy: CompiledPolicy, plan: LeakPlan): LeakResult {
  const random = createRandom(plan.seed);
  const missed: string[] = [];
  const leaks: string[] = [];
  let [streams, held, characters] = [0, 0, 0];
  const from = process.cpuUsage();
  for (const plant of plantsOf(plugin, type, plan.plants, plan.seed)) {
    const text = plant.before + plant.secret + plant.after;
    const whole = send([policy], [text]).out;
    if (!isClean(plant, whole)) missed.push(text);
    const attempt = (pieces: readonly string[]) => {
      const sent = send([policy], pieces);
      streams += 1;
      characters += text.length;
      held = Math.max(held, sent.held);
      if (sent.out !== whole || !isClean(plant, sent.out)) leaks.push(JSON.stringify(pieces));
    };
    for (let at = 1; at < text.length; at += 1) attempt([text.slice(0, at), text.slice(at)]);
    for (let i = 0; i < plan.splits; i += 1) attempt(pieces(text, random));
  }
  const { user } = process.cpuUsage(from);
  return { type, streams, missed, leaks, held, nsPerCharacter: (user * 1000) / Math.max(1, characters) };
}

/** Whether nothing of a plant is left but what stands around it. */
function isClean({ before, secret, after }: Plant, out: string): boolean {
  return !out.includes(secret) && out.startsWith(before.slice(0, 4)) && out.endsWith(after.slice(-8));
}

function pieces(text: string, random: (below: number) => number): string[] {
  const made: string[] = [];
  const most = 1 + random(12);
  for (let at = 0; at < text.length; ) {
    const next = at + 1 + random(most);
    made.push(text.slice(at, next));
    at = next;
  }
  return made;
}

/** A long text without anything to find: whether it comes out as it is, how much is held back, and what it costs. */
export function runClean(kilobytes: number, size: number) {
  // Not the sets of regex_guard: of some of their patterns every rest of a line may be the middle.
  const { patterns } = configs.regex_guard;
  const policies = [
    guardOf("pii", { action: "redact" }),
    guardOf("secrets"),
    guardOf("regex_guard", { action: "redact", patterns }),
    guardOf("text_replace"),
  ];
  const sentence =
    "The scheduler keeps 42 queues (see section 3.1); each worker takes the next job, retries it up to 5 times - and logs why. Größe: 10 µm, 😀.\n";
  const text = sentence.repeat(Math.ceil((kilobytes * 1024) / sentence.length));
  const parts = text.match(new RegExp(`[^]{1,${size}}`, "g")) as string[];
  send(policies, parts.slice(0, 2_000));
  Bun.gc(true);
  const before = process.memoryUsage().heapUsed;
  const from = process.cpuUsage();
  const { out, held } = send(policies, parts);
  const nsPerCharacter = (process.cpuUsage(from).user * 1000) / text.length;
  const same = out === text;
  Bun.gc(true);
  return { same, held, nsPerCharacter, megabytes: (process.memoryUsage().heapUsed - before) / 2 ** 20 };
}
