import { entry } from "../../core/entry.ts";
import type { Channel, EarlyEnd, StreamEditor, StreamEvent, WireEvent } from "../../core/stream.ts";
import type { Json, JsonObject, TokenUsage } from "../../core/wire.ts";
import { asArray, asObject, asString, isObject, parseObject } from "../json.ts";
import { type Draft, differs, type Slot } from "../slots.ts";
import { type ChoiceSlots, callKey, chatSlots, functionCall } from "./slots.ts";

/** A chunk as it was read. */
interface ChatEvent extends StreamEvent {
  readonly data: string;
  readonly chunk: JsonObject | null;
  readonly choices: readonly ChoiceSlots[];
  readonly pieces: readonly Slot[];
  /** The chunks that it is one of; then {@link chunk} and {@link choices} tell nothing. */
  readonly like?: TextChunks;
}

/**
 * Chunks that add to the text of one choice and differ in nothing else: nearly all of a stream. What they add is read,
 * and written otherwise, without reading the rest of them again.
 */
interface TextChunks {
  readonly before: string;
  readonly after: string;
  readonly choice: number;
  readonly type: string;
  readonly hasRole: boolean;
  /** Whether they say something beside the text. */
  readonly says: boolean;
}

/** What is known of a stream before it comes. */
export interface ChatEditing {
  /** The client asked for usage. */
  readonly tellUsage?: boolean;
  /** It is one of completions, whose choices have a text in place of a delta. */
  readonly bare?: boolean;
}

/** Writes a stream of chat completion chunks otherwise than it came. */
export function editChatStream(editing: ChatEditing = {}): StreamEditor<ChatEvent> {
  return new ChatEditor(editing);
}

/** What a client got of one choice. */
interface Choice {
  roleSent: boolean;
  finished: boolean;
  /** Where each call stands for the client, and in which form it is written. */
  readonly calls: Map<string, { readonly index: number; readonly form: "function" | "custom" }>;
  readonly taken: Set<string>;
}

class ChatEditor implements StreamEditor<ChatEvent> {
  readonly #tellUsage: boolean;
  readonly #bare: boolean;
  /** Channels that the provider opened, by choice; none of a choice that it finished. */
  readonly #open = new Map<number, Map<string, Channel>>();
  readonly #choices = new Map<number, Choice>();
  /** What every chunk of the answer has in common. */
  #head: JsonObject = {};
  #reasoning: "reasoning_content" | "reasoning" = "reasoning_content";
  #usageSent = false;
  #like: TextChunks | null = null;

  constructor({ tellUsage = false, bare = false }: ChatEditing) {
    this.#tellUsage = tellUsage;
    this.#bare = bare;
    this.#head = { object: bare ? "text_completion" : "chat.completion.chunk" };
  }

  read(_name: string, data: string): ChatEvent {
    const quick = this.#like === null ? null : this.#readLike(this.#like, data);
    if (quick !== null) return quick;
    if (data === "[DONE]") return { type: data, pieces: none, closes: "all", data, chunk: null, choices: none };
    const chunk = parseObject(data);
    if (chunk === null) return { type: "", pieces: none, closes: none, data, chunk, choices: none };
    if (typeof chunk.id === "string" && chunk.id !== "") this.#keepHead(chunk);
    const choices = chatSlots(chunk);
    const pieces = choices.length === 1 ? choices[0]!.slots : choices.flatMap(({ slots }) => slots);
    const type = chunk.error ? "error" : asString(chunk.object);
    const tellsUsage = isObject(chunk.usage) || isObject(asObject(chunk.x_groq).usage);
    const closes = this.#closedBy(choices);
    this.#like = closes === none && !tellsUsage ? textChunks(data, type, choices) : null;
    return { type, pieces, closes, tellsUsage, data, chunk, choices };
  }

  /** An event that differs from the last one in its text alone; `null` when it is another one, or not that simple. */
  #readLike(like: TextChunks, data: string): ChatEvent | null {
    const { before, after, choice, type } = like;
    const end = data.length - after.length;
    if (end < before.length || !data.startsWith(before) || !data.endsWith(after) || !this.#open.has(choice))
      return null;
    const text = data.slice(before.length, end);
    if (text.includes('"') || text.includes("\\")) return null;
    const slot: Slot = { choice, kind: "text", tool: "", text, set: nothing };
    return { type, pieces: [slot], closes: none, repeats: true, data, chunk: null, choices: none, like };
  }

