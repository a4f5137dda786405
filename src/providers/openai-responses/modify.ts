import type { Modification } from "../../core/decision.ts";
import { modifySetting } from "../../core/modify.ts";
import type { Json } from "../../core/wire.ts";
import type { BodyDraft, Modifiers } from "../draft.ts";
import { optionalInteger } from "../fields.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import type { JsonNode } from "../json-tree.ts";
import { lastValue, redactMembers, removeTools, stringsAt, type ToolRemoval, toolRemoval } from "../modify.ts";
import { chatModifiers } from "../openai-chat/modify.ts";
import { redactor } from "../redact.ts";

/** How responses are changed: what they share with chat completions as there. */
export const responsesModifiers: Modifiers = {
  ...chatModifiers,
  max_tokens(draft, changes) {
    // 0 is for the provider to refuse; here it counts as none.
    const sent = optionalInteger(draft.body, "max_output_tokens", 0) || undefined;
    draft.setNumber("max_output_tokens", sent, modifySetting("max_tokens", sent, changes));
  },
  // There is always one answer.
  n: () => undefined,
  // The provider takes no texts to stop at on this surface, and refuses a request that has any.
  stop: () => undefined,
  reasoning_effort(draft, changes) {
    const effort = lastValue(changes, "set");
    draft.setInside("reasoning", "effort", effort === undefined ? null : JSON.stringify(effort));
  },
  messages: (draft, changes) => redactMembers(draft, redactor(changes), texts, definitions),
  system: addInstructions,
  tools: changeTools,
};

const texts = ["instructions", "input", "prompt"];
const definitions = ["tools", "text"];

/** After the client's own, whose text stays as it is written. */
function addInstructions(draft: BodyDraft, changes: readonly Modification[]): void {
  const added = changes.map(({ value }) => String(value)).join("\n\n");
  const sent = draft.body.instructions;
  if (typeof sent !== "string" || sent === "") draft.set("instructions", JSON.stringify(added));
  else draft.set("instructions", draft.text("instructions").slice(0, -1) + JSON.stringify(`\n\n${added}`).slice(1));
}

function changeTools(draft: BodyDraft, changes: readonly Modification[]): void {
  const removal = toolRemoval(changes);
  if (removeTools(draft, "tools", removal, toolNames)) {
    changeChoice(draft, removal);
  } else {
    for (const key of ["tool_choice", "parallel_tool_calls", "max_tool_calls"]) draft.remove(key);
  }
}

/**
 * A tool goes by its name and, where it is the provider's own, by its type; a server of tools by its label as well. A
 * namespace goes with any of its tools.
 */
function toolNames(text: string, tool: JsonNode): readonly string[] {
  const nested = tool.members.filter(({ key }) => key === "tools").flatMap(({ value }) => value.items);
  const names = [
    ...stringsAt(text, tool, "name"),
    ...stringsAt(text, tool, "server_label"),
    ...nested.flatMap((one) => toolNames(text, one)),
  ];
  const type = stringsAt(text, tool, "type");
  return type.some((one) => named.has(one)) ? names : [...names, ...type];
}

/** Types that say nothing of what a tool is. */
const named = new Set(["function", "custom", "namespace"]);

function changeChoice(draft: BodyDraft, { matches }: ToolRemoval): void {
  const choice = draft.body.tool_choice;
  if (!isObject(choice)) return;
  if (choice.type !== "allowed_tools") {
    if (namesOf(choice).some(matches)) draft.remove("tool_choice");
    return;
  }
  const tools = asArray(choice.tools);
  const left = tools.filter((tool) => !namesOf(tool).some(matches));
  if (left.length === tools.length) return;
  // Without the list the model could choose among tools that the client did not mean.
  if (left.length === 0) draft.set("tool_choice", '"none"');
  else draft.set("tool_choice", JSON.stringify({ ...choice, tools: left }));
}

function namesOf(tool: Json): readonly string[] {
  const { name, server_label: label, type } = asObject(tool);
  const names = [asString(name), asString(label)].filter((one) => one !== "");
  return named.has(asString(type)) ? names : [...names, asString(type)];
}
