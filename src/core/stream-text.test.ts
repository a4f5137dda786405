import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { patternScanner } from "../sdk/scan.ts";
import { AnswerLog } from "./answer-log.ts";
import type { Mode } from "./decision.ts";
import { emptyFacts } from "./facts.ts";
import type { CompiledPolicy, TextGuard } from "./policy.ts";
import type { TextScanner } from "./stream.ts";
import { TextGuards } from "./stream-text.ts";

const channel = { choice: 0, kind: "text", tool: "" } as const;

interface Looks {
  readonly id: string;
  readonly pattern: string;
  readonly action: TextGuard["action"];
  readonly mode?: Mode;
  readonly override?: true;
  readonly maxLength?: number;
}

const scanners = new Map<string, TextScanner>();

function scannerOf(type: string, pattern: string, maxLength: number): TextScanner {
  const key = `${type} ${pattern}`;
  const known = scanners.get(key) ?? patternScanner([{ type, pattern, replacement: `<${type}>` }], { maxLength });
  scanners.set(key, known);
  return known;
}

function policyOf({ id, pattern, action, mode = "enforce", override, maxLength = 40 }: Looks): CompiledPolicy {
  const guard: TextGuard = {
    kinds: ["text"],
    scanner: scannerOf(id, pattern, maxLength),
    action,
    hit: (found) => ({
      rule: id,
      effect: action === "deny" ? "deny" : "warn",
      code: id,
      message: [...found].map(([type, count]) => `${type} ${count}`).join(),
      status: 403,
    }),
  };
  return {
    id: `org/${id}`,
    description: "",
    mode,
    onError: "deny",
    priority: 100,
    scope: {},
    uses: "test",
    reads: [],
    evaluate: {},
    answer: { texts: [guard] },
    ...(override && { override: () => ({ label: "exception:x", action: "allow" as never }) }),
  };
}

/** What goes out of a text that comes in these pieces, the findings, and the most that was held back. */
function filter(looks: readonly Looks[], pieces: readonly string[]) {
  const failures: unknown[] = [];
  const log = new AnswerLog("stream", emptyFacts(), (_, error) => void failures.push(error));
  const guards = new TextGuards(looks.map(policyOf), log);
  let out = "";
  let taken = 0;
  let held = 0;
  let denied: string | undefined;
  for (const [i, piece] of pieces.entries()) {
    taken += piece.length;
    const filtered = guards.push(channel, piece, i === pieces.length - 1);
    out += filtered.out;
    held = Math.max(held, taken - out.length);
    denied = filtered.denied?.code;
    if (denied !== undefined) break;
  }
  guards.conclude();
  return {
    out,
    denied,
    held,
    failures,
    findings: log.findings.map(({ code, effect, message }) => [code, effect, message]),
  };
}

const email: Looks = { id: "email", pattern: "[a-z]+@[a-z]+\\.[a-z]+", action: "redact" };
const digits: Looks = { id: "digits", pattern: "[0-9]{4}", action: "redact" };
const word: Looks = { id: "word", pattern: "stop", action: "deny" };

