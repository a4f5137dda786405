import type { Channel, EarlyEnd, Piece, StreamEditor, StreamEvent, WireEvent } from "../../core/stream.ts";
import type { Json, JsonObject } from "../../core/wire.ts";
import { asObject, asString, parseObject } from "../json.ts";
import { callKey, takeEventDeltas } from "./answer.ts";
import { writeCohereUsage } from "./usage.ts";

/** Edits a stream of v2 chat events. */
export function createCohereEditor(): StreamEditor<CohereEvent> {
  return new CohereEditor();
}

/** One event of the stream. */
export interface CohereEvent extends StreamEvent {
  readonly data: string;
  /** `null` for data that is no event of the protocol. */
  readonly body: JsonObject | null;
}

const done = "[DONE]";
const plan: Channel = { choice: 0, kind: "reasoning", tool: "" };
const text: Channel = { choice: 0, kind: "text", tool: "" };
/** Characters of text that citations are looked for in: they come soon after what they quote. */
const citable = 256 * 1024;

class CohereEditor implements StreamEditor<CohereEvent> {
  /** Of the provider's: whether the plan is under way, and what each block of content is. */
  #planning = false;
  readonly #blocks = new Map<string, "text" | "thinking">();
  /** Of the client's: whether the message has begun and ended, what is open, which calls are taken out and which went out. */
  #begun = false;
  #ended = false;
  #block: { readonly index: Json; readonly type: "text" | "thinking" } | null = null;
  #call: Json | undefined;
  readonly #taken = new Set<string>();
  #calls = 0;
  #sent = "";
  #citing = true;

