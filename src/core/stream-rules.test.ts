import { describe, expect, test } from "bun:test";
import { AnswerLog } from "./answer-log.ts";
import { emptyFacts, type FactName, type Facts } from "./facts.ts";
import { type CompiledPolicy, notApplicable, type RuleHit, type Verdict } from "./policy.ts";
import type { Piece, StreamEvent } from "./stream.ts";
import { StreamRules } from "./stream-rules.ts";

const hit: RuleHit = { rule: "r", effect: "deny", code: "c", message: "m", status: 403 };

function rules(ask: (facts: Facts, texts: readonly string[]) => Verdict, more: Partial<CompiledPolicy> = {}) {
  const policy = {
    id: "org/a",
    description: "",
    mode: "enforce",
    onError: "deny",
    priority: 100,
    scope: {},
    uses: "typescript",
    reads: ["event.text"],
    evaluate: { stream: (facts, content) => ask(facts, content!.texts()) },
    ...more,
  } satisfies CompiledPolicy;
  const log = new AnswerLog("stream", emptyFacts(), () => undefined);
  return { log, rules: new StreamRules([policy], log) };
}
const event = (pieces: readonly Piece[], more: Partial<StreamEvent> = {}): StreamEvent => ({
  type: "x",
  pieces,
  closes: [],
  ...more,
});
const piece = (kind: Piece["kind"], text: string, tool = ""): Piece => ({ choice: 0, kind, tool, text });

describe("rules of phase stream", () => {
  test("see what an event is, what it says and how much was written", () => {
    const seen: unknown[] = [];
    const { rules: stream } = rules(
      ({ event: { type, text, tool_name }, stream: { output_tokens, elapsed_ms } }, texts) => {
        seen.push([type, text, tool_name, output_tokens, elapsed_ms, ...texts]);
        return null;
      },
    );
    stream.ask(event([piece("text", "a"), piece("reasoning", "b")]), 2, 10.4);
    stream.ask(event([piece("tool_name", "read", "0"), piece("tool_arguments", "{}", "0")]), 3, 11);
    stream.ask(event([], { tellsUsage: true }), 3, 12);
    stream.ask(event([], { closes: "all" }), 3, 13);
    stream.ask(event([]), 3, 14);
    expect(seen).toEqual([
      ["text", "ab", "", 2, 10, "a", "b"],
      ["tool_call", "{}", "read", 3, 11, "{}"],
      ["usage", "", "", 3, 12],
      ["end", "", "", 3, 13],
      ["other", "", "", 3, 14],
    ]);
  });

  test("are asked about each of several calls in one event", () => {
    const seen: unknown[] = [];
    const { rules: stream } = rules(({ event: { type, text, tool_name } }) => {
      seen.push([type, tool_name, text]);
      return null;
    });
    stream.ask(
      event([
        piece("text", "so"),
        piece("tool_name", "a", "0"),
        piece("tool_arguments", "1", "0"),
        piece("tool_name", "b", "1"),
      ]),
      0,
      0,
    );
    expect(seen).toEqual([
      ["tool_call", "a", "1"],
      ["tool_call", "b", ""],
      ["text", "", "so"],
    ]);
  });

  test("see a text that is too long for a fact in parts", () => {
    const sizes: number[] = [];
    const { rules: stream } = rules(({ event: { text } }) => {
      sizes.push(text.length);
      return null;
    });
    stream.ask(event([piece("text", "x".repeat(150_000))]), 0, 0);
    expect(sizes).toEqual([65_536, 65_536, 18_928]);
  });

  test("that depend on facts alone are asked when one of them has changed", () => {
    const asked = (reads: readonly FactName[]) => {
      let count = 0;
      const { rules: stream } = rules(
        () => {
          count += 1;
          return null;
        },
        { uses: "rules", reads },
      );
      for (const tokens of [1, 1, 2]) stream.ask(event([]), tokens, 5);
      return count;
    };
    expect(
      [["request.model"], ["stream.output_tokens"], ["event.type"]].map((reads) => asked(reads as FactName[])),
    ).toEqual([1, 2, 3]);
  });

  test("fire once for an answer in the record, and the first deny ends it", () => {
    const { rules: stream, log } = rules(({ event: { text } }) => [{ ...hit, effect: text === "x" ? "deny" : "warn" }]);
    expect([stream.ask(event([piece("text", "a")]), 0, 0), stream.ask(event([piece("text", "b")]), 0, 0)]).toEqual([
      null,
      null,
    ]);
    expect(stream.ask(event([piece("text", "x")]), 0, 0)).toMatchObject({ effect: "deny", policy: "org/a" });
    expect(log.decision()).toMatchObject({
      effect: "deny",
      findings: [{ effect: "deny" }, { effect: "warn" }],
      tally: { decided: 1, notApplicable: 0, errors: 0 },
    });
  });

  test("in mode warn end nothing", () => {
    const { rules: stream, log } = rules(() => [hit], { mode: "warn" });
    expect(stream.ask(event([]), 0, 0)).toBeNull();
    expect(log.decision()).toMatchObject({ effect: "warn", findings: [{ would: "deny" }] });
  });

  test("that throw or ask for a change count as the policy says", () => {
    const { rules: stream, log } = rules(() => [{ ...hit, effect: "modify", modifications: [] }]);
    expect(stream.ask(event([]), 0, 0)).toMatchObject({ kind: "error", effect: "deny" });
    expect(log.decision()).toMatchObject({ outcome: "error", tally: { decided: 0, notApplicable: 0, errors: 1 } });
    const closed = rules(() => notApplicable);
    expect(closed.rules.ask(event([]), 0, 0)).toBeNull();
    expect(closed.log.decision()).toMatchObject({ outcome: "not_applicable", tally: { notApplicable: 1 } });
  });
});
