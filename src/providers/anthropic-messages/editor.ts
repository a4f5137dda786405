import type { Channel, EarlyEnd, StreamEditor, StreamEvent, WireEvent } from "../../core/stream.ts";
import type { JsonObject } from "../../core/wire.ts";
import { asObject, asString, isObject, parseObject } from "../json.ts";
import { type Draft, differs, type Slot } from "../slots.ts";
import { blockSlots, deltaSlots, isCall, reasoningChannel, textChannel } from "./slots.ts";

/** An event as it was read. */
interface MessagesEvent extends StreamEvent {
  readonly data: string;
  readonly body: JsonObject | null;
  readonly pieces: readonly Slot[];
}

/** Writes a stream of message events otherwise than it came. */
export function editMessagesStream(): StreamEditor<MessagesEvent> {
  return new MessagesEditor();
}

/** A block that the client got, and that may still be open. */
interface Block {
  readonly index: number;
  readonly type: string;
  open: boolean;
}

class MessagesEditor implements StreamEditor<MessagesEvent> {
  /** The channels of the blocks that the provider began and did not end, by its index. */
  readonly #reading = new Map<number, Channel | null>();
  /** What the client got, by the provider's index; `null` for a block that was taken out. */
  readonly #blocks = new Map<number, Block | null>();
  #next = 0;
  #taken = false;
  #calls = 0;
  #started = false;
  #told = false;
  #stopped = false;

  read(name: string, data: string): MessagesEvent {
    const body = parseObject(data);
    if (body === null) return { type: name, pieces: none, closes: none, data, body };
    const type = asString(body.type) || name;
    const index = indexOf(body);
    const key = String(index);
    let pieces: readonly Slot[] = none;
    let closes: StreamEvent["closes"] = none;
    if (type === "content_block_start") {
      const block = asObject(body.content_block) as Draft;
      pieces = blockSlots(block, key, false);
      this.#reading.set(index, channelOf(block, key));
    } else if (type === "content_block_delta") {
      pieces = deltaSlots(asObject(body.delta) as Draft, key);
    } else if (type === "content_block_stop") {
      const channel = this.#reading.get(index);
      this.#reading.delete(index);
      if (channel) closes = [channel];
    } else if (type === "message_delta" || type === "message_stop") closes = "all";
    return { type, pieces, closes, tellsUsage: isObject(body.usage), data, body };
  }

  write(event: MessagesEvent, texts?: readonly (string | null)[]): string | null {
    const { body, data, pieces, type } = event;
    if (body === null) return null;
    const changed = differs(pieces, texts);
    if (changed) for (let i = 0; i < pieces.length; i += 1) if (texts![i] !== null) pieces[i]!.set(texts![i]!);
    switch (type) {
      case "message_start":
        this.#started = true;
        return data;
      case "content_block_start":
        return this.#begin(event, changed, texts?.some((text) => text === null) ?? false);
      case "content_block_delta":
      case "content_block_stop":
        return this.#goOn(event, changed);
      case "message_delta":
        this.#told = true;
        return this.#tell(body, data);
      case "message_stop":
        this.#stopped = true;
        return data;
      default:
        return data;
    }
  }

  add({ kind, tool }: Channel, text: string): readonly WireEvent[] {
    const open = [...this.#blocks.entries()].findLast(
      ([index, block]) =>
        block?.open && (kind === "tool_arguments" ? String(index) === tool : deltas[block.type]?.kind === kind),
    );
    if (open === undefined) return this.#block(kind === "reasoning" ? "thinking" : "text", text);
    const [, block] = open;
    return [event("content_block_delta", { index: block!.index, delta: deltaOf(block!.type, text) })];
  }

