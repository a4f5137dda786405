import type { Piece } from "../core/stream.ts";
import type { Json } from "../core/wire.ts";

/** A JSON object that is ours to change. */
export interface Draft {
  [name: string]: Json | undefined;
}

/** A piece of what a model wrote, and the place in an event's or answer's body where it stands. */
export interface Slot extends Piece {
  /** Puts another text in its place. */
  set(text: string): void;
}

/** A slot for a member that holds nothing but the text. */
export function memberSlot(
  holder: Draft,
  name: string,
  { choice, kind, tool }: Omit<Piece, "text">,
  also?: () => void,
): Slot {
  return {
    choice,
    kind,
    tool,
    text: holder[name] as string,
    set(text) {
      holder[name] = text;
      also?.();
    },
  };
}

/** Whether any text differs from its slot's own. */
export function differs(pieces: readonly Piece[], texts: readonly (string | null)[] | undefined): boolean {
  return texts?.some((text, i) => text !== pieces[i]!.text) ?? false;
}
