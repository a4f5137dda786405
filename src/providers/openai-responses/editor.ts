import type { Channel, EarlyEnd, Piece, StreamEditor, StreamEvent, WireEvent } from "../../core/stream.ts";
import type { JsonObject, TokenUsage } from "../../core/wire.ts";
import { EventTooLarge, maxEventBytes } from "../framing.ts";
import { asArray, asObject, asString, isObject, parseObject } from "../json.ts";
import { type Draft, differs } from "../slots.ts";
import { outputText } from "./edit-answer.ts";
import { type SentEvent, SentItem } from "./sent.ts";
import { closedBy, isFinal, type Said, saidBy } from "./slots.ts";
import { terminal } from "./stream.ts";

/** An event as it was read. */
interface ResponsesEvent extends StreamEvent {
  readonly data: string;
  readonly body: JsonObject | null;
  readonly said: readonly Said[];
  /** The place of each piece among {@link said}. */
  readonly places: readonly number[];
}

/** Writes a stream of response events otherwise than it came. */
export function editResponsesStream(): StreamEditor<ResponsesEvent> {
  return new ResponsesEditor();
}

/**
 * Characters that are kept of an answer at most: its texts as they are told in fragments, and its items as they begin and
 * end. Its last event says all of it, so one that has more could not be told to its end.
 */
const maxKept = 2 * maxEventBytes;

/**
 * The protocol says every text four times: in fragments, at the end of its part, at the end of its item, and in the
 * whole response. What went out of the fragments is what the others are made to say.
 */
class ResponsesEditor implements StreamEditor<ResponsesEvent> {
  #kept = 0;
  /** What the provider said of each text so far. */
  readonly #heard = new Map<string, string>();
  /** What the client got of it. */
  readonly #sent = new Map<string, string>();
  /** What the client got of each item, by the provider's count; `null` for one that was taken out. */
  readonly #items = new Map<number, SentItem | null>();
  /** Items that are not the provider's. */
  readonly #own: SentItem[] = [];
  #next = 0;
  /** What every event of the response has in common. */
  #response: JsonObject = emptyResponse;
  #started = false;
  #ended = false;
  #sequence = -1;

  read(name: string, data: string): ResponsesEvent {
    const body = parseObject(data);
    if (body === null) return { ...silent, type: data === "[DONE]" ? data : name, data };
    const type = asString(body.type) || name;
    if (isObject(body.item)) this.#keep(data.length);
    if (isObject(body.response)) this.#response = { ...body.response, output: none };
    const said = saidBy(body);
    const pieces: Piece[] = [];
    const places: number[] = [];
    for (const [i, one] of said.entries()) {
      const text = this.#hear(one);
      if (text === "" && !one.delta) continue;
      pieces.push({ choice: one.choice, kind: one.kind, tool: one.tool, text });
      places.push(i);
    }
    const closes = terminal.has(type) ? "all" : closedBy(body);
    const tellsUsage = isObject(asObject(body.response).usage);
    return { type, pieces, closes, tellsUsage, data, body, said, places };
  }

