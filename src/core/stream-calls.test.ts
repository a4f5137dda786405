// biome-ignore-all lint/suspicious/noThenProperty: a verdict says what then becomes of the call
import { describe, expect, test } from "bun:test";
import { patternScanner } from "../sdk/scan.ts";
import { AnswerLog } from "./answer-log.ts";
import { emptyFacts } from "./facts.ts";
import type { AnswerGuard, CallGuard, CompiledPolicy, RuleHit } from "./policy.ts";
import type { Piece, StreamEvent } from "./stream.ts";
import { CallGuards } from "./stream-calls.ts";
import { TextGuards } from "./stream-text.ts";
import { guardPieces } from "./stream-whole.ts";

const hit = (code: string): RuleHit => ({ rule: code, effect: "deny", code, message: code, status: 403 });

function policy(id: string, answer: AnswerGuard, more: Partial<CompiledPolicy> = {}): CompiledPolicy {
  const base = { description: "", mode: "enforce", onError: "deny", priority: 100, scope: {}, uses: "t" } as const;
  return { id, ...base, reads: [], evaluate: {}, answer, ...more };
}

/** Takes out a tool, ends the answer for another, writes a third one's arguments otherwise. */
const calls: CallGuard = {
  needsArguments: (name) => name === "write",
  judge({ name, arguments: given }) {
    if (name === "shell") return { hit: hit("shell"), then: "strip" };
    if (name === "format") return { hit: hit("format"), then: "deny" };
    if (name === "write" && given.includes("/etc")) return { hit: hit("path"), then: { arguments: '{"path":"/tmp"}' } };
    return null;
  },
};
const secret: AnswerGuard = {
  texts: [
    {
      kinds: ["tool_arguments"],
      scanner: patternScanner([{ type: "secret", pattern: "sk-[0-9]{4}", replacement: "[x]" }]),
      action: "redact",
      hit: () => ({ ...hit("secret"), effect: "warn" }),
    },
  ],
};

function guards(...policies: CompiledPolicy[]) {
  const log = new AnswerLog("stream", emptyFacts(), () => undefined);
  const judge = new CallGuards(policies, new TextGuards(policies, log), log);
  return { judge, log };
}
const event = (pieces: readonly Piece[], closes: StreamEvent["closes"] = []): StreamEvent => ({
  type: "",
  pieces,
  closes,
});
const name = (tool: string, text: string): Piece => ({ choice: 0, kind: "tool_name", tool, text });
const given = (tool: string, text: string): Piece => ({ choice: 0, kind: "tool_arguments", tool, text });

