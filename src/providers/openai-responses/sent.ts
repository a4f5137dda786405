import type { PieceKind } from "../../core/stream.ts";
import type { JsonObject } from "../../core/wire.ts";
import { asString, isObject } from "../json.ts";
import type { Draft } from "../slots.ts";
import { callMembers } from "./answer.ts";

/** A text of an item, as far as the client got it. */
interface SentPart {
  readonly kind: PieceKind;
  /** The key of its text. */
  readonly key: string;
  /** Where its events say it stands; nothing for the text of a call. */
  readonly at: Readonly<Record<string, number>>;
  /** As it began; without its text. */
  readonly template: JsonObject;
  /** Whether its text was told as a whole. */
  told: boolean;
  /** Whether it ended. */
  done: boolean;
}

/** What the types of a part's or call's events begin with, by its own type. */
const eventNames: Readonly<Record<string, string>> = {
  output_text: "response.output_text",
  refusal: "response.refusal",
  reasoning_text: "response.reasoning_text",
  summary_text: "response.reasoning_summary_text",
  function_call: "response.function_call_arguments",
  mcp_call: "response.mcp_call_arguments",
  custom_tool_call: "response.custom_tool_call_input",
  code_interpreter_call: "response.code_interpreter_call_code",
};

/** An event's type and its members. */
export type SentEvent = readonly [type: string, members: JsonObject];

/** An item of the output, as far as the client got it: what an addition or an early end has to know. */
export class SentItem {
  /** Its place in the output that the client gets. */
  readonly index: number;
  /** As it was told last. */
  item: Draft = {};
  done = false;
  readonly #key: number;
  readonly #parts: SentPart[] = [];

  /** @param key its place by the provider's count, with which the keys of its texts begin */
  constructor(index: number, key: number) {
    this.index = index;
    this.#key = key;
  }

  /** Keeps an event of the item that went out. */
  keep(type: string, body: JsonObject): void {
    if (isObject(body.item)) {
      this.item = structuredClone(body.item) as Draft;
      this.done = type === "response.output_item.done";
      const kind = asString(this.item.type);
      if (!this.done && callMembers[kind] !== undefined) this.#add("tool_arguments", "call", {}, { type: kind });
      return;
    }
    const part = this.#partOf(type, body);
    if (part === undefined) return;
    if (type.endsWith("_part.done")) part.done = true;
    else if (type.endsWith(".done")) part.told = true;
  }

  /** Whether the item has a text of this kind that is still open. */
  takes(kind: PieceKind): boolean {
    return !this.done && this.#open(kind) !== undefined;
  }

  /** The event that adds to it, and the key of the text that grows. */
  add(kind: PieceKind, text: string): { readonly event: SentEvent; readonly key: string } {
    const part = this.#open(kind)!;
    const members = { ...this.#where(part), delta: text, ...(kind === "text" && { logprobs: [] }) };
    return { event: [`${nameOf(part)}.delta`, members], key: part.key };
  }

  /** The events that end what is open of it, and it. */
  close(sent: ReadonlyMap<string, string>): readonly SentEvent[] {
    const events: SentEvent[] = [];
    for (const part of this.#parts) {
      const { kind, template, told, done, key } = part;
      const text = sent.get(key) ?? "";
      const where = this.#where(part);
      if (!told) events.push([`${nameOf(part)}.done`, { ...where, [this.#member(part)]: text }]);
      if (!done && kind !== "tool_arguments") {
        const name = "summary_index" in part.at ? "reasoning_summary_part" : "content_part";
        events.push([`response.${name}.done`, { ...where, part: { ...template, [memberOf(template)]: text } }]);
      }
      part.told = true;
      part.done = true;
    }
    const type = asString(this.item.type);
    const member = callMembers[type];
    if (member !== undefined) this.item[member] = sent.get(`${this.#key} call`) ?? "";
    else if (this.#parts.length > 0) this.#fill(sent);
    if (this.item.status !== undefined) this.item.status = "incomplete";
    this.done = true;
    events.push(["response.output_item.done", { output_index: this.index, item: this.item }]);
    return events;
  }

  #fill(sent: ReadonlyMap<string, string>): void {
    const textsOf = (at: string) =>
      this.#parts
        .filter((part) => at in part.at)
        .map(({ template, key }) => ({ ...template, [memberOf(template)]: sent.get(key) ?? "" }));
    if (this.item.type === "reasoning") this.item.summary = textsOf("summary_index");
    const content = textsOf("content_index");
    if (content.length > 0 || this.item.type === "message") this.item.content = content;
  }

  #open(kind: PieceKind): SentPart | undefined {
    return this.#parts.findLast((part) => !part.told && !part.done && part.kind === kind);
  }

  /** The part that an event is about; one that was not announced begins with its first fragment. */
  #partOf(type: string, body: JsonObject): SentPart | undefined {
    const part = isObject(body.part) ? body.part : undefined;
    const begun = part ?? templates[type];
    const at = typeof body.summary_index === "number" ? "summary" : "content";
    const index = body[`${at}_index`];
    if (typeof index !== "number")
      return callDone.test(type) ? this.#parts.find(({ key }) => key.endsWith("call")) : undefined;
    const known = this.#parts.find(({ key }) => key === `${this.#key} ${at} ${index}`);
    const kind = partKinds[asString(begun?.type)];
    if (known !== undefined || begun === undefined || kind === undefined) return known;
    return this.#add(kind, `${at} ${index}`, { [`${at}_index`]: index }, { ...begun, [memberOf(begun)]: "" });
  }

  #add(kind: PieceKind, key: string, at: SentPart["at"], template: JsonObject): SentPart {
    const part = { kind, key: `${this.#key} ${key}`, at, template, told: false, done: false };
    this.#parts.push(part);
    return part;
  }

  #where({ at }: SentPart): JsonObject {
    return { item_id: asString(this.item.id), output_index: this.index, ...at };
  }

  #member({ kind, template }: SentPart): string {
    return kind === "tool_arguments" ? (callMembers[asString(template.type)] ?? "arguments") : memberOf(template);
  }
}

const callDone = /_(?:arguments|input|code)\.done$/;

const partKinds: Readonly<Record<string, PieceKind>> = {
  output_text: "text",
  refusal: "refusal",
  reasoning_text: "reasoning",
  summary_text: "reasoning",
};

/** What a part looks like of which only fragments came. */
const templates: Readonly<Record<string, JsonObject>> = {
  "response.output_text.delta": { type: "output_text", annotations: [] },
  "response.refusal.delta": { type: "refusal" },
  "response.reasoning_text.delta": { type: "reasoning_text" },
  "response.reasoning_summary_text.delta": { type: "summary_text" },
};

function nameOf({ template }: SentPart): string {
  return eventNames[asString(template.type)] ?? "response.output_text";
}

function memberOf({ type }: JsonObject): string {
  return type === "refusal" ? "refusal" : "text";
}
