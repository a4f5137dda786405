import type { Modification } from "../core/decision.ts";
import { compileGlobs } from "../core/glob.ts";
import { textsOf } from "../core/modifiable.ts";
import type { Json } from "../core/wire.ts";
import type { BodyDraft } from "./draft.ts";
import { refuse } from "./fields.ts";
import { isArray } from "./json.ts";
import { type JsonNode, spliced, stringOf, withItems, withoutItems } from "./json-tree.ts";
import { PromptRedaction, type Redact } from "./redact.ts";

/** The value that the last of the changes with this operation gives. */
export function lastValue(changes: readonly Modification[], op: Modification["op"]): unknown {
  return changes.findLast((change) => change.op === op)?.value;
}

/** Changes texts at which the model stops. A single text, where the format takes one, becomes a list when more come. */
export function changeStops(draft: BodyDraft, key: string, changes: readonly Modification[]): void {
  let sent: Json = draft.body[key] ?? null;
  for (const { op, value } of changes) {
    if (op === "append") {
      if (sent !== null && typeof sent !== "string" && !isArray(sent)) refuse(key, "a string or a list", sent);
      const known = typeof sent === "string" ? [sent] : (sent ?? []);
      const added = textsOf(value).filter((text, i, all) => !known.includes(text) && all.indexOf(text) === i);
      const items = added.map((text) => JSON.stringify(text));
      if (isArray(sent)) draft.rewrite(key, (text, tree) => withItems(text, tree, items));
      else if (items.length > 0)
        draft.set(key, `[${[...(sent === null ? [] : [draft.text(key)]), ...items].join(",")}]`);
      sent = [...known, ...added];
    } else {
      sent = op === "remove" ? null : textsOf(value);
      if (sent === null) draft.remove(key);
      else draft.set(key, JSON.stringify(sent));
    }
  }
}

/** Which tools a removal means. */
export interface ToolRemoval {
  readonly all: boolean;
  readonly matches: (name: string) => boolean;
}

/** Joins the removals. */
export function toolRemoval(changes: readonly Modification[]): ToolRemoval {
  const all = changes.some(({ value }) => value === undefined);
  return { all, matches: all ? () => true : compileGlobs(changes.flatMap(({ value }) => textsOf(value))) };
}

/**
 * Removes tools from a list; the list goes with the last of them. Answers whether one is left.
 *
 * @param namesOf all names that a tool goes by: one of them is enough
 */
export function removeTools(
  draft: BodyDraft,
  key: string,
  { matches }: ToolRemoval,
  namesOf: (text: string, tool: JsonNode) => readonly string[],
): boolean {
  let left = false;
  draft.rewrite(key, (text, tree) => {
    const without = withoutItems(text, tree, (tool) => {
      const drop = namesOf(text, tool).some(matches);
      left ||= !drop;
      return drop;
    });
    return without;
  });
  if (!left) draft.remove(key);
  return left;
}

/** The string that the member of this name holds, if it does. */
export function stringsAt(text: string, node: JsonNode, ...path: readonly string[]): string[] {
  const [key, ...rest] = path;
  if (key === undefined) return node.kind === "string" ? [stringOf(text, node)] : [];
  return node.members.filter((member) => member.key === key).flatMap(({ value }) => stringsAt(text, value, ...rest));
}

/** Redacts the members of a body that hold what the model reads, and the descriptions in its definitions. */
export function redactMembers(
  draft: BodyDraft,
  redact: Redact,
  texts: readonly string[],
  definitions: readonly string[],
): void {
  for (const key of texts) {
    draft.rewrite(key, (text, tree) => {
      const redaction = new PromptRedaction(text, redact);
      redaction.content(tree);
      return spliced(text, redaction.splices);
    });
  }
  for (const key of definitions) {
    draft.rewrite(key, (text, tree) => {
      const redaction = new PromptRedaction(text, redact);
      redaction.descriptions(tree);
      return spliced(text, redaction.splices);
    });
  }
}
