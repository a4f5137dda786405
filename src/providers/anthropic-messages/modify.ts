import type { Modification } from "../../core/decision.ts";
import type { BodyDraft, Modifiers } from "../draft.ts";
import { optionalNumber } from "../fields.ts";
import { asCount, asObject, asString, isArray } from "../json.ts";
import { type JsonNode, withItems } from "../json-tree.ts";
import { changeStops, lastValue, redactMembers, removeTools, stringsAt, toolRemoval } from "../modify.ts";
import { changeModel } from "../one-model.ts";
import { redactor } from "../redact.ts";

/** Anthropic's range ends here; the other formats' goes to 2. */
const mostTemperature = 1;

/** How messages are changed. */
export const messagesModifiers: Modifiers = {
  max_tokens: (draft, changes) =>
    draft.changeNumber("max_tokens", changes, asCount(draft.body.max_tokens) ?? undefined),
  // There is always one answer.
  n: () => undefined,
  temperature: (draft, changes) =>
    draft.changeNumber("temperature", changes, optionalNumber(draft.body, "temperature"), mostTemperature),
  top_p: (draft, changes) => draft.changeNumber("top_p", changes, optionalNumber(draft.body, "top_p")),
  stop: (draft, changes) => changeStops(draft, "stop_sequences", changes),
  reasoning_effort: (draft, changes) => draft.setInside("output_config", "effort", textOf(lastValue(changes, "set"))),
  service_tier(draft, changes) {
    const tier = lastValue(changes, "set");
    if (tier === undefined) draft.remove("service_tier");
    else draft.set("service_tier", tier === "auto" ? '"auto"' : '"standard_only"');
  },
  model: (draft, changes) => changeModel(draft, lastValue(changes, "route")),
  user: (draft, changes) => draft.setInside("metadata", "user_id", textOf(lastValue(changes, "set"))),
  messages: (draft, changes) => redactMembers(draft, redactor(changes), texts, definitions),
  system: addInstructions,
  tools: changeTools,
};

const texts = ["system", "messages"];
const definitions = ["tools", "output_config", "output_format"];

function textOf(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** A block each after the client's own, so that what is cached of those stays so. */
function addInstructions(draft: BodyDraft, changes: readonly Modification[]): void {
  const sent = draft.body.system ?? null;
  const blocks = changes.map(({ value }) => JSON.stringify({ type: "text", text: value }));
  if (isArray(sent)) {
    draft.rewrite("system", (text, tree) => withItems(text, tree, blocks));
  } else {
    const own = sent === null || sent === "" ? [] : [`{"type":"text","text":${draft.text("system")}}`];
    draft.set("system", `[${[...own, ...blocks].join(",")}]`);
  }
}

/** Servers bring tools of their own, which have no names here: they go when all tools do. */
function changeTools(draft: BodyDraft, changes: readonly Modification[]): void {
  const removal = toolRemoval(changes);
  if (removal.all) draft.remove("mcp_servers");
  if (!removeTools(draft, "tools", removal, toolNames)) {
    draft.remove("tool_choice");
    return;
  }
  const chosen = asString(asObject(draft.body.tool_choice).name);
  if (chosen !== "" && removal.matches(chosen)) draft.remove("tool_choice");
}

function toolNames(text: string, tool: JsonNode): readonly string[] {
  const names = stringsAt(text, tool, "name");
  return names.length > 0 ? names : stringsAt(text, tool, "type");
}
