import { entry } from "../../core/entry.ts";
import type { Channel, EarlyEnd, StreamEditor, StreamEvent, WireEvent } from "../../core/stream.ts";
import type { JsonObject } from "../../core/wire.ts";
import { asArray, asObject, asString, isObject, parseObject } from "../json.ts";
import { CallKeys, choiceOf } from "./answer.ts";
import { headOf, lastElement } from "./edit.ts";
import { readPieces, rewriteAnswer, type Texts, type WrittenAnswer } from "./rewrite.ts";

/** Edits a stream of answers. */
export function createGeminiEditor(): StreamEditor<GeminiEvent> {
  return new GeminiEditor();
}

/** One element of the stream. */
export interface GeminiEvent extends StreamEvent {
  readonly data: string;
  /** `null` for data that is no element of the protocol. */
  readonly answer: WrittenAnswer | null;
}

/** What the client has of a choice. */
interface Said {
  /** Text that came before what went out last, and did not go out yet. */
  behind: string;
  /** Whether something else went out. */
  changed: boolean;
  /** Where in its call the value stands that went out last. */
  path: string;
  ended: boolean;
}

function nothingSaid(): Said {
  return { behind: "", changed: false, path: "$", ended: false };
}

class GeminiEditor implements StreamEditor<GeminiEvent> {
  readonly #keys = new CallKeys();
  /** Of the provider's: channels that more may follow on, by choice. */
  readonly #open = new Map<number, Map<string, Channel>>();
  readonly #finished = new Set<number>();
  readonly #said = new Map<number, Said>();
  /** Choices whose call under way is taken out. */
  readonly #taken = new Set<number>();
  #head: JsonObject = {};
  #usage: JsonObject | undefined;

  read(_name: string, data: string): GeminiEvent {
    const body = parseObject(data);
    if (body === null) return { type: "", pieces: [], closes: [], data, answer: null };
    const answer = readPieces(body, this.#keys);
    return { type: "", pieces: answer.pieces, closes: this.#closes(answer), data, answer };
  }

  write({ answer, data }: GeminiEvent, texts?: Texts): string | null {
    // What cannot be read was not looked at either.
    if (answer === null) return null;
    const { body, pieces } = answer;
    if (body.responseId !== undefined) this.#head = headOf(body);
    if (isObject(body.usageMetadata)) this.#usage = body.usageMetadata;
    const out = texts ?? pieces.map(({ text }) => text);
    let same = true;
    for (const [i, { choice, kind, text }] of pieces.entries()) {
      const shown = out[i] ?? null;
      same &&= shown === text;
      if (kind === "text") this.#say(choice, text, shown ?? "");
      if (shown === null) this.#taken.add(choice);
      else if (kind === "tool_name") this.#taken.delete(choice);
    }
    for (const { choice, path, finished, calls } of candidatesOf(body)) {
      const said = entry(this.#said, choice, nothingSaid);
      if (path !== undefined) said.path = path;
      said.ended ||= finished;
      same &&= !this.#differs(choice) && !(calls && this.#taken.has(choice));
    }
    if (same) return data;
    const left = rewriteAnswer(answer, out, {
      differs: (choice) => this.#differs(choice),
      isTaken: (choice) => this.#taken.has(choice),
    });
    return left === null ? null : JSON.stringify(left);
  }

  /** A name never comes here: a call's has no fragments. */
  add({ choice, kind }: Channel, text: string): readonly WireEvent[] {
    if (kind === "text") this.#say(choice, "", text);
    const part =
      kind === "tool_arguments"
        ? this.#argument(choice, text)
        : { text, ...(kind === "reasoning" && { thought: true }) };
    const candidates = [{ content: { parts: [part], role: "model" }, index: choice }];
    const usage = this.#usage && { usageMetadata: this.#usage };
    return [{ name: "", data: JSON.stringify({ candidates, ...usage, ...this.#head }) }];
  }

  end(ending: EarlyEnd): readonly WireEvent[] {
    const begun = this.#said.size === 0 ? [0] : [...this.#said.keys()];
    const open = begun.filter((choice) => !this.#said.get(choice)?.ended);
    return open.length === 0 ? [] : [{ name: "", data: JSON.stringify(lastElement(ending, open, this.#head)) }];
  }

  /** More of the value that is being streamed. */
  #argument(choice: number, text: string): JsonObject {
    const jsonPath = entry(this.#said, choice, nothingSaid).path;
    const given = { jsonPath, stringValue: text, willContinue: true };
    return { functionCall: { partialArgs: [given], willContinue: true } };
  }

  #say(choice: number, said: string, out: string): void {
    const state = entry(this.#said, choice, nothingSaid);
    if (state.changed) return;
    state.behind += said;
    if (state.behind.startsWith(out)) state.behind = state.behind.slice(out.length);
    else state.changed = true;
  }

  #differs(choice: number): boolean {
    const { changed, behind } = entry(this.#said, choice, nothingSaid);
    return changed || behind !== "";
  }

  /** A call comes whole, or piece by piece in values of which each ends by itself; texts end with their choice. */
  #closes({ body, pieces }: WrittenAnswer): StreamEvent["closes"] {
    const closed: Channel[] = [];
    for (const { choice, kind, tool } of pieces) {
      const channels = this.#open.get(choice) ?? new Map<string, Channel>();
      this.#open.set(choice, channels);
      channels.set(`${kind} ${tool}`, { choice, kind, tool });
    }
    for (const { choice, finished, valueGoesOn } of candidatesOf(body)) {
      if (!this.#open.has(choice)) this.#open.set(choice, new Map());
      const channels = this.#open.get(choice)!;
      for (const [key, channel] of channels) {
        const whole = channel.tool !== "" && !(valueGoesOn && channel.kind === "tool_arguments");
        if (!finished && !whole) continue;
        closed.push(channel);
        channels.delete(key);
      }
      if (finished) this.#finished.add(choice);
    }
    const all = this.#finished.size > 0 && this.#finished.size === this.#open.size;
    return all ? "all" : closed;
  }
}

/** What the candidates of an element say beside their pieces. */
function candidatesOf(body: JsonObject) {
  return asArray(body.candidates).flatMap((item, i) => {
    if (!isObject(item)) return [];
    const calls = asArray(asObject(item.content).parts).map((part) => asObject(part).functionCall);
    const given = calls.flatMap((call) => asArray(asObject(call).partialArgs).map(asObject));
    return [
      {
        choice: choiceOf(item, i),
        finished: (item.finishReason ?? null) !== null,
        path: asString(given.at(-1)?.jsonPath) || undefined,
        calls: calls.some(isObject),
        valueGoesOn: given.at(-1)?.willContinue === true,
      },
    ];
  });
}