  end({ reason, refusal, usage }: EarlyEnd): readonly WireEvent[] {
    const events: WireEvent[] = [];
    const { promptTokens, completionTokens: output_tokens, cachedTokens } = usage;
    if (!this.#started) {
      const cache_read_input_tokens = cachedTokens ?? 0;
      const input = { input_tokens: promptTokens - cache_read_input_tokens, cache_read_input_tokens };
      events.push(event("message_start", { message: { ...emptyMessage, usage: { ...input, output_tokens: 0 } } }));
    }
    for (const block of this.#blocks.values()) {
      if (block?.open) events.push(event("content_block_stop", { index: block.index }));
    }
    if (!this.#told) {
      const stop_details =
        reason === "content_filter" ? { type: "refusal", category: null, explanation: refusal.message } : null;
      const delta = { stop_reason: stopReasons[reason], stop_sequence: null, stop_details };
      const sluice = { code: refusal.code, message: refusal.message, ...refusal.sluice };
      events.push(event("message_delta", { delta, usage: { output_tokens }, sluice }));
    }
    if (!this.#stopped) events.push(event("message_stop", {}));
    return events;
  }

  /** The beginning of a block, which is taken out whole if its call is. */
  #begin({ body, data }: MessagesEvent, changed: boolean, taken: boolean): string | null {
    const began = body as Draft;
    const block = asObject(began.content_block);
    if (taken) {
      this.#taken = true;
      this.#blocks.set(indexOf(began), null);
      return null;
    }
    const index = this.#next;
    this.#next += 1;
    if (block.type === "tool_use") this.#calls += 1;
    this.#blocks.set(indexOf(began), { index, type: asString(block.type), open: true });
    // Places are given anew only where a block before was taken out or added.
    if (index === began.index && !changed) return data;
    began.index = index;
    return JSON.stringify(began);
  }

  #goOn({ body, data, type, pieces }: MessagesEvent, changed: boolean): string | null {
    const given = indexOf(body!);
    const block = this.#blocks.get(given);
    if (block === null) return null;
    if (block !== undefined && type === "content_block_stop") block.open = false;
    const index = block?.index ?? given;
    if (index === given && !changed) return data;
    if (changed && pieces.every((piece) => piece.kind !== "tool_name" && isEmptyNow(body!))) return null;
    (body as Draft).index = index;
    return JSON.stringify(body);
  }

  /** A message whose calls were all taken out did not stop for calls. */
  #tell(body: JsonObject, data: string): string {
    const delta = asObject(body.delta) as Draft;
    if (!this.#taken || this.#calls > 0 || delta.stop_reason !== "tool_use") return data;
    delta.stop_reason = "end_turn";
    return JSON.stringify(body);
  }

  /** A whole block of our own, where none is open that could take the text. */
  #block(type: "text" | "thinking", text: string): readonly WireEvent[] {
    const index = this.#next;
    this.#next += 1;
    return [
      event("content_block_start", {
        index,
        content_block: type === "text" ? { type, text: "" } : { type, thinking: "" },
      }),
      event("content_block_delta", { index, delta: deltaOf(type, text) }),
      event("content_block_stop", { index }),
    ];
  }
}

const none: readonly never[] = Object.freeze([]);

const stopReasons = { length: "max_tokens", content_filter: "refusal" } as const;

const emptyMessage = {
  id: "msg_sluice",
  type: "message",
  role: "assistant",
  model: "",
  content: [],
  stop_reason: null,
  stop_sequence: null,
} as const;

/** How text is added to a block of each type. */
const deltas: Readonly<Record<string, { readonly kind: string; readonly type: string; readonly member: string }>> = {
  text: { kind: "text", type: "text_delta", member: "text" },
  thinking: { kind: "reasoning", type: "thinking_delta", member: "thinking" },
  compaction: { kind: "reasoning", type: "compaction_delta", member: "content" },
};

function deltaOf(blockType: string, text: string): JsonObject {
  const { type, member } = deltas[blockType] ?? { type: "input_json_delta", member: "partial_json" };
  return { type, [member]: text };
}

function event(type: string, members: JsonObject): WireEvent {
  return { name: type, data: JSON.stringify({ type, ...members }) };
}

function indexOf(body: JsonObject): number {
  return typeof body.index === "number" ? body.index : 0;
}

function channelOf(block: JsonObject, index: string): Channel | null {
  if (block.type === "text") return textChannel;
  if (block.type === "thinking" || block.type === "compaction") return reasoningChannel;
  return isCall(block) ? { choice: 0, kind: "tool_arguments", tool: index } : null;
}

/** Whether a delta has become one that adds nothing. */
function isEmptyNow(body: JsonObject): boolean {
  const { type: _, ...rest } = asObject(body.delta);
  return Object.values(rest).every((value) => value === "");
}