describe("calls of tools in a stream", () => {
  test("are judged by name at once where the arguments do not matter", () => {
    const { judge, log } = guards(policy("org/a", { calls }));
    for (const [tool, called] of ["read", "shell", "format"].entries()) judge.see(event([name(String(tool), called)]));
    expect(judge.judge(name("0", "read"), false)).toEqual({ does: "stand" });
    expect(judge.judge(name("1", "shell"), false)).toEqual({ does: "strip" });
    expect(judge.judge(name("2", "format"), false)).toMatchObject({ does: "deny", finding: { code: "format" } });
    expect(log.findings.map(({ code }) => code)).toEqual(["shell", "format"]);
  });

  test("wait for their arguments where these matter, and every piece of a call gets the same answer", () => {
    const { judge } = guards(policy("org/a", { calls }));
    judge.see(event([name("0", "write")]));
    judge.see(event([given("0", '{"path":"/e')]));
    expect(judge.judge(name("0", "write"), false)).toBe("wait");
    judge.see(event([given("0", 'tc"}')]));
    expect(judge.judge(name("0", "write"), false)).toBe("wait");
    judge.see(event([], "all"));
    const rewritten = { does: "rewrite", arguments: '{"path":"/tmp"}' } as const;
    expect(judge.judge(name("0", "write"), false)).toEqual(rewritten);
    expect(judge.judge(given("0", "x"), false)).toEqual(rewritten);
  });

  test("are taken out when their arguments never come whole", () => {
    const { judge } = guards(policy("org/a", { calls }));
    judge.see(event([name("0", "write"), given("0", '{"pa')]));
    expect(judge.judge(name("0", "write"), true)).toEqual({ does: "strip" });
  });

  test("have what is looked for in texts redacted in their values, and stay JSON", () => {
    const { judge } = guards(policy("org/b", secret));
    judge.see(event([name("0", "send"), given("0", '{"to":"me","keys":["\\u0073k-12'), given("0", '34",1]}')], "all"));
    expect(judge.judge(name("0", "send"), false)).toEqual({
      does: "rewrite",
      arguments: '{"to":"me","keys":["[x]",1]}',
    });
  });

  test("of several policies: a deny wins over taking out, which wins over other arguments", () => {
    const rewriting = policy("org/b", secret);
    const { judge } = guards(policy("org/a", { calls }), rewriting);
    judge.see(event([name("0", "shell"), given("0", '"sk-1234"')], "all"));
    expect(judge.judge(name("0", "shell"), false)).toEqual({ does: "strip" });
    const both = guards(
      policy("org/a", { calls }),
      policy("org/c", { calls: { ...calls, judge: () => ({ hit: hit("no"), then: "deny" }) } }),
    );
    both.judge.see(event([name("0", "shell")]));
    expect(both.judge.judge(name("0", "shell"), false)).toMatchObject({ does: "deny" });
  });

  test.each([
    ["after it was judged", true],
    ["before", false],
  ])("that are given another name %s cannot be judged: the policy's onError says what becomes of them", (_, judged) => {
    const renamed = (...policies: CompiledPolicy[]) => {
      const { judge, log } = guards(...policies);
      judge.see(event([name("0", "sh")]));
      if (judged) expect(judge.judge(name("0", "sh"), false)).toEqual({ does: "stand" });
      judge.see(event([name("0", "ell")]));
      return { answer: judge.judge(name("0", "ell"), false), log };
    };
    const denied = renamed(policy("org/a", { calls }));
    expect(denied.answer).toMatchObject({ does: "deny", finding: { policy: "org/a", kind: "error" } });
    const tolerant = renamed(policy("org/a", { calls }, { onError: "allow" }));
    expect(tolerant.answer).toEqual({ does: "stand" });
    expect(tolerant.log.findings).toHaveLength(1);
    const nameGuard: AnswerGuard = { texts: [{ ...secret.texts![0]!, kinds: ["tool_name"] }] };
    expect(renamed(policy("org/b", nameGuard)).answer).toMatchObject({ does: "deny", finding: { policy: "org/b" } });
  });

  test("that are told their name again with each piece have but the one", () => {
    const { judge } = guards(policy("org/a", { calls }));
    for (const text of ["read", "read", ""]) {
      judge.see(event([name("0", text)]));
      expect(judge.judge(name("0", text), false)).toEqual({ does: "stand" });
    }
  });

  test("that were taken out already are not looked at again for another name", () => {
    const { judge, log } = guards(policy("org/a", { calls }));
    for (const text of ["shell", "read"]) {
      judge.see(event([name("0", text)]));
      expect(judge.judge(name("0", text), false)).toEqual({ does: "strip" });
    }
    expect(log.findings.map(({ code }) => code)).toEqual(["shell"]);
  });

  test("are only noted in mode warn", () => {
    const { judge, log } = guards(policy("org/a", { calls }, { mode: "warn" }));
    judge.see(event([name("0", "shell")], "all"));
    expect(judge.judge(name("0", "shell"), false)).toEqual({ does: "stand" });
    expect(log.findings).toMatchObject([{ code: "shell", effect: "warn", would: "deny" }]);
  });

  test.each([
    ["that the mode keeps from its effect", policy("org/a", { calls, ...secret }, { mode: "warn" })],
    ["whose action is to note", policy("org/b", { texts: [{ ...secret.texts![0]!, action: "warn" }] })],
  ])("are not taken out of an answer that broke off by a policy %s", (_, noting) => {
    const { judge } = guards(noting);
    judge.see(event([name("0", "write"), given("0", '{"pa')]));
    expect(judge.judge(name("0", "write"), false)).toBe("wait");
    expect(judge.judge(name("0", "write"), true)).toEqual({ does: "stand" });
  });

  test("are taken out all the same where a guard of their names, or one that writes other arguments, has its effect", () => {
    const noting = policy("org/a", secret, { mode: "warn" });
    const named: AnswerGuard = { texts: [{ ...secret.texts![0]!, kinds: ["tool_name"] }] };
    const emptied: CallGuard = {
      needsArguments: () => false,
      judge: () => ({ hit: hit("emptied"), then: { arguments: "{}" } }),
    };
    for (const dealing of [named, { calls: emptied }]) {
      const { judge } = guards(noting, policy("org/b", dealing));
      judge.see(event([name("0", "sk-1234"), given("0", '{"pa')]));
      expect(judge.judge(name("0", "sk-1234"), true)).toEqual({ does: "strip" });
    }
  });

  test("with arguments beyond the bound, or a guard that throws, are an error of the policy", () => {
    const long = guards(policy("org/a", { calls }));
    long.judge.see(event([name("0", "write")]));
    for (let i = 0; i < 3; i += 1) long.judge.see(event([given("0", "x".repeat(600_000))]));
    expect(long.judge.judge(name("0", "write"), false)).toMatchObject({ does: "deny", finding: { kind: "error" } });
    const throwing: CallGuard = { needsArguments: () => false, judge: () => JSON.parse("{") as never };
    const lenient = guards(policy("org/a", { calls: throwing }, { onError: "allow" }));
    lenient.judge.see(event([name("0", "any")]));
    expect(lenient.judge.judge(name("0", "any"), false)).toEqual({ does: "stand" });
    expect(lenient.log.findings).toMatchObject([{ kind: "error", effect: "allow" }]);
  });
});

