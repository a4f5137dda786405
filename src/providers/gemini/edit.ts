import { entry } from "../../core/entry.ts";
import type { EarlyEnd, Piece } from "../../core/stream.ts";
import type { AnswerEditor, JsonObject } from "../../core/wire.ts";
import { readPieces, rewriteAnswer } from "./rewrite.ts";
import { writeGeminiUsage } from "./usage.ts";

/** The words of a whole answer, to be written otherwise. Parts of one text are one piece. */
export function editGeminiAnswer(body: JsonObject): AnswerEditor {
  const answer = readPieces(body);
  const joined = joinPieces(answer.pieces);
  return {
    pieces: joined.map(({ piece }) => piece),
    write(texts) {
      const changed = joined.filter(({ piece }, i) => texts[i] !== piece.text);
      if (changed.length === 0) return JSON.stringify(body);
      const out: (string | null)[] = answer.pieces.map(({ text }) => text);
      for (const [i, { piece, places }] of joined.entries()) {
        const text = texts[i] ?? null;
        // Which part a changed text belongs to is not known: the first has all of it.
        if (text !== piece.text) for (const place of places) out[place] = text === null ? null : "";
        if (text !== piece.text && text !== null) out[places[0]!] = text;
      }
      const choices = new Set(changed.map(({ piece }) => piece.choice));
      const state = { differs: (choice: number) => choices.has(choice), isTaken: () => false };
      return JSON.stringify(rewriteAnswer(answer, out, state) ?? { ...body, candidates: [] });
    },
  };
}

interface JoinedPiece {
  piece: Piece;
  /** Where its parts stand among the answer's pieces. */
  readonly places: number[];
}

function joinPieces(pieces: readonly Piece[]): JoinedPiece[] {
  const joined = new Map<string, JoinedPiece>();
  for (const [i, piece] of pieces.entries()) {
    const known = entry(joined, `${piece.choice} ${piece.kind} ${piece.tool}`, () => ({
      piece: { ...piece, text: "" },
      places: [],
    }));
    known.piece = { ...piece, text: known.piece.text + piece.text };
    known.places.push(i);
  }
  return [...joined.values()];
}

/**
 * The last element of a stream that ends these choices where they are. Why stands in `finishMessage`.
 *
 * @param head what every element repeats
 */
export function lastElement(
  { reason, refusal, usage }: EarlyEnd,
  choices: readonly number[],
  head: JsonObject,
): JsonObject {
  const finishReason = reason === "length" ? "MAX_TOKENS" : "SAFETY";
  return {
    candidates: choices.map((index) => ({
      content: { parts: [{ text: "" }], role: "model" },
      finishReason,
      finishMessage: refusal.message,
      index,
    })),
    usageMetadata: writeGeminiUsage(usage),
    ...head,
  };
}

/** What every element of a stream repeats. */
export function headOf({ modelVersion, responseId }: JsonObject): JsonObject {
  return { ...(modelVersion !== undefined && { modelVersion }), ...(responseId !== undefined && { responseId }) };
}