describe("what is looked for in a text that comes in pieces", () => {
  test.each([
    ["nothing is found", [email], ["hello ", "world"], "hello world", undefined],
    ["a find in one piece", [email], ["mail a@b.cd now"], "mail <email> now", undefined],
    ["a find over three", [email], ["mail a", "@b.", "cd now"], "mail <email> now", undefined],
    ["several guards", [email, digits], ["a@b.cd 12", "34 56"], "<email> <digits> 56", undefined],
    ["a deny, and what stands before it", [word, digits], ["go 1234 st", "op here"], "go <digits> ", "word"],
    ["a deny that lies after what is redacted", [word, email], ["a@b.cd sto", "p"], "<email> ", "word"],
    [
      "a find of which the other guard's is a part",
      [email, { ...digits, pattern: "cd|cd x" }],
      ["a@b.c", "d x"],
      "<email> x",
      undefined,
    ],
  ] as const)("%s", (_, looks, pieces, out, denied) => {
    expect(filter(looks, pieces)).toMatchObject({ out, denied, failures: [] });
  });

  test.each(["warn", "audit"] as const)("mode %s notes and changes nothing, and holds nothing back", (mode) => {
    const { out, denied, held, findings } = filter(
      [
        { ...word, mode },
        { ...email, mode },
      ],
      ["stop a", "@b.cd", " on"],
    );
    expect([out, denied, held]).toEqual(["stop a@b.cd on", undefined, 0]);
    const effect = mode === "warn" ? "warn" : "allow";
    expect(findings).toEqual([
      ["word", effect, "word 1"],
      ["email", effect, "email 1"],
    ]);
  });

  test("what is only noted is found however long it is and whatever went out before it", () => {
    const long: Looks = { id: "long", pattern: "<[a-z]{150}>", action: "warn", maxLength: 200 };
    for (let before = 0; before < 1_200; before += 40) {
      const text = `${" ".repeat(before)}<${"a".repeat(150)}> on`;
      for (const size of [1, 7, 100, text.length]) {
        const { out, held, findings } = filter([long], text.match(new RegExp(`.{1,${size}}`, "gs"))!);
        expect({ before, size, out, held, findings }).toEqual({
          ...{ before, size, out: text, held: 0 },
          findings: [["long", "warn", "long 1"]],
        });
      }
    }
  });

  test("what an exception keeps from its effect is noted and let through", () => {
    const { out, denied, findings } = filter([{ ...word, override: true }], ["do stop", " now"]);
    expect([out, denied, findings]).toEqual(["do stop now", undefined, [["word", "allow", "word 1"]]]);
  });

  test("findings say how often something was found, once for an answer", () => {
    const { findings } = filter([digits], ["1234 5678 ", "9012"]);
    expect(findings).toEqual([["digits", "warn", "digits 3"]]);
  });

  test("a scanner that throws is an error of its policy, and nothing more goes out", () => {
    const failing = policyOf(email);
    const scanner = {
      maxHeld: 4,
      scan(): never {
        throw new Error("no");
      },
    };
    const guarded = { ...failing, answer: { texts: [{ ...failing.answer!.texts![0]!, scanner }] } };
    const log = new AnswerLog("stream", emptyFacts(), () => undefined);
    expect(new TextGuards([guarded], log).push(channel, "hello", false)).toMatchObject({
      out: "",
      denied: { kind: "error", effect: "deny" },
    });
    const lenient = new TextGuards([{ ...guarded, onError: "allow" }], log);
    expect(lenient.push(channel, "hello", false)).toEqual({ out: "hello" });
    expect(lenient.push(channel, " you", true)).toEqual({ out: " you" });
  });

  test("however a text is cut, the same goes out and the same is found, and little is held back", () => {
    const text = fc
      .array(fc.constantFrom("a", "b", "@", ".", "12", "1234", "st", "op", " ", "ü", "😀"), { maxLength: 30 })
      .map((parts) => parts.join(""));
    const guards = fc.subarray<Looks>([email, digits, word, { ...digits, id: "pair", pattern: "[0-9]{2}b" }], {
      minLength: 1,
    });
    fc.assert(
      fc.property(text, guards, fc.array(fc.nat(60), { maxLength: 8 }), (whole, looks, cuts) => {
        const places = [...new Set(cuts.filter((at) => at < whole.length))].sort((a, b) => a - b);
        const pieces = [0, ...places].map((from, i) => whole.slice(from, places[i] ?? whole.length));
        const once = filter(looks, [whole]);
        const cut = filter(looks, pieces);
        expect([cut.out.isWellFormed(), cut.denied]).toEqual([true, once.denied]);
        if (once.denied === undefined) {
          expect([cut.out, cut.findings]).toEqual([once.out, once.findings]);
          expect(cut.held).toBeLessThanOrEqual(80);
        } else {
          // Where an answer ends in the middle, what others had not settled stays behind.
          expect(once.out.startsWith(cut.out) || cut.out.startsWith(once.out)).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
