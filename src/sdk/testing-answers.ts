import { expect } from "bun:test";
import type { AnswerGuard, CallVerdict, RuleHit, TextGuard, ToolCall } from "../core/policy.ts";
import type { PieceKind, TextMatch } from "../core/stream.ts";
import { replaced } from "./scan.ts";
import { cutAt, feed } from "./testing-scan.ts";

/** What a guard makes of an answer. */
export interface Guarded {
  readonly hits: readonly RuleHit[];
  /** The texts as they go out: up to what is refused, with what is redacted replaced. */
  readonly out: readonly string[];
}

/** Looks through the texts of an answer; every one of them as it would come in a stream, too. */
export function guardTexts({ texts = [] }: AnswerGuard, kind: PieceKind, content: readonly string[]): Guarded {
  const guards = texts.filter(({ kinds }) => kinds.includes(kind));
  const found = guards.map(() => new Map<string, number>());
  const out = content.map((text) => {
    let edited = text;
    for (const [i, guard] of guards.entries()) edited = guardOne(guard, edited, found[i]!);
    return edited;
  });
  return { out, hits: guards.flatMap((guard, i) => (found[i]!.size === 0 ? [] : [guard.hit(found[i]!)])) };
}

function guardOne({ scanner, action }: TextGuard, text: string, found: Map<string, number>): string {
  const { matches } = scanner.scan(text, 0, true);
  for (const size of [1, 3, 7]) {
    const places = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => i * size);
    expect(feed(scanner, cutAt(text, places)).matches, `found in pieces of ${size}`).toEqual([...matches]);
  }
  for (const { type } of matches) found.set(type, (found.get(type) ?? 0) + 1);
  if (action === "warn") return text;
  return action === "redact" ? replaced(text, matches) : before(text, matches);
}

function before(text: string, matches: readonly TextMatch[]): string {
  return matches.length === 0 ? text : text.slice(0, matches[0]!.start);
}

/** What a guard says of a call: by its name alone where that is enough. */
export function judgeCall({ calls }: AnswerGuard, { name, arguments: written }: ToolCall): CallVerdict {
  if (calls === undefined) return null;
  return calls.judge({ name, arguments: calls.needsArguments(name) ? written : "" });
}
