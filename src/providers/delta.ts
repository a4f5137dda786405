import type { Piece } from "../core/stream.ts";

/** Takes one piece at a time, so that no list is made where only the text is wanted. */
export type TakeDelta = (choice: number, kind: Piece["kind"], tool: string, text: string) => void;
