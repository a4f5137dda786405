import type { Channel, PieceKind } from "../../core/stream.ts";
import type { JsonObject } from "../../core/wire.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import type { Draft } from "../slots.ts";
import { callMembers, callName } from "./answer.ts";
import { deltaKinds, terminal } from "./stream.ts";

/** A text of the model's, where it stands in an event or an answer. Every event that repeats it has the same key. */
export interface Said extends Channel {
  readonly key: string;
  /** Which item of the output it belongs to, by the provider's count. */
  readonly item: number;
  readonly holder: Draft;
  readonly member: string;
  /** Whether this is a fragment; else it is the whole text so far. */
  readonly delta: boolean;
  /** Takes away what says the text once more, beside it. */
  also(): void;
}

/** Everything that one event says. */
export function saidBy(event: JsonObject): readonly Said[] {
  const type = asString(event.type);
  const item = indexOf(event.output_index);
  if (Object.hasOwn(deltaKinds, type)) return typeof event.delta === "string" ? [fragment(event, type, item)] : none;
  if (type === "response.output_item.added" || type === "response.output_item.done") {
    return isObject(event.item) ? saidInItem(event.item as Draft, item) : none;
  }
  if (isObject(event.part)) return saidInPart(event.part as Draft, item, partKey(event));
  if (isObject(event.response)) return saidInOutput(event.response);
  const whole = wholes[type];
  if (whole === undefined || typeof event[whole.member] !== "string") return none;
  const { kind, member } = whole;
  const key = kind === "tool_arguments" ? callKey(event) : partKey(event);
  const name = typeof event.name === "string" ? [said(event as Draft, "name", "tool_name", item, "name")] : none;
  return [...name, said(event as Draft, member, kind, item, key)];
}

/** Everything that a response's output says. */
export function saidInOutput({ output }: JsonObject): readonly Said[] {
  return asArray(output).flatMap((item, i) => (isObject(item) ? saidInItem(item as Draft, i) : none));
}

/** Everything that one item of the output says. */
export function saidInItem(item: Draft, index: number): readonly Said[] {
  const type = asString(item.type);
  const member = callMembers[type];
  if (member !== undefined) {
    const named = typeof item.name === "string" ? item : { name: callName(item) };
    const name = said(named, "name", "tool_name", index, "name");
    return typeof item[member] === "string" ? [name, said(item, member, "tool_arguments", index, "call")] : [name];
  }
  if (type.endsWith("_call")) {
    const name = said({ name: callName(item) }, "name", "tool_name", index, "name");
    return [name, ...["action", "actions", "operation", "queries"].flatMap((key) => saidInside(item, key, index, key))];
  }
  if (type !== "message" && type !== "reasoning") return none;
  return (["summary", "content"] as const).flatMap((list) =>
    asArray(item[list]).flatMap((part, i) =>
      isObject(part) ? saidInPart(part as Draft, index, `${list} ${i}`) : none,
    ),
  );
}

/** Whether nothing of an item, or of the response, follows what an event says. */
export function isFinal(type: string): boolean {
  return type.endsWith(".done") || terminal.has(type);
}

/** The channels that end with an event. */
export function closedBy(event: JsonObject): readonly Channel[] {
  const type = asString(event.type);
  const tool = String(indexOf(event.output_index));
  const whole = wholes[type];
  if (whole !== undefined && isFinal(type)) return [channel(whole.kind, tool)];
  if (type !== "response.output_item.done") return none;
  const item = asObject(event.item);
  if (asString(item.type).endsWith("_call")) return [channel("tool_arguments", tool)];
  if (item.type === "message") return [channel("text", ""), channel("refusal", "")];
  return item.type === "reasoning" ? [channel("reasoning", "")] : none;
}

/** The events that tell the whole of a text, and where they have it. */
const wholes: Readonly<Record<string, { readonly kind: PieceKind; readonly member: string }>> = {
  "response.output_text.done": { kind: "text", member: "text" },
  "response.refusal.done": { kind: "refusal", member: "refusal" },
  "response.reasoning_text.done": { kind: "reasoning", member: "text" },
  "response.reasoning_summary_text.done": { kind: "reasoning", member: "text" },
  "response.function_call_arguments.done": { kind: "tool_arguments", member: "arguments" },
  "response.mcp_call_arguments.done": { kind: "tool_arguments", member: "arguments" },
  "response.custom_tool_call_input.done": { kind: "tool_arguments", member: "input" },
  "response.code_interpreter_call_code.done": { kind: "tool_arguments", member: "code" },
  "response.shell_call_command.added": { kind: "tool_arguments", member: "command" },
  "response.shell_call_command.done": { kind: "tool_arguments", member: "command" },
  "response.audio.transcript.done": { kind: "text", member: "transcript" },
};

const none: readonly never[] = Object.freeze([]);

function fragment(event: JsonObject, type: string, item: number): Said {
  const kind = deltaKinds[type as keyof typeof deltaKinds];
  const key = kind === "tool_arguments" ? callKey(event) : partKey(event);
  return { ...said(event as Draft, "delta", kind, item, key), delta: true };
}

/** Every text in a member of a call whose arguments have a form of their own: commands, patches, searches. */
function saidInside(holder: Draft, member: string, item: number, key: string): readonly Said[] {
  const value = holder[member];
  if (typeof value === "string") return member === "type" ? none : [said(holder, member, "tool_arguments", item, key)];
  if (typeof value !== "object" || value === null) return none;
  return Object.keys(value).flatMap((name) => saidInside(value as Draft, name, item, `${key} ${name}`));
}

function saidInPart(part: Draft, item: number, key: string): readonly Said[] {
  const kind = partKinds[asString(part.type)];
  const member = kind === "refusal" ? "refusal" : "text";
  return kind === undefined || typeof part[member] !== "string" ? none : [said(part, member, kind, item, key)];
}

const partKinds: Readonly<Record<string, PieceKind>> = {
  output_text: "text",
  refusal: "refusal",
  reasoning_text: "reasoning",
  summary_text: "reasoning",
};

function said(holder: Draft, member: string, kind: PieceKind, item: number, key: string): Said {
  return {
    ...channel(kind, String(item)),
    key: `${item} ${key}`,
    item,
    holder,
    member,
    delta: false,
    also() {
      // The tokens say the text once more, and notes on it tell where in the text they stand.
      if (holder.logprobs) holder.logprobs = [];
      if (holder.annotations) holder.annotations = [];
    },
  };
}

function channel(kind: PieceKind, item: string): Channel {
  return { choice: 0, kind, tool: kind === "tool_name" || kind === "tool_arguments" ? item : "" };
}

/** A shell takes several commands in one call. */
function callKey(event: JsonObject): string {
  return typeof event.command_index === "number" ? `action commands ${event.command_index}` : "call";
}

function partKey(event: JsonObject): string {
  return typeof event.summary_index === "number"
    ? `summary ${event.summary_index}`
    : `content ${indexOf(event.content_index)}`;
}

function indexOf(value: JsonObject[string]): number {
  return typeof value === "number" ? value : 0;
}
