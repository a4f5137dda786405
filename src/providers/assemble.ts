import type { Piece } from "../core/stream.ts";
import type { TakeDelta } from "./delta.ts";

/** A tool call put together from its pieces. */
export interface AssembledCall {
  readonly choice: number;
  readonly name: string;
  readonly arguments: string;
}

/** What a model wrote, put together from its pieces, for tests. */
export interface Assembled {
  /** Text of the choices that have any, in order. */
  readonly texts: readonly string[];
  readonly reasoning: string;
  readonly refusal: string;
  readonly toolCalls: readonly AssembledCall[];
  /** Every piece in the order it came. */
  readonly written: string;
}

/** Puts pieces together. Fragments of one call share a key; a repeated name replaces and is not appended. */
export function assemble(pieces: (take: TakeDelta) => void): Assembled {
  const byKind = (kind: Piece["kind"]) => all.filter((delta) => delta.kind === kind);
  const all: Piece[] = [];
  pieces((choice, kind, tool, text) => all.push({ choice, kind, tool, text }));

  const texts = new Map<number, string>();
  for (const { choice, text } of byKind("text")) texts.set(choice, (texts.get(choice) ?? "") + text);
  const calls = new Map<string, { choice: number; name: string; arguments: string }>();
  for (const { choice, kind, tool, text } of all) {
    if (kind !== "tool_name" && kind !== "tool_arguments") continue;
    const key = `${choice} ${tool}`;
    const call = calls.get(key) ?? { choice, name: "", arguments: "" };
    calls.set(key, call);
    if (kind === "tool_name") call.name = text || call.name;
    else call.arguments += text;
  }
  return {
    texts: [...texts.entries()].sort(([a], [b]) => a - b).map(([, text]) => text),
    reasoning: joined(byKind("reasoning")),
    refusal: joined(byKind("refusal")),
    toolCalls: [...calls.values()],
    written: joined(all),
  };
}

function joined(deltas: readonly Piece[]): string {
  return deltas.map(({ text }) => text).join("");
}
