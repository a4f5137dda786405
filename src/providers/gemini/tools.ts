import type { Modification } from "../../core/decision.ts";
import type { BodyDraft } from "../draft.ts";
import { asArray, asObject, isObject, parseObject } from "../json.ts";
import { editMembers } from "../json-text.ts";
import { type JsonNode, parseTree, spliced, withoutItems } from "../json-tree.ts";
import { stringsAt, type ToolRemoval, toolRemoval } from "../modify.ts";
import { camelOf, keyOf, memberOf } from "./spelling.ts";

/** Removes functions and tools of the provider's own. What chooses among them must name none that is gone. */
export function changeTools(draft: BodyDraft, changes: readonly Modification[]): void {
  const removal = toolRemoval(changes);
  if (!removeTools(draft, removal)) {
    draft.remove("tools");
    draft.remove(keyOf(draft.body, "toolConfig"));
    return;
  }
  const config = keyOf(draft.body, "toolConfig");
  if (isObject(draft.body[config])) draft.inside(config, (inner) => changeChoice(inner, removal));
}

/** Answers whether a tool is left. */
function removeTools(draft: BodyDraft, removal: ToolRemoval): boolean {
  const text = draft.text("tools");
  if (text === "") return false;
  const tree = parseTree(text);
  // Google's parsers take a single tool for a list of one.
  if (tree.kind === "object") {
    const left = withoutTools(text, tree, removal);
    if (left !== text) draft.set("tools", left);
    return left !== "{}";
  }
  const kept = tree.items.map((tool) => withoutTools(text, tool, removal));
  const gone = new Set(tree.items.filter((_, i) => kept[i] === "{}"));
  const changed = spliced(
    text,
    tree.items.flatMap((tool, i) => {
      const { start, end } = tool;
      return gone.has(tool) || kept[i] === text.slice(start, end) ? [] : [{ start, end, text: kept[i]! }];
    }),
  );
  const places = new Set(tree.items.flatMap((tool, i) => (gone.has(tool) ? [i] : [])));
  const again = parseTree(changed);
  const left = withoutItems(changed, again, (tool) => places.has(again.items.indexOf(tool)));
  if (left !== text) draft.set("tools", left);
  return places.size < tree.items.length;
}

/** The text of one tool without what is removed; `{}` when nothing of it is left. */
function withoutTools(text: string, tool: JsonNode, { matches }: ToolRemoval): string {
  const own = text.slice(tool.start, tool.end);
  if (tool.kind !== "object") return own;
  const edits = new Map<string, string | null>();
  for (const { key, value } of tool.members) {
    if (camelOf(key) !== "functionDeclarations") {
      if (matches(camelOf(key))) edits.set(key, null);
      continue;
    }
    const named = (declaration: JsonNode) => stringsAt(text, declaration, "name").some(matches);
    if (value.kind !== "array") {
      if (named(value)) edits.set(key, null);
    } else if (value.items.every(named)) {
      edits.set(key, null);
    } else if (value.items.some(named)) {
      const list = text.slice(value.start, value.end);
      const inner = parseTree(list);
      edits.set(
        key,
        withoutItems(list, inner, (one) => stringsAt(list, one, "name").some(matches)),
      );
    }
  }
  const left = edits.size === 0 ? own : Buffer.from(editMembers(Buffer.from(own), edits)).toString();
  return Object.keys(parseObject(left) ?? {}).length === 0 ? "{}" : left;
}

function changeChoice(config: BodyDraft, { matches }: ToolRemoval): void {
  const key = keyOf(config.body, "functionCallingConfig");
  const calling = asObject(config.body[key]);
  const names = asArray(memberOf(calling, "allowedFunctionNames"));
  const left = names.filter((name) => typeof name !== "string" || !matches(name));
  if (left.length === names.length) return;
  // Without the list the model could choose among functions that the client did not mean.
  if (left.length === 0) config.set(key, '{"mode":"NONE"}');
  else config.inside(key, (inner) => inner.set(keyOf(calling, "allowedFunctionNames"), JSON.stringify(left)));
}
