/** What every stream editor promises. Its folder's test calls this with streams of the protocol and the vendor's own SDK. */
import { describe, expect, test } from "bun:test";
import type { Channel, EarlyEnd, Piece, StreamEvent, StreamInspector, StreamVerdict } from "../core/stream.ts";
import type { WireFormat } from "../core/wire.ts";

/** A message as the official SDK put it together. */
export interface JudgedMessage {
  /** Of all choices, in order. */
  readonly text: string;
  /** Their arguments as JSON values. */
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
  /** Of the first choice, in the protocol's word. */
  readonly finish: string;
}

/** Arguments as a value; the text itself where an early end left half of them. */
export function argumentsOf(text: string): unknown {
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A wire format under test. */
export interface EditedFormat {
  readonly format: Pick<WireFormat, "surface" | "openStream">;
  /** Whole, well-formed streams. At least one should call several tools, one should have text and a call. */
  readonly samples: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Reads a stream by the official SDK; rejects when the SDK does not take it for a whole message. */
  judge(bytes: Uint8Array): Promise<JudgedMessage>;
  /** What the protocol calls the two reasons for an early end. */
  readonly finish: Readonly<Record<EarlyEnd["reason"], string>>;
  /** The finish reason of an answer that calls tools; `null` when calls have none of their own. */
  readonly toolFinish: string | null;
}

const ending = (reason: EarlyEnd["reason"]): EarlyEnd => ({
  reason,
  refusal: { status: 403, code: "stopped", message: "the answer was stopped", sluice: { policy: "org/stop" } },
  usage: {
    promptTokens: 7,
    completionTokens: 3,
    totalTokens: 10,
    cachedTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
  },
});

/** Runs the suite. */
export function testEditor({ format, samples, judge, finish, toolFinish }: EditedFormat): void {
  for (const { name, bytes } of samples) {
    describe(`${format.surface}, ${name}: the official SDK reads`, () => {
      const relayed = (inspector: Inspector, chunkSize = bytes.length) => relay(format, bytes, inspector, chunkSize);

      test("the very bytes that came, when nothing is changed", () => {
        for (const size of [bytes.length, 1, 7]) {
          expect(Buffer.from(relayed(new Inspector(), size).bytes).toString()).toBe(Buffer.from(bytes).toString());
        }
      });

      test("a text in which characters are replaced, and nothing else differs", async () => {
        const [message, whole] = await Promise.all([judge(relayed(new Replacing()).bytes), judge(bytes)]);
        expect(message).toEqual({ ...whole, text: whole.text.replace(/[a-z]/g, "*") });
      });

      test("the same message, when all text is held back to its end", async () => {
        const [message, whole] = await Promise.all([judge(relayed(new Holding(), 16).bytes), judge(bytes)]);
        expect(message).toEqual(whole);
      });

      test("the same message, when calls wait for their end", async () => {
        const [message, whole] = await Promise.all([judge(relayed(new Waiting(), 16).bytes), judge(bytes)]);
        expect(message).toEqual(whole);
      });

      test("a message without a call that is taken out, and the others as they were", async () => {
        const whole = await judge(bytes);
        for (let i = 0; i < whole.calls.length; i += 1) {
          const message = await judge(relayed(new Stripping(i)).bytes);
          expect(message.calls).toEqual(whole.calls.filter((_, at) => at !== i));
          expect(message.text).toBe(whole.text);
          if (message.calls.length === 0 && toolFinish !== null) expect(message.finish).not.toBe(toolFinish);
          // Of several choices, one without any call left ends otherwise.
          else if (whole.finish !== toolFinish) expect(message.finish).toBe(whole.finish);
        }
      });

      test("a message without any call", async () => {
        const whole = await judge(bytes);
        if (whole.calls.length === 0) return;
        const message = await judge(relayed(new Stripping("all")).bytes);
        expect([message.calls, message.text]).toEqual([[], whole.text]);
        if (toolFinish !== null) expect(message.finish).not.toBe(toolFinish);
      });

      test("other arguments", async () => {
        const whole = await judge(bytes);
        const inspector = new Rewriting();
        const message = await judge(relayed(inspector).bytes);
        expect(message).toEqual({
          ...whole,
          calls: whole.calls.map((call, i) =>
            inspector.rewritten.has(i) ? { ...call, arguments: { other: "ü" } } : call,
          ),
        });
      });

      for (const reason of ["length", "content_filter"] as const) {
        test(`a whole message, ended early before any of its events by ${reason}`, async () => {
          const whole = await judge(bytes);
          const count = relayed(new Inspector()).seen;
          for (const at of some(count)) {
            const { bytes: shown, ended, said } = relayed(new Ending(at, reason), 64);
            expect(ended).toBe(true);
            const message = await judge(shown);
            expect([message.text, at]).toEqual([said, at]);
            // Once the provider told how it ended, that stands.
            if (message.finish !== whole.finish || at < count / 2)
              expect([message.finish, at]).toEqual([finish[reason], at]);
          }
        });
      }
    });
  }
}

/** All events of a short stream; the first, the last and some between of a long one. */
function some(count: number): number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  return count <= 16 ? all : all.filter((i) => i < 4 || i >= count - 6 || i % Math.ceil(count / 6) === 0);
}

