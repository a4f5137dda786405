import { describe, expect, test } from "bun:test";
import { coverageOf, type Standings, wordless } from "./coverage.ts";
import { surfaces } from "./phases.ts";
import type { CompiledPolicy } from "./policy.ts";

const quiet = () => null;

function covered(policy: Partial<CompiledPolicy>, known?: Standings) {
  const { cells } = coverageOf({ id: "org/a", mode: "enforce", scope: {}, evaluate: {}, ...policy }, known);
  return Object.fromEntries(cells.map(({ surface, stream, state }) => [`${surface}${stream ? "~" : ""}`, state]));
}

describe("a policy's coverage", () => {
  test("has a cell for each surface, whole and streamed", () => {
    const { policy, mode, cells } = coverageOf({ id: "org/a", mode: "warn", scope: {}, evaluate: { request: quiet } });
    expect([policy, mode]).toEqual(["org/a", "warn"]);
    expect(cells.map(({ surface, stream }) => [surface, stream])).toEqual(
      surfaces.flatMap((surface) => [
        [surface, false],
        [surface, true],
      ]),
    );
  });

  test.each([
    ["rules of the request", { request: quiet }, { whole: "enforced", streamed: "enforced" }],
    ["rules of the answer", { response: quiet }, { whole: "enforced", streamed: "held_back" }],
    ["rules of the finished call", { usage: quiet }, { whole: "recorded", streamed: "recorded" }],
    ["rules of request and answer", { request: quiet, response: quiet }, { whole: "enforced", streamed: "held_back" }],
    ["rules of request and call", { request: quiet, usage: quiet }, { whole: "enforced", streamed: "enforced" }],
    ["rules of a stream's events", { stream: quiet }, { whole: "not_asked", streamed: "enforced" }],
    ["nothing at all", {}, { whole: "not_asked", streamed: "not_asked" }],
  ] as const)("is, of %s", (_, evaluate, { whole, streamed }) => {
    const expected = surfaces.flatMap((surface) => [
      [surface, whole],
      [`${surface}~`, wordless.has(surface) ? "not_asked" : streamed],
    ]);
    expect(covered({ evaluate })).toEqual(Object.fromEntries(expected));
  });

  test("counts limits as rules of the request", () => {
    expect(covered({ limits: () => [] })).toMatchObject({ chat: "enforced", "messages~": "enforced" });
  });

  test.each([
    [{ surfaces: ["chat"] }, "enforced", "out_of_scope"],
    [{ except: { surfaces: ["chat"] } }, "out_of_scope", "enforced"],
    [{ except: { surfaces: ["chat"], env: ["prod"] } }, "enforced", "enforced"],
    [{ except: {} }, "out_of_scope", "out_of_scope"],
  ] as const)("leaves out what the scope %j leaves out", (scope, chat, messages) => {
    expect(covered({ scope, evaluate: { request: quiet } })).toMatchObject({ chat, messages });
  });

  test("is, of what is looked for in answers, that of the phase in which their words are seen", () => {
    const { cells } = coverageOf({ id: "org/a", mode: "enforce", scope: {}, evaluate: {}, answer: {} });
    expect(cells.slice(0, 2)).toEqual([
      { surface: "chat", stream: false, state: "enforced", phases: { response: "enforced" } },
      { surface: "chat", stream: true, state: "enforced", phases: { stream: "enforced" } },
    ]);
  });

  test("tells each phase by itself", () => {
    const { cells } = coverageOf({
      id: "org/a",
      mode: "enforce",
      scope: {},
      evaluate: { request: quiet, response: quiet, usage: quiet },
    });
    expect(cells[1]).toEqual({
      surface: "chat",
      stream: true,
      state: "held_back",
      phases: { request: "enforced", response: "held_back", usage: "recorded" },
    });
  });
});
