import type { Piece } from "../../core/stream.ts";
import type { AnswerEditor, Json, JsonObject } from "../../core/wire.ts";
import { asArray, asObject, isObject } from "../json.ts";
import { takeCohereDeltas } from "./answer.ts";

/**
 * The words of a whole answer, to be written otherwise. What repeats a text that is changed goes: citations, which
 * quote it, and the probabilities of its tokens.
 */
export function editCohereAnswer(body: JsonObject): AnswerEditor {
  const pieces: Piece[] = [];
  const add = (piece: Piece) => {
    const last = pieces.findIndex(({ kind, tool }) => kind === piece.kind && tool === piece.tool);
    if (last === -1) pieces.push(piece);
    else pieces[last] = { ...piece, text: pieces[last]!.text + piece.text };
  };
  takeCohereDeltas(body, (choice, kind, tool, text) => add({ choice, kind, tool, text }));
  return { pieces, write: (texts) => JSON.stringify(rewritten(body, pieces, texts)) };
}

function rewritten(body: JsonObject, pieces: readonly Piece[], texts: readonly (string | null)[]): JsonObject {
  const changed = new Map<string, string | null>();
  for (const [i, { kind, tool, text }] of pieces.entries()) {
    const next = texts[i] ?? null;
    if (next !== text) changed.set(`${kind} ${tool}`, next);
  }
  if (changed.size === 0) return body;
  const message = asObject(body.message);
  /** A changed text stands in the first of its parts: to which of them it belongs is not known. */
  const next = (key: string, sent: Json | undefined): Json | undefined => {
    if (!changed.has(key)) return sent;
    const text = changed.get(key) ?? "";
    changed.set(key, "");
    return text;
  };
  const textChanged = changed.has("text ");
  const calls = asArray(message.tool_calls);
  const left = calls.flatMap((item, i): Json[] => {
    const call = asObject(item);
    const [name, given] = [`tool_name ${i}`, `tool_arguments ${i}`];
    if (changed.get(name) === null || changed.get(given) === null) return [];
    const called = asObject(call.function);
    const now = { ...called, name: next(name, called.name), arguments: next(given, called.arguments) };
    return [{ ...call, function: now }];
  });
  const content = asArray(message.content).map((block) => {
    if (!isObject(block)) return block;
    if (block.type === "thinking") return { ...block, thinking: next("reasoning ", block.thinking) };
    return typeof block.text === "string" ? { ...block, text: next("text ", block.text) } : block;
  });
  const { citations, ...said } = message;
  const { logprobs, ...others } = body;
  const stopped = calls.length > 0 && left.length === 0 && body.finish_reason === "TOOL_CALL";
  return {
    ...others,
    ...(logprobs !== undefined && !textChanged && { logprobs }),
    ...(stopped && { finish_reason: "COMPLETE" }),
    message: {
      ...said,
      ...(message.content !== undefined && { content }),
      ...(message.tool_plan !== undefined && { tool_plan: next("reasoning ", message.tool_plan) }),
      ...(calls.length > 0 && { tool_calls: left }),
      ...(citations !== undefined && !textChanged && { citations }),
    },
  };
}
