import type { PolicyFailed } from "../core/answer-log.ts";
import type { Decision } from "../core/decision.ts";
import { guardPieces } from "../core/stream-whole.ts";
import type { JsonObject, WireFormat } from "../core/wire.ts";
import type { Call } from "./call.ts";

/** What came of looking at a whole answer. */
export interface GuardedAnswer {
  /** Of phase response. */
  readonly decision: Decision;
  /** The answer as it goes out; `null` when it goes out as it came. */
  readonly body: string | null;
}

/** Looks at the words of an answer that came whole; `undefined` when no policy looks for anything there. */
export function guardAnswer(
  { rules, facts }: Call,
  format: WireFormat,
  body: JsonObject,
  failed: PolicyFailed,
): GuardedAnswer | undefined {
  const { answering } = rules!;
  if (answering.length === 0 || format.editAnswer === undefined) return undefined;
  const editor = format.editAnswer(body);
  const { decision, texts } = guardPieces(answering, "response", facts!, editor.pieces, failed);
  const changed = texts.some((text, i) => text !== editor.pieces[i]!.text);
  return { decision, body: changed ? editor.write(texts) : null };
}
