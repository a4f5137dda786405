import type { Piece } from "../../core/stream.ts";
import type { Json, JsonObject } from "../../core/wire.ts";
import { asArray, asObject, isObject, parseObject } from "../json.ts";
import { CallKeys, choiceOf, takeGeminiDeltas } from "./answer.ts";

/** What goes out in place of a piece; `null` takes its call out. */
export type Texts = readonly (string | null)[];

/** An answer, or an element of a stream, and what the model wrote in it. */
export interface WrittenAnswer {
  readonly body: JsonObject;
  readonly pieces: readonly Piece[];
}

/** Finds the pieces of an answer. */
export function readPieces(body: JsonObject, keys: CallKeys = new CallKeys()): WrittenAnswer {
  const pieces: Piece[] = [];
  takeGeminiDeltas(body, keys, (choice, kind, tool, text) => pieces.push({ choice, kind, tool, text }));
  return { body, pieces };
}

/** What rewriting has to know of a choice beside its texts. */
export interface ChoiceState {
  /** Whether what went out is not, or not yet, what the provider said: then nothing may say it again. */
  readonly differs: (choice: number) => boolean;
  /** Whether a call that has no piece here, but was open before, is taken out. */
  readonly isTaken: (choice: number) => boolean;
}

/**
 * The answer with other texts in place of the pieces'. Parts of which nothing is left go, and candidates that then tell
 * nothing; where all of them do the answer is `null`.
 */
export function rewriteAnswer({ body, pieces }: WrittenAnswer, texts: Texts, state: ChoiceState): JsonObject | null {
  let next = 0;
  const take = (): string | null => (texts[next] === undefined ? pieces[next++]!.text : texts[next++]!);
  const candidates = asArray(body.candidates).flatMap((item, i): Json[] => {
    if (!isObject(item)) return [item];
    const choice = choiceOf(item, i);
    const content = asObject(item.content);
    const sent = asArray(content.parts);
    const parts = sent.flatMap((part): Json[] =>
      isObject(part) ? rewritePart(part, take, state.isTaken(choice)) : [part],
    );
    const kept = state.differs(choice) ? withoutRepeats(item) : item;
    if (sent.length === 0) return [kept];
    if (parts.length > 0) return [{ ...kept, content: { ...content, parts } }];
    // An empty part is how the provider itself ends a text that has been said already.
    return tells(kept) ? [{ ...kept, content: { ...content, parts: [{ text: "" }] } }] : [];
  });
  if (candidates.length === 0 && asArray(body.candidates).length > 0) return null;
  return { ...body, ...(body.candidates !== undefined && { candidates }) };
}

/** Members of a candidate that repeat its text, piece by piece or as what is supported by a source. */
function withoutRepeats(candidate: JsonObject): JsonObject {
  const { logprobsResult: _, groundingMetadata: grounding, ...others } = candidate;
  if (!isObject(grounding)) return others;
  const { groundingSupports: __, ...sources } = grounding;
  return { ...others, groundingMetadata: sources };
}

/** Whether a candidate says anything beside its content. */
function tells(candidate: JsonObject): boolean {
  return ["finishReason", "groundingMetadata", "urlContextMetadata", "citationMetadata"].some(
    (key) => candidate[key] !== undefined,
  );
}

/** The order of the pieces is that of {@link takeGeminiDeltas}. */
function rewritePart(part: JsonObject, take: () => string | null, taken: boolean): JsonObject[] {
  const edits: Record<string, Json | undefined> = {};
  let left = part.thoughtSignature !== undefined || part.inlineData !== undefined || part.fileData !== undefined;
  let said = false;
  if (typeof part.text === "string") {
    said = true;
    edits.text = take() ?? "";
    left ||= edits.text !== "" || part.text === "";
  }
  if (isObject(part.functionCall)) {
    const call = rewriteCall(part.functionCall, take, taken);
    // The seal of a call is worth nothing without it.
    if (call === null) return [];
    edits.functionCall = call;
    left = true;
  }
  if (isObject(part.executableCode) && typeof part.executableCode.code === "string") {
    said = true;
    const code = take() ?? "";
    edits.executableCode = { ...part.executableCode, code };
    left ||= code !== "";
  }
  if (isObject(part.codeExecutionResult) && typeof part.codeExecutionResult.output === "string") {
    said = true;
    edits.codeExecutionResult = { ...part.codeExecutionResult, output: take() ?? "" };
    left = true;
  }
  return left || !said ? [{ ...part, ...edits }] : [];
}

function rewriteCall(call: JsonObject, take: () => string | null, taken: boolean): JsonObject | null {
  let gone = false;
  let empty = true;
  const next = (): string => {
    const text = take();
    gone ||= text === null;
    empty &&= text === null || text === "";
    return text ?? "";
  };
  const edits: Record<string, Json | undefined> = {};
  let pieces = 0;
  if (typeof call.name === "string") {
    pieces += 1;
    edits.name = next();
  }
  if (isObject(call.args)) {
    pieces += 1;
    edits.args = argumentsOf(next());
  }
  if (call.partialArgs !== undefined) {
    const given = asArray(call.partialArgs);
    pieces += given.length;
    edits.partialArgs = given.map((one) => rewritePartial(asObject(one), next()));
  }
  if (gone || (pieces === 0 && taken)) return null;
  // What is empty and was not so goes out later, or never.
  return empty && pieces > 0 && call.name !== undefined ? null : { ...call, ...edits };
}

/** What is no JSON object cannot be said in this protocol; it is told where a client's function does not look for it. */
function argumentsOf(text: string): JsonObject {
  return parseObject(text) ?? (text === "" ? {} : { arguments: text });
}

function rewritePartial(given: JsonObject, text: string): JsonObject {
  if (given.stringValue !== undefined) return { ...given, stringValue: text };
  const { numberValue, boolValue, nullValue: _, ...place } = given;
  const same = String(numberValue ?? boolValue ?? "") === text;
  return same ? given : { ...place, stringValue: text };
}
