import type { Modification } from "../../core/decision.ts";
import { modifySetting } from "../../core/modify.ts";
import type { JsonObject } from "../../core/wire.ts";
import type { BodyDraft, Modifiers } from "../draft.ts";
import { optionalInteger, optionalNumber } from "../fields.ts";
import { asObject, asString, isArray, isObject } from "../json.ts";
import { withItems } from "../json-tree.ts";
import { changeStops, lastValue } from "../modify.ts";
import { redactor } from "../redact.ts";
import { redactPrompt } from "./redact.ts";
import { keyOf, memberOf } from "./spelling.ts";
import { changeTools } from "./tools.ts";

/** How requests to a model are changed. */
export function geminiModifiers(model: string): Modifiers {
  return { ...modifiers, reasoning_effort: (draft, changes) => changeThinking(draft, changes, model) };
}

const modifiers: Omit<Modifiers, "reasoning_effort"> = {
  max_tokens: (draft, changes) =>
    inConfig(draft, (config) => {
      const key = keyOf(config.body, "maxOutputTokens");
      const sent = optionalInteger(config.body, key, 0) || undefined;
      config.setNumber(key, sent, modifySetting("max_tokens", sent, changes));
    }),
  n: (draft, changes) =>
    inConfig(draft, (config) => {
      const key = keyOf(config.body, "candidateCount");
      const sent = optionalInteger(config.body, key, 0);
      config.setNumber(key, sent, modifySetting("n", sent, changes));
    }),
  temperature: (draft, changes) =>
    inConfig(draft, (config) =>
      config.changeNumber("temperature", changes, optionalNumber(config.body, "temperature")),
    ),
  top_p: (draft, changes) =>
    inConfig(draft, (config) => {
      const key = keyOf(config.body, "topP");
      const sent = optionalNumber(config.body, key);
      config.setNumber(key, sent, modifySetting("top_p", sent, changes));
    }),
  stop: (draft, changes) =>
    inConfig(draft, (config) => changeStops(config, keyOf(config.body, "stopSequences"), changes)),
  service_tier: changeTier,
  // The model stands in the path; where a body repeats it, the surface sees to it.
  model: () => undefined,
  // Nothing in these requests names the end user.
  user: () => undefined,
  messages: (draft, changes) => redactPrompt(draft, redactor(changes)),
  system: addInstructions,
  tools: changeTools,
};

/** Changes generationConfig. */
export function inConfig(draft: BodyDraft, change: (config: BodyDraft) => void): void {
  draft.inside(keyOf(draft.body, "generationConfig"), change);
}

/** Tokens that a model of the 2.5 family, which takes no level, may think with; as Google maps OpenAI's efforts. */
const budgets: Readonly<Record<string, number>> = { low: 1_024, medium: 8_192, high: 24_576 };

/** A level and a budget exclude each other: whichever is written, the other goes. */
function changeThinking(draft: BodyDraft, changes: readonly Modification[], model: string): void {
  const effort = lastValue(changes, "set");
  inConfig(draft, (config) => {
    const key = keyOf(config.body, "thinkingConfig");
    if (effort === undefined && !isObject(config.body[key])) return;
    config.inside(key, (thinking) => {
      const level = keyOf(thinking.body, "thinkingLevel");
      const budget = keyOf(thinking.body, "thinkingBudget");
      if (effort === undefined) {
        thinking.remove(level);
        thinking.remove(budget);
      } else if (thinksByBudget(model, thinking.body)) {
        thinking.set(budget, String(budgets[effort as string]));
        thinking.remove(level);
      } else {
        thinking.set(level, JSON.stringify(effort));
        thinking.remove(budget);
      }
    });
  });
}

/** Levels came with the third generation. Of a name that tells none, a client that sends a budget knows. */
function thinksByBudget(model: string, thinking: JsonObject): boolean {
  return /gemini-[12]\b/.test(model) || typeof memberOf(thinking, "thinkingBudget") === "number";
}

function changeTier(draft: BodyDraft, changes: readonly Modification[]): void {
  const key = keyOf(draft.body, "serviceTier");
  // `auto` is what holds when nothing is said.
  if (lastValue(changes, "set") === "default") {
    if (asString(draft.body[key]).toLowerCase() !== "standard") draft.set(key, '"standard"');
  } else {
    draft.remove(key);
  }
}

/** A part each after the client's own, so that what is cached of those stays so. */
function addInstructions(draft: BodyDraft, changes: readonly Modification[]): void {
  const key = keyOf(draft.body, "systemInstruction");
  const added = changes.map(({ value }) => JSON.stringify({ text: value }));
  const sent = draft.body[key] ?? null;
  if (!isObject(sent)) {
    const own = sent === null || sent === "" ? [] : [`{"text":${draft.text(key)}}`];
    draft.set(key, `{"parts":[${[...own, ...added].join(",")}]}`);
    return;
  }
  draft.inside(key, (instruction) => {
    const { parts = null } = asObject(sent);
    if (isArray(parts)) instruction.rewrite("parts", (text, tree) => withItems(text, tree, added));
    else instruction.set("parts", `[${[...(parts === null ? [] : [instruction.text("parts")]), ...added].join(",")}]`);
  });
}