function relay({ openStream }: Pick<WireFormat, "openStream">, bytes: Uint8Array, inspector: Inspector, size: number) {
  const relay = openStream({ inspector, tellUsage: true });
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length && !relay.ended; at += size) {
    const shown = relay.write(bytes.slice(at, at + size));
    if (shown !== null) out.push(shown.slice());
  }
  const last = relay.end();
  if (last !== null) out.push(last);
  expect(relay.ended ? relay.write(bytes) : null).toBeNull();
  return { bytes: Buffer.concat(out), ended: relay.ended, seen: inspector.seen, said: inspector.said };
}

const key = ({ choice, kind, tool }: Channel) => `${choice} ${kind} ${tool}`;

class Inspector implements StreamInspector {
  seen = 0;
  /** Text of all choices so far, in order. */
  readonly #said: string[] = [];

  get said(): string {
    return this.#said.join("");
  }

  see(_event: StreamEvent): void {
    this.seen += 1;
  }

  inspect(event: StreamEvent, _last: boolean): StreamVerdict {
    for (const { kind, choice, text } of event.pieces) {
      if (kind === "text") this.#said[choice] = (this.#said[choice] ?? "") + text;
    }
    return null;
  }

  finish(): { before: readonly Piece[] } | null {
    return null;
  }
}

class Replacing extends Inspector {
  override inspect({ pieces }: StreamEvent): StreamVerdict {
    if (pieces.length === 0) return null;
    return { texts: pieces.map(({ kind, text }) => (kind === "text" ? text.replace(/[a-z]/g, "*") : text)) };
  }
}

class Holding extends Inspector {
  readonly #held = new Map<string, Piece>();

  override inspect({ pieces, closes }: StreamEvent): StreamVerdict {
    const texts = pieces.map((piece) => {
      if (piece.kind !== "text") return piece.text;
      this.#held.set(key(piece), { ...piece, text: (this.#held.get(key(piece))?.text ?? "") + piece.text });
      return "";
    });
    const closed = closes === "all" ? [...this.#held.keys()] : closes.map(key);
    if (pieces.length === 0 && closed.length === 0) return null;
    // What the event says itself goes out with it.
    for (const [i, piece] of pieces.entries()) {
      if (piece.kind !== "text" || !closed.includes(key(piece))) continue;
      const held = this.#held.get(key(piece))!;
      texts[i] = piece.text;
      this.#held.set(key(piece), { ...held, text: held.text.slice(0, held.text.length - piece.text.length) });
    }
    return { before: this.#release(closed), texts };
  }

  override finish() {
    return { before: this.#release([...this.#held.keys()]) };
  }

  #release(keys: readonly string[]): Piece[] {
    const released = keys.flatMap((one) => this.#held.get(one) ?? []);
    for (const one of keys) this.#held.delete(one);
    return released;
  }
}

class Waiting extends Inspector {
  #closed = false;

  override see(event: StreamEvent): void {
    super.see(event);
    this.#closed ||= event.closes === "all";
  }

  override inspect({ pieces }: StreamEvent, last: boolean): StreamVerdict {
    return !last && !this.#closed && pieces.some(({ kind }) => kind === "tool_name") ? "hold" : null;
  }
}

class Stripping extends Inspector {
  readonly #which: number | "all";
  readonly #order: string[] = [];

  constructor(which: number | "all") {
    super();
    this.#which = which;
  }

  override inspect({ pieces }: StreamEvent): StreamVerdict {
    return pieces.length === 0 ? null : { texts: pieces.map((piece) => (this.#isTaken(piece) ? null : piece.text)) };
  }

  #isTaken({ choice, kind, tool }: Piece): boolean {
    if (kind !== "tool_name" && kind !== "tool_arguments") return false;
    const call = `${choice} ${tool}`;
    if (!this.#order.includes(call)) this.#order.push(call);
    return this.#which === "all" || this.#order[this.#which] === call;
  }
}

class Rewriting extends Inspector {
  /** Positions of the calls whose arguments were put in another one's place. */
  readonly rewritten = new Set<number>();
  readonly #order: string[] = [];

  override inspect({ pieces }: StreamEvent): StreamVerdict {
    if (pieces.length === 0) return null;
    return {
      texts: pieces.map((piece) => {
        const call = `${piece.choice} ${piece.tool}`;
        if (piece.kind === "tool_name" && !this.#order.includes(call)) this.#order.push(call);
        if (piece.kind !== "tool_arguments" || piece.text === "") return piece.text;
        const position = this.#order.indexOf(call);
        const first = !this.rewritten.has(position);
        this.rewritten.add(position);
        return first ? '{"other":"ü"}' : "";
      }),
    };
  }
}

class Ending extends Inspector {
  readonly #at: number;
  readonly #reason: EarlyEnd["reason"];

  constructor(at: number, reason: EarlyEnd["reason"]) {
    super();
    this.#at = at;
    this.#reason = reason;
  }

  override inspect(event: StreamEvent, last: boolean): StreamVerdict {
    if (this.seen > this.#at) return { end: ending(this.#reason) };
    return super.inspect(event, last);
  }
}
