import { Type as t } from "@sinclair/typebox";
import { ScannerRedaction } from "../core/modifiable.ts";
import type { AnswerGuard, Content, RuleHit } from "../core/policy.ts";
import { scanWhole } from "../core/scan-json.ts";
import type { PieceKind, TextScanner } from "../core/stream.ts";
import type { PluginInstance, PluginTools } from "./plugin.ts";

/** Everything that a model writes, names of tools aside. */
export const answerKinds: readonly PieceKind[] = ["text", "reasoning", "refusal", "tool_arguments"];

/** Most characters of a prompt that a policy may have looked through. */
export const mostPromptCharacters = 2_000_000;

/** The part of a config that all policy types have which look for something in prompts and answers. */
export const contentConfig = {
  on: t.Array(t.Union([t.Literal("prompt"), t.Literal("answer")]), {
    minItems: 1,
    uniqueItems: true,
    default: ["prompt"],
    description: "Which texts are looked through.",
  }),
  action: t.Union([t.Literal("deny"), t.Literal("warn"), t.Literal("redact")], {
    default: "deny",
    description: "What becomes of what is found: the request or answer is refused, it is noted, or it is replaced.",
  }),
  max_characters: t.Integer({
    minimum: 1,
    maximum: mostPromptCharacters,
    default: 262_144,
    description: "Most characters of a prompt that are looked through, all texts together.",
  }),
  too_long: t.Union([t.Literal("deny"), t.Literal("warn"), t.Literal("allow")], {
    default: "deny",
    description: "What becomes of a longer prompt, which is not looked through at all.",
  }),
};

/** The reasons that go with {@link contentGuard}. */
export type ContentReasons = {
  readonly promptFound: { readonly message: `${string}{found}${string}` };
  readonly answerFound: { readonly message: `${string}{found}${string}` };
  readonly promptRedacted: { readonly message: `${string}{found}${string}` };
  readonly answerRedacted: { readonly message: `${string}{found}${string}` };
  readonly promptTooLong: { readonly message: `${string}{characters}${string}{max}${string}` };
};

/** What is looked for, and what becomes of it. */
export interface ContentLook {
  readonly scanner: TextScanner;
  readonly on: readonly ("prompt" | "answer")[];
  readonly action: "deny" | "warn" | "redact";
  readonly max_characters: number;
  readonly too_long: "deny" | "warn" | "allow";
}

/** The functions that {@link contentGuard} takes of a plugin's tools; any plugin's with its reasons has them. */
export type ContentTools = Pick<PluginTools<ContentReasons>, "deny" | "warn" | "modify">;

/**
 * Makes the handlers of a policy type that looks for something in prompts and answers. What is found is named by its
 * types, in the order of the alphabet, never quoted.
 */
export function contentGuard(tools: ContentTools, look: ContentLook): Pick<PluginInstance, "request" | "answer"> {
  const { on, scanner, action } = look;
  const answer: AnswerGuard = {
    texts: [{ kinds: answerKinds, scanner, action, hit: (found) => answerHit(tools, action, found) }],
  };
  return {
    ...(on.includes("prompt") && {
      request: (_: unknown, content: Content) => judgePrompt(tools, look, content.texts()),
    }),
    ...(on.includes("answer") && { answer }),
  };
}

function judgePrompt(tools: ContentTools, look: ContentLook, texts: readonly string[]): RuleHit | null {
  const { scanner, action, max_characters: max, too_long } = look;
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  if (characters > max) {
    return too_long === "allow" ? null : tools[too_long]("promptTooLong", { characters, max });
  }
  const found = new Map<string, number>();
  for (const text of texts) {
    for (const { type } of scanWhole(scanner, text)) found.set(type, (found.get(type) ?? 0) + 1);
  }
  if (found.size === 0) return null;
  const types = namesOf(found);
  const values = { found: types.join(", ") };
  if (action !== "redact") return tools[action]("promptFound", values);
  const value = new ScannerRedaction(scanner, types);
  return tools.modify("promptRedacted", values, [{ op: "redact", path: "messages", value }]);
}

function answerHit(tools: ContentTools, action: ContentLook["action"], found: ReadonlyMap<string, number>): RuleHit {
  const values = { found: namesOf(found).join(", ") };
  return action === "redact" ? tools.modify("answerRedacted", values, []) : tools[action]("answerFound", values);
}

function namesOf(found: ReadonlyMap<string, number>): string[] {
  return [...found.keys()].sort();
}
