import type { Modification } from "../../core/decision.ts";
import { modifySetting } from "../../core/modify.ts";
import type { Json } from "../../core/wire.ts";
import type { BodyDraft, Modifiers } from "../draft.ts";
import { optionalInteger, optionalNumber } from "../fields.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import { type JsonNode, memberString, spliced, withItems } from "../json-tree.ts";
import {
  changeStops,
  lastValue,
  redactMembers,
  removeTools,
  stringsAt,
  type ToolRemoval,
  toolRemoval,
} from "../modify.ts";
import { changeModel } from "../one-model.ts";
import { redactor } from "../redact.ts";
import { chatMaximums } from "./request.ts";

/** How chat completions are changed. */
export const chatModifiers: Modifiers = {
  max_tokens: changeMaximum,
  n: (draft, changes) => draft.changeNumber("n", changes, optionalInteger(draft.body, "n", 1)),
  temperature: (draft, changes) =>
    draft.changeNumber("temperature", changes, optionalNumber(draft.body, "temperature")),
  top_p: (draft, changes) => draft.changeNumber("top_p", changes, optionalNumber(draft.body, "top_p")),
  stop: (draft, changes) => changeStops(draft, "stop", changes),
  reasoning_effort: (draft, changes) => changeText(draft, "reasoning_effort", changes),
  service_tier: (draft, changes) => changeText(draft, "service_tier", changes),
  model: (draft, changes) => changeModel(draft, lastValue(changes, "route")),
  user(draft, changes) {
    changeText(draft, "user", changes);
    if (changes.some(({ op }) => op === "remove")) draft.remove("safety_identifier");
  },
  messages: (draft, changes) => redactMembers(draft, redactor(changes), texts, definitions),
  system: addInstructions,
  tools: changeTools,
};

const texts = ["messages", "prediction"];
const definitions = ["tools", "functions", "response_format"];

function changeText(draft: BodyDraft, key: string, changes: readonly Modification[]): void {
  const value = lastValue(changes, "set");
  if (value === undefined) draft.remove(key);
  else if (value !== draft.body[key]) draft.set(key, JSON.stringify(value));
}

/** The maximum has two names here: each that was sent is changed; the newer one is added when none was. */
function changeMaximum(draft: BodyDraft, changes: readonly Modification[]): void {
  const { maxTokens, maxCompletionTokens } = chatMaximums(draft.body);
  const changed = (sent: number | undefined) => modifySetting("max_tokens", sent, changes);
  if (maxTokens !== undefined) draft.setNumber("max_tokens", maxTokens, changed(maxTokens));
  if (maxCompletionTokens !== undefined || maxTokens === undefined) {
    draft.setNumber("max_completion_tokens", maxCompletionTokens, changed(maxCompletionTokens));
  }
}

/** A message each, after those that lead, in the role that they have: the conversation stays as it was. */
function addInstructions(draft: BodyDraft, changes: readonly Modification[]): void {
  draft.rewrite("messages", (text, tree) => {
    const roleOf = (message: JsonNode) => memberString(text, message, "role");
    const first = tree.items.findIndex((message) => !["system", "developer"].includes(roleOf(message)));
    const leading = first === -1 ? tree.items : tree.items.slice(0, first);
    const last = leading.at(-1);
    const role = last === undefined ? "system" : roleOf(last);
    const added = changes.map(({ value }) => JSON.stringify({ role, content: value }));
    if (first === -1) return withItems(text, tree, added);
    const at = last?.end ?? tree.items[0]!.start;
    const joined = added.join(",");
    return spliced(text, [{ start: at, end: at, text: last === undefined ? `${joined},` : `,${joined}` }]);
  });
}

/** Tools stand in two lists, of which the second is older. What chooses among them must name none that is gone. */
function changeTools(draft: BodyDraft, changes: readonly Modification[]): void {
  const removal = toolRemoval(changes);
  // A tool of the provider's own, which has no name here: it goes when all tools do.
  if (removal.all) draft.remove("web_search_options");
  if (removeTools(draft, "functions", removal, toolNames)) {
    const { name } = asObject(draft.body.function_call);
    if (typeof name === "string" && removal.matches(name)) draft.remove("function_call");
  } else {
    draft.remove("function_call");
  }
  if (removeTools(draft, "tools", removal, toolNames)) {
    changeChoice(draft, removal);
  } else {
    draft.remove("tool_choice");
    draft.remove("parallel_tool_calls");
  }
}

/** Names are looked for where any kind of tool has its own; one without a name goes by its type. */
function toolNames(text: string, tool: JsonNode): readonly string[] {
  const names = [
    ...stringsAt(text, tool, "function", "name"),
    ...stringsAt(text, tool, "custom", "name"),
    ...stringsAt(text, tool, "name"),
  ];
  return names.length > 0 ? names : stringsAt(text, tool, "type");
}

function changeChoice(draft: BodyDraft, { matches }: ToolRemoval): void {
  const choice = draft.body.tool_choice;
  if (!isObject(choice)) return;
  if (choice.type !== "allowed_tools") {
    if (matches(nameOf(choice))) draft.remove("tool_choice");
    return;
  }
  const allowed = asObject(choice.allowed_tools);
  const tools = asArray(allowed.tools);
  const left = tools.filter((tool) => !matches(nameOf(tool)));
  if (left.length === tools.length) return;
  // Without the list the model could choose among tools that the client did not mean.
  if (left.length === 0) draft.set("tool_choice", '"none"');
  else draft.set("tool_choice", JSON.stringify({ ...choice, allowed_tools: { ...allowed, tools: left } }));
}

function nameOf(tool: Json): string {
  const { function: called, custom, name, type } = asObject(tool);
  return asString(asObject(called).name) || asString(asObject(custom).name) || asString(name) || asString(type);
}