test("an answer that comes whole is judged by the same guards", () => {
  const pieces: Piece[] = [
    { choice: 0, kind: "text", tool: "", text: "hello" },
    ...["read", "shell", "write"].flatMap((called, i) => [
      name(String(i), called),
      given(String(i), '{"path":"/etc"}'),
    ]),
  ];
  const { texts, decision } = guardPieces(
    [policy("org/a", { calls })],
    "response",
    emptyFacts(),
    pieces,
    () => undefined,
  );
  expect(texts).toEqual(["hello", "read", '{"path":"/etc"}', null, null, "write", '{"path":"/tmp"}']);
  expect(decision).toMatchObject({ effect: "deny", tally: { decided: 1, notApplicable: 0, errors: 0 } });
  const closed = policy("org/a", { calls }, { answers: () => false });
  expect(guardPieces([closed], "response", emptyFacts(), pieces, () => undefined)).toMatchObject({
    texts: pieces.map(({ text }) => text),
    decision: { effect: "allow", outcome: "not_applicable" },
  });
});

describe("the JSON of called tools", () => {
  /** What becomes of arguments in which keys and codes are looked for. */
  function scanned(text: string, more: Partial<CompiledPolicy> = {}) {
    const scanner = patternScanner([
      { type: "code", pattern: "x[0-9]", replacement: '"!' },
      {
        type: "key",
        pattern: '(?i)api_key"?\\s*[:=]\\s*"?[a-z]{6}\\b',
        check: (found) => [found.length - 6, found.length],
      },
    ]);
    const guard: AnswerGuard = {
      texts: [
        { kinds: ["tool_arguments"], scanner, action: "redact", hit: () => ({ ...hit("found"), effect: "warn" }) },
      ],
    };
    const { judge, log } = guards(policy("org/a", guard, more));
    judge.see(event([name("0", "any")]));
    const half = Math.floor(text.length / 2);
    for (const part of [text.slice(0, half), text.slice(half)]) judge.see(event([given("0", part)]));
    judge.see(event([], "all"));
    return { becomes: judge.judge(name("0", "any"), false), log };
  }

  test.each([
    ['{"a":"x1","b":[1,{"c":"x2"}],"x3":null}', '{"a":"\\"!","b":[1,{"c":"\\"!"}],"\\"!":null}'],
    ['{"a": "\\u0078\\u0031 "}', '{"a": "\\"! "}'],
    ['{"api_key": "abcdef", "other": "abcdef"}', '{"api_key": "[key]", "other": "abcdef"}'],
    ['{"api_key": ["abcdef"]}', '{"api_key": ["[key]"]}'],
    ["no json x1", 'no json "!'],
    ['{"a": x1', '{"a": "!'],
  ])("%s becomes %s", (text, expected) => {
    expect(scanned(text).becomes).toEqual({ does: "rewrite", arguments: expected });
  });

  test.each([['{"a":1.0,"a":2}'], ['{"n":12}'], [""], ['{"key": "abcdef"}']])("%s stays as it is", (text) => {
    expect(scanned(text).becomes).toEqual({ does: "stand" });
  });

  test("is never passed on without being looked through", () => {
    const long = `{"a":"${"y".repeat(1_100_000)} x1"}`;
    expect(scanned(long).becomes).toMatchObject({ does: "deny", finding: { kind: "error", code: "policy_error" } });
    const lenient = scanned(long, { onError: "warn" });
    expect(lenient.becomes).toEqual({ does: "stand" });
    expect(lenient.log.findings).toMatchObject([{ kind: "error", effect: "warn" }]);
  });
});