  read(name: string, data: string): CohereEvent {
    if (data === done) return { type: name, pieces: [], closes: "all", data, body: null };
    const body = parseObject(data);
    if (body === null) return { type: name, pieces: [], closes: [], data, body };
    const pieces: Piece[] = [];
    takeEventDeltas(body, (choice, kind, tool, said) => pieces.push({ choice, kind, tool, text: said }));
    return { type: asString(body.type) || name, pieces, closes: this.#closes(body), data, body };
  }

  write({ body, data, pieces }: CohereEvent, texts?: readonly (string | null)[]): string | null {
    // What cannot be read was not looked at either.
    if (body === null) return data === done ? data : null;
    const out = texts ?? pieces.map((piece) => piece.text);
    const same = pieces.every((piece, i) => piece.text === out[i]);
    switch (body.type) {
      case "message-start":
        this.#begun = true;
        return data;
      case "content-start":
        this.#block = { index: body.index ?? 0, type: blockType(body) };
        break;
      case "content-end":
        this.#block = null;
        return data;
      case "tool-call-start":
        if (out.includes(null)) this.#taken.add(callKey(body));
        else this.#calls += 1;
        break;
      case "citation-start":
        return this.#cites(body) ? data : null;
      case "citation-end":
        return this.#citing ? data : null;
      case "message-end":
        this.#ended = true;
        return this.#lastOf(body, data);
    }
    if (isCall(body)) return this.#writeCall(body, data, out, same);
    for (const [i, { kind }] of pieces.entries()) if (kind === "text") this.#say(out[i] ?? "");
    if (same) return data;
    const [first = ""] = out;
    if (first === "" && body.type !== "content-start") return null;
    return JSON.stringify({ ...withoutProbabilities(body), delta: deltaWith(body, first ?? "") });
  }

  add({ kind, tool }: Channel, said: string): readonly WireEvent[] {
    if (kind === "text" || (kind === "reasoning" && this.#block?.type === "thinking")) {
      if (kind === "text") this.#say(said);
      const content = kind === "text" ? { text: said } : { thinking: said };
      return [event("content-delta", { index: this.#block?.index ?? 0, delta: { message: { content } } })];
    }
    if (kind === "reasoning") return [event("tool-plan-delta", { delta: { message: { tool_plan: said } } })];
    const called = kind === "tool_name" ? { name: said } : { arguments: said };
    return [
      event("tool-call-delta", { index: Number(tool), delta: { message: { tool_calls: { function: called } } } }),
    ];
  }

  end({ reason, refusal, usage }: EarlyEnd): readonly WireEvent[] {
    if (this.#ended) return [{ name: "", data: done }];
    const message = { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] };
    const failed = reason === "content_filter" && { error: refusal.message, error_type: refusal.code };
    const delta = {
      finish_reason: reason === "length" ? "MAX_TOKENS" : "ERROR",
      usage: writeCohereUsage(usage),
      ...failed,
    };
    return [
      ...(this.#begun ? [] : [event("message-start", { delta: { message } })]),
      ...(this.#block === null ? [] : [event("content-end", { index: this.#block.index })]),
      ...(this.#call === undefined ? [] : [event("tool-call-end", { index: this.#call })]),
      event("message-end", { delta }),
      { name: "", data: done },
    ];
  }

  #writeCall(body: JsonObject, data: string, out: readonly (string | null)[], same: boolean): string | null {
    if (this.#taken.has(callKey(body)) || out.includes(null)) return null;
    this.#call = body.type === "tool-call-end" ? undefined : (body.index ?? 0);
    if (same) return data;
    const call = asObject(messageOf(body).tool_calls);
    const called = asObject(call.function);
    let next = 0;
    const now = {
      ...called,
      ...(typeof called.name === "string" && { name: out[next++] ?? "" }),
      ...(typeof called.arguments === "string" && { arguments: out[next++] ?? "" }),
    };
    if (body.type === "tool-call-delta" && now.arguments === "") return null;
    return JSON.stringify({
      ...body,
      delta: { ...asObject(body.delta), message: { tool_calls: { ...call, function: now } } },
    });
  }

  /** A message whose calls are all taken out ends like one that has none. */
  #lastOf(body: JsonObject, data: string): string {
    const delta = asObject(body.delta);
    if (this.#taken.size === 0 || this.#calls > 0 || delta.finish_reason !== "TOOL_CALL") return data;
    return JSON.stringify({ ...body, delta: { ...delta, finish_reason: "COMPLETE" } });
  }

  #say(said: string): void {
    this.#sent += said;
    if (this.#sent.length > 2 * citable) this.#sent = this.#sent.slice(-citable);
  }

  /** A citation quotes the text: it goes on only where the client has what it quotes. */
  #cites(body: JsonObject): boolean {
    const quoted = asString(asObject(messageOf(body).citations).text);
    this.#citing = this.#sent.includes(quoted);
    return this.#citing;
  }

  #closes(body: JsonObject): StreamEvent["closes"] {
    const key = callKey(body);
    switch (body.type) {
      case "tool-plan-delta":
        this.#planning = true;
        return [];
      case "content-start": {
        this.#blocks.set(key, blockType(body));
        return this.#planned();
      }
      case "tool-call-start":
        return this.#planned();
      case "content-end":
        return [this.#blocks.get(key) === "thinking" ? plan : text];
      case "tool-call-end":
        return (["tool_name", "tool_arguments"] as const).map((kind) => ({ choice: 0, kind, tool: key }));
      case "message-end":
        return "all";
      default:
        return [];
    }
  }

  /** The plan ends with the first content or call after it. */
  #planned(): StreamEvent["closes"] {
    const closes = this.#planning ? [plan] : [];
    this.#planning = false;
    return closes;
  }
}

function event(type: string, members: object): WireEvent {
  return { name: type, data: JSON.stringify({ type, ...members }) };
}

function messageOf(body: JsonObject): JsonObject {
  return asObject(asObject(body.delta).message);
}

function blockType(body: JsonObject): "text" | "thinking" {
  return asObject(messageOf(body).content).type === "thinking" ? "thinking" : "text";
}

function isCall({ type }: JsonObject): boolean {
  return type === "tool-call-start" || type === "tool-call-delta" || type === "tool-call-end";
}

/** The delta of an event of content or plan, with another text. */
function deltaWith(body: JsonObject, said: string): JsonObject {
  const { logprobs: _, ...delta } = asObject(body.delta);
  const message = messageOf(body);
  if (body.type === "tool-plan-delta") return { ...delta, message: { ...message, tool_plan: said } };
  const content = asObject(message.content);
  const key = typeof content.thinking === "string" ? "thinking" : "text";
  return { ...delta, message: { ...message, content: { ...content, [key]: said } } };
}

/** Probabilities spell the text out, token by token. */
function withoutProbabilities({ logprobs: _, ...body }: JsonObject): JsonObject {
  return body;
}