  write(event: ResponsesEvent, texts?: readonly (string | null)[]): string | null {
    const { body, data, type, said, places } = event;
    if (body === null) return data === "[DONE]" ? data : null;
    const given = typeof body.output_index === "number" ? body.output_index : undefined;
    for (const [i, place] of places.entries()) if (texts?.[i] === null) this.#items.set(said[place]!.item, null);
    if (given !== undefined && this.#items.get(given) === null) return null;
    let changed = this.#put(event, texts);
    if (changed && said[0]?.delta === true && body.delta === "") return null;
    const item = given === undefined ? null : this.#itemAt(given);
    if (item !== null && item.index !== given) {
      (body as Draft).output_index = item.index;
      changed = true;
    }
    if (isObject(body.response) && this.#keepOutput(body.response as Draft, type)) changed = true;
    if (this.#number(body as Draft)) changed = true;
    item?.keep(type, body);
    if (type === "response.created") this.#started = true;
    if (terminal.has(type)) this.#ended = true;
    return changed ? JSON.stringify(body) : data;
  }

  add({ kind, tool }: Channel, text: string): readonly WireEvent[] {
    const item = tool === "" ? this.#all().findLast((one) => one.takes(kind)) : this.#items.get(Number(tool));
    if (!item?.takes(kind)) return this.#message(kind === "refusal" ? "refusal" : "output_text", text);
    const { event, key } = item.add(kind, text);
    this.#sent.set(key, (this.#sent.get(key) ?? "") + text);
    return [this.#event(event)];
  }

  end({ reason, refusal, usage }: EarlyEnd): readonly WireEvent[] {
    if (this.#ended) return none;
    const response = this.#response;
    const events: WireEvent[] = [];
    if (!this.#started) {
      events.push(this.#event(["response.created", { response: { ...response, status: "in_progress" } }]));
    }
    for (const item of this.#all()) {
      if (!item.done) for (const closing of item.close(this.#sent)) events.push(this.#event(closing));
    }
    if (reason === "content_filter") events.push(...this.#message("refusal", refusal.message));
    const ended: JsonObject = {
      ...response,
      status: "incomplete",
      incomplete_details: { reason: reasons[reason] },
      output: this.#all().map(({ item }) => item),
      usage: usageObject(usage),
      sluice: { code: refusal.code, message: refusal.message, ...refusal.sluice },
    };
    events.push(this.#event(["response.incomplete", { response: ended }]));
    return events;
  }

  /** @throws EventTooLarge for more than can be kept */
  #keep(characters: number): void {
    this.#kept += characters;
    if (this.#kept > maxKept) throw new EventTooLarge(maxEventBytes);
  }

  /** What is new of a text. Of one that was not told in fragments that is all of it. */
  #hear({ key, delta, holder, member }: Said): string {
    const text = asString(holder[member]);
    const before = this.#heard.get(key) ?? "";
    if (delta) this.#keep(text.length);
    if (delta) this.#heard.set(key, before + text);
    if (delta || !text.startsWith(before)) return delta ? text : "";
    this.#heard.set(key, text);
    return text.slice(before.length);
  }

  /** Puts the texts in their places, and makes what repeats them say the same. Answers whether anything changed. */
  #put({ type, said, pieces, places }: ResponsesEvent, texts?: readonly (string | null)[]): boolean {
    let changed = differs(pieces, texts);
    // Before the end of a text an event may announce it with nothing in it.
    const final = isFinal(type);
    let next = 0;
    for (const [i, { key, item, delta, holder, member, also }] of said.entries()) {
      const isPiece = places[next] === i;
      const out = isPiece ? ((texts === undefined ? pieces[next]!.text : texts[next]) ?? "") : "";
      if (isPiece) next += 1;
      if (this.#items.get(item) === null) continue;
      const sent = (this.#sent.get(key) ?? "") + out;
      this.#sent.set(key, sent);
      const now = delta ? out : final || holder[member] !== "" ? sent : "";
      if (now === holder[member]) continue;
      holder[member] = now;
      also();
      changed = true;
    }
    return changed;
  }

  /** Keeps a response's output to the items that went out. Answers whether anything changed. */
  #keepOutput(response: Draft, type: string): boolean {
    const output = asArray(response.output);
    const placed = output.flatMap((item, i) => {
      const sent = this.#items.get(i);
      return sent === null ? [] : [{ item, index: sent?.index ?? i }];
    });
    const own = terminal.has(type) ? this.#own : none;
    const text = typeof response.output_text === "string" ? response.output_text : undefined;
    if (placed.length < output.length || own.length > 0) {
      response.output = [...placed, ...own].sort((a, b) => a.index - b.index).map(({ item }) => item);
    } else if (text === undefined || text === outputText(response)) return false;
    if (text !== undefined) response.output_text = outputText(response);
    return true;
  }

  /** Items are counted anew: where one before was taken out or added, places differ from the provider's. */
  #itemAt(given: number): SentItem {
    let item = this.#items.get(given);
    if (item === undefined || item === null) {
      item = new SentItem(this.#next, given);
      this.#next += 1;
      this.#items.set(given, item);
    }
    return item;
  }

  /** Events are counted anew as well, where they are counted at all. Answers whether the number is another. */
  #number(body: Draft): boolean {
    const given = body.sequence_number;
    if (typeof given !== "number") return false;
    this.#sequence = this.#sequence === -1 ? given : this.#sequence + 1;
    if (this.#sequence === given) return false;
    body.sequence_number = this.#sequence;
    return true;
  }

  #event([type, members]: SentEvent): WireEvent {
    this.#sequence += 1;
    return { name: type, data: JSON.stringify({ type, sequence_number: this.#sequence, ...members }) };
  }

  /** A whole message of our own. */
  #message(kind: "output_text" | "refusal", text: string): readonly WireEvent[] {
    const key = -1 - this.#own.length;
    const item = new SentItem(this.#next, key);
    this.#next += 1;
    this.#own.push(item);
    const { index } = item;
    const begun = { id: `msg_sluice_${index}`, type: "message", status: "in_progress", role: "assistant", content: [] };
    const member = kind === "refusal" ? "refusal" : "text";
    const part =
      kind === "refusal" ? { type: kind, refusal: "" } : { type: kind, text: "", annotations: [], logprobs: [] };
    const begins: readonly SentEvent[] = [
      ["response.output_item.added", { output_index: index, item: begun }],
      ["response.content_part.added", { item_id: begun.id, output_index: index, content_index: 0, part }],
    ];
    for (const [type, members] of begins) item.keep(type, members);
    const added = item.add(member, text);
    this.#sent.set(added.key, text);
    const events = [...begins, added.event, ...item.close(this.#sent)];
    item.item.status = "completed";
    return events.map((one) => this.#event(one));
  }

  #all(): SentItem[] {
    const items = [...this.#items.values(), ...this.#own].filter((item) => item !== null);
    return items.sort((a, b) => a.index - b.index);
  }
}

const none: readonly never[] = Object.freeze([]);
const silent = { body: null, said: none, places: none, pieces: none, closes: none } as const;
const reasons = { length: "max_output_tokens", content_filter: "content_filter" } as const;

/** A response of which the provider said nothing yet. */
const emptyResponse: JsonObject = {
  id: "resp_sluice",
  object: "response",
  created_at: 0,
  status: "in_progress",
  error: null,
  incomplete_details: null,
  model: "",
  output: [],
  usage: null,
};

/** Usage as responses tell it. */
function usageObject(usage: TokenUsage): JsonObject {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens ?? 0 },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.totalTokens,
  };
}