  #writeLike({ data, pieces }: ChatEvent, like: TextChunks, text: string | null | undefined): string | null {
    if (like.hasRole) this.#choice(like.choice).roleSent = true;
    else this.#choice(like.choice);
    if (text === undefined || text === pieces[0]!.text) return data;
    if (!text && !like.says) return null;
    return like.before + JSON.stringify(text ?? "").slice(1, -1) + like.after;
  }

  write(event: ChatEvent, texts?: readonly (string | null)[]): string | null {
    const { chunk, choices, pieces, data, like } = event;
    if (like !== undefined) return this.#writeLike(event, like, texts?.[0]);
    if (chunk === null) return data === "[DONE]" ? data : null;
    if (isObject(chunk.usage)) this.#usageSent = true;
    let changed = differs(pieces, texts);
    if (changed) this.#put(event, texts!);
    for (const one of choices) {
      const state = this.#choice(one.index);
      if (asString(one.message.role) !== "") state.roleSent = true;
      if (keepCalls(one.message, state)) changed = true;
      if (keepFinish(one.choice, state)) changed = true;
    }
    if (!changed) return data;
    return says(chunk, choices) ? JSON.stringify(chunk) : null;
  }

  add(channel: Channel, text: string): readonly WireEvent[] {
    return [this.#chunk([this.#delta(channel.choice, this.#addition(channel, text), null)])];
  }

  end({ reason, refusal, usage }: EarlyEnd): readonly WireEvent[] {
    if (this.#choices.size === 0) this.#choice(0);
    const open = [...this.#choices].filter(([, { finished }]) => !finished);
    const said: JsonObject = reason === "content_filter" ? { refusal: refusal.message } : {};
    const endings = open.map(([index]) => this.#delta(index, said, reason));
    const sluice = { code: refusal.code, message: refusal.message, ...refusal.sluice };
    return [
      ...(endings.length > 0 ? [this.#chunk(endings, { sluice })] : []),
      ...(this.#tellUsage && !this.#usageSent ? [this.#chunk([], { usage: chatUsageObject(usage) })] : []),
      { name: "", data: "[DONE]" },
    ];
  }

  #keepHead({ id, object, created, model, system_fingerprint, service_tier, provider }: JsonObject): void {
    if (this.#head.id === id) return;
    this.#head = { id, provider, object, created, model, service_tier, system_fingerprint };
  }

  /** Keeps which channels are open; answers those that end with these choices. */
  #closedBy(choices: readonly ChoiceSlots[]): StreamEvent["closes"] {
    let closed: Channel[] | undefined;
    for (const { index, choice, message, slots } of choices) {
      if (typeof message.reasoning === "string") this.#reasoning = "reasoning";
      const open = entry(this.#open, index, () => new Map<string, Channel>());
      for (const { kind, tool } of slots) entry(open, `${kind} ${tool}`, () => ({ choice: index, kind, tool }));
      if (typeof choice.finish_reason !== "string") continue;
      closed = [...(closed ?? none), ...open.values()];
      this.#open.delete(index);
    }
    if (closed === undefined) return none;
    return this.#open.size === 0 ? "all" : closed;
  }

  #put({ pieces, choices }: ChatEvent, texts: readonly (string | null)[]): void {
    for (let i = 0; i < pieces.length; i += 1) {
      const { choice, tool, text, set } = pieces[i]!;
      const now = texts[i];
      if (now === null) this.#choice(choice).taken.add(tool);
      else if (now !== undefined && now !== text) set(now);
    }
    for (const { choice, slots } of choices) if (slots.length > 0 && choice.logprobs) choice.logprobs = null;
  }

  #choice(index: number): Choice {
    let state = this.#choices.get(index);
    if (state === undefined) {
      state = { roleSent: false, finished: false, calls: new Map(), taken: new Set() };
      this.#choices.set(index, state);
    }
    return state;
  }

  #addition({ choice, kind, tool }: Channel, text: string): JsonObject {
    if (kind === "text") return { content: text };
    if (kind === "refusal") return { refusal: text };
    if (kind === "reasoning") return { [this.#reasoning]: text };
    const member = kind === "tool_name" ? "name" : "arguments";
    if (tool === functionCall) return { function_call: { [member]: text } };
    const call = this.#choice(choice).calls.get(tool);
    if (call?.form === "custom") return { tool_calls: [{ index: call.index, custom: { input: text } }] };
    return { tool_calls: [{ index: call?.index ?? 0, function: { [member]: text } }] };
  }

  #delta(index: number, said: JsonObject, finish: string | null): JsonObject {
    const state = this.#choice(index);
    const role = state.roleSent ? undefined : "assistant";
    state.roleSent = true;
    if (finish !== null) state.finished = true;
    if (this.#bare) return { text: asString(said.content), index, logprobs: null, finish_reason: finish };
    return { index, delta: { role, ...said }, finish_reason: finish };
  }

  #chunk(choices: readonly JsonObject[], more: JsonObject = {}): WireEvent {
    const usage = this.#tellUsage ? { usage: null } : {};
    return { name: "", data: JSON.stringify({ ...defaultHead, ...this.#head, choices, ...usage, ...more }) };
  }
}

const none: readonly never[] = Object.freeze([]);
const nothing = () => undefined;
const contentKey = '"content":"';

/** The chunks that this one is one of; `null` when more than its text would have to be looked at. */
function textChunks(data: string, type: string, choices: readonly ChoiceSlots[]): TextChunks | null {
  if (choices.length !== 1) return null;
  const { index, choice, message, slots } = choices[0]!;
  const { content } = message;
  if (slots.length !== 1 || typeof content !== "string" || slots[0]!.text !== content) return null;
  if (choice.logprobs || choice.message !== undefined) return null;
  const key = data.indexOf(contentKey);
  if (key === -1 || data.includes(contentKey, key + 1)) return null;
  const start = key + contentKey.length;
  const written = JSON.stringify(content).slice(1, -1);
  if (!data.startsWith(`${written}"`, start)) return null;
  const { content: _, role, ...others } = message;
  const says =
    [role, ...Object.values(others)].some(hasContent) ||
    Object.keys(choice).some(isUnknown) ||
    data.includes('"error"');
  const after = data.slice(start + written.length);
  return { before: data.slice(0, start), after, choice: index, type, hasRole: asString(role) !== "", says };
}
const defaultHead = { id: "", object: "chat.completion.chunk", created: 0, model: "" } as const;

/** Takes out the calls that are taken out of the answer, and closes up the others. Answers whether anything changed. */
export function keepCalls(message: Draft, { calls, taken }: Pick<Choice, "calls" | "taken">): boolean {
  if (isObject(message.function_call)) {
    if (!taken.has(functionCall)) calls.set(functionCall, { index: 0, form: "function" });
    else message.function_call = undefined;
  }
  if (!Array.isArray(message.tool_calls)) return taken.has(functionCall);
  let changed = false;
  const kept: Json[] = [];
  for (const [i, item] of asArray(message.tool_calls).entries()) {
    const call = asObject(item) as Draft;
    const key = callKey(call, i);
    if (taken.has(key)) {
      changed = true;
      continue;
    }
    let known = calls.get(key);
    if (known === undefined) {
      known = { index: calls.size, form: isObject(call.custom) ? "custom" : "function" };
      calls.set(key, known);
    }
    // Places are given anew only where a call before was taken out: nothing else is ours to put right.
    if (taken.size > 0 && typeof call.index === "number" && call.index !== known.index) {
      call.index = known.index;
      changed = true;
    }
    kept.push(call);
  }
  if (changed) message.tool_calls = kept.length > 0 ? kept : undefined;
  return changed;
}

/** An answer whose calls were all taken out did not end with calls. Answers whether anything changed. */
export function keepFinish(choice: Draft, state: Pick<Choice, "calls" | "taken"> & { finished?: boolean }): boolean {
  const { finish_reason: reason } = choice;
  if (typeof reason !== "string") return false;
  state.finished = true;
  if ((reason !== "tool_calls" && reason !== "function_call") || state.taken.size === 0 || state.calls.size > 0) {
    return false;
  }
  choice.finish_reason = "stop";
  return true;
}

/** Whether a chunk that was changed still says anything. */
function says({ usage, error }: JsonObject, choices: readonly ChoiceSlots[]): boolean {
  if (error || usage) return true;
  return choices.some(
    ({ choice, message }) =>
      choice.finish_reason ||
      choice.text ||
      Object.values(message).some(hasContent) ||
      Object.keys(choice).some(isUnknown),
  );
}

function isUnknown(member: string): boolean {
  return !["index", "delta", "finish_reason", "logprobs", "message", "text"].includes(member);
}

/** Whether a value has anything but empty texts, and places of calls. */
function hasContent(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === "" || typeof value === "number") return false;
  return typeof value === "object" ? Object.values(value).some(hasContent) : true;
}

/** Usage as OpenAI tells it. */
function chatUsageObject({ promptTokens, completionTokens, totalTokens, cachedTokens }: TokenUsage): JsonObject {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: totalTokens,
    ...(cachedTokens !== null && { prompt_tokens_details: { cached_tokens: cachedTokens } }),
  };
}
