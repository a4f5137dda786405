import type { Refusal, TokenUsage } from "./wire.ts";

/** What a model writes. */
export const pieceKinds = ["text", "reasoning", "refusal", "tool_name", "tool_arguments"] as const;

/** One of the {@link pieceKinds}. */
export type PieceKind = (typeof pieceKinds)[number];

/** Where a model writes: pieces of one channel, one after the other, are one text. */
export interface Channel {
  /** Which of several answers (`n`) it belongs to. */
  readonly choice: number;
  readonly kind: PieceKind;
  /** The tool call's key within its choice; empty for anything else. */
  readonly tool: string;
}

/** A piece of what a model wrote, whole or as a fragment of a stream. */
export interface Piece extends Channel {
  readonly text: string;
}

/** One event of a stream, as far as it says something. */
export interface StreamEvent {
  /** Its name or type in the protocol's own word; empty when it has none. */
  readonly type: string;
  /** What the model wrote in it, in the order it stands there. Empty for events that only frame. */
  readonly pieces: readonly Piece[];
  /** Channels that end with it: what is held back of them goes out before it. `"all"` at the end of the answer. */
  readonly closes: "all" | readonly Channel[];
  /** Whether it tells what was used. */
  readonly tellsUsage?: boolean;
  /** Whether it differs from one before it in the text of its pieces alone: beside them it says nothing new. */
  readonly repeats?: boolean;
}

/** An event to be written, before the stream's framing. */
export interface WireEvent {
  /** The `event:` field; empty for none. */
  readonly name: string;
  readonly data: string;
}

/** How an answer is ended before its provider ended it. */
export interface EarlyEnd {
  /** `length`: a limit was reached. `content_filter`: a rule ended it. In the protocol's own word for that. */
  readonly reason: "length" | "content_filter";
  /** Why, for the place that the protocol has for it. */
  readonly refusal: Refusal;
  /** What was used so far, for the place that the protocol has for it. */
  readonly usage: TokenUsage;
}

/**
 * Writes the events of one answer otherwise than they came, so that what the client gets is still a whole answer of its
 * protocol. One per stream.
 *
 * Every event is read once, as it comes; one that waits for others is written later. So {@link read} keeps what the
 * provider said, {@link write} and {@link add} keep what the client got.
 */
export interface StreamEditor<E extends StreamEvent = StreamEvent> {
  /**
   * Reads the next event. What it gives is handed back to be written, and may hold more than others see of it.
   *
   * Data that cannot be read, such as half an object, has no pieces and is written as `null`: nobody knows what it says.
   */
  read(name: string, data: string): E;
  /**
   * The data of an event as it goes out: the very string that was read where nothing differs, `null` when nothing of it is
   * left to send. Every event that goes out is written, in order.
   *
   * What the protocol says again later (whole texts, finish reasons, the whole answer) is kept to what went out; so even
   * an event with its own texts may be written otherwise than it came.
   *
   * @param texts in place of its pieces', one for each: `""` where nothing of a piece goes out (yet), `null` where the
   *   call it belongs to is taken out of the answer; its own when absent
   */
  write(event: E, texts?: readonly (string | null)[]): string | null;
  /** Events that add text to a channel that is open. */
  add(channel: Channel, text: string): readonly WireEvent[];
  /** Events that end the answer here: what is open is closed, finish reason and usage are told, the protocol's last word is said. */
  end(ending: EarlyEnd): readonly WireEvent[];
}

/** What becomes of an event. */
export type StreamVerdict =
  /** It goes on with its own texts. */
  | null
  /** It waits, and all that follow it, until it is answered otherwise. */
  | "hold"
  /** It goes on with these texts, one for each piece, after what has to go out before it. */
  | { readonly before?: readonly Piece[]; readonly texts: readonly (string | null)[] }
  /** The answer ends before it. */
  | { readonly before?: readonly Piece[]; readonly end: EarlyEnd };

/** Looks at one answer as it comes. The relay asks it about every event before anything of the event goes out. */
export interface StreamInspector {
  /** Called once with every event, in the order they come. */
  see(event: StreamEvent): void;
  /**
   * What becomes of the first event that has not gone out. Asked again, after each event that was seen meanwhile, while
   * the answer is to hold it. Synchronous: a chunk may have many events, and none may overtake another.
   *
   * @param last whether it can wait no longer: the stream is over, or too much waits already
   */
  inspect(event: StreamEvent, last: boolean): StreamVerdict;
  /** The provider's stream is over: what goes out before its end, when no event closed its channels. */
  finish(): { readonly before: readonly Piece[]; readonly end?: EarlyEnd } | null;
}

/**
 * Finds something in a text that may still go on. Pure and linear in the text; shared by all requests.
 */
export interface TextScanner {
  /** Most characters that are ever held back while a match could still complete; a longer one is taken as it stands. */
  readonly maxHeld: number;
  /**
   * @param text with what stands before `from` for context alone: the last two units of it, if there are any, are enough
   * @param from where to look; matches begin there or later
   * @param last whether nothing follows
   * @returns matches in order, not overlapping, and the place up to which the text is settled: whatever follows, nothing
   *   before it is, or becomes, part of another match. With `last` that is its end.
   */
  scan(text: string, from: number, last: boolean): TextScan;
}

/** What {@link TextScanner.scan} found. */
export interface TextScan {
  readonly matches: readonly TextMatch[];
  readonly settled: number;
}

/** Something found in a text. */
export interface TextMatch {
  readonly start: number;
  readonly end: number;
  /** What it is, such as `email`: this is recorded, the text is not. */
  readonly type: string;
  /** What stands in its place where it is redacted. */
  readonly replacement: string;
}
