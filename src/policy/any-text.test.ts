import { expect, test } from "bun:test";
import fc from "fast-check";
import { loadPolicies } from "./load.ts";
import { formatProblem } from "./problem.ts";
import { testFolder, testOptions } from "./testing.ts";

/** Lines that files of some kind are made of, well or badly. */
const lines: Readonly<Record<string, readonly string[]>> = {
  "org/a.policy.yaml": [
    "rules:",
    "  - then: deny",
    "    when: request.stream",
    "    when: |",
    "      request.modl",
    "uses: request_size",
    "uses: library/a",
    "with: { max_request_bytes: 5 }",
    "variables: { a: request.bytes }",
    "  a: &x vars.a",
    "match: [*x]",
    "- 1",
    "{",
    "'",
    "scope: { env: [] }",
    "params: { a: { type: int, default: '1' } }",
    "\ta: b",
    "? [a]: b",
    "!!js/function 'x'",
    "%YAML 1.1",
    "---",
    "\r",
    "phase: usage",
    "    message: '{vars.a} {now}'",
  ],
  "org/a.cel": [
    '//! deny: a 403 "b {model}"',
    '//! deny: a 403 "b \\',
    "//! warn: a",
    "//! description: x: y # z",
    "//! mode: audit\r",
    "//! scope: { env: [prod",
    "//! params: { a: { type: int, default: 5 } }",
    "//!",
    " //! mode: audit",
    "// note",
    "\t",
    "request.stream",
    "&& request.bytes < params.a",
    '"😀" == model',
    "// end",
  ],
  "org/a.data.yaml": [
    "lists:",
    "tables:",
    "  a: [b]",
    "  a: { b: c }",
    "  __proto__: [a]",
    "  b: { __proto__: 1 }",
    "a",
  ],
  "org/a.exception.yaml": [
    "policy: org/b",
    "rule: r",
    "scope: { apps: [a] }",
    "owner: a",
    "reason: b",
    "expires: 2027-01-01",
    "expires: 2027-99-01",
    "- a",
  ],
  "sluice.yaml": [
    "default: deny",
    "locked: [org/b]",
    "locked: ['[']",
    "layers: [org]",
    "layers: [a]",
    "database: {}",
    "]",
  ],
};

test.each(Object.entries(lines))(
  "whatever %s says, the answer is a set or problems inside the file",
  async (path, known) => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 80 }),
      fc.array(fc.constantFrom(...known), { maxLength: 12 }).map((chosen) => chosen.join("\n")),
    );
    await using folder = await testFolder({
      "org/b.policy.yaml": "rules: [{ id: r, when: request.stream, then: deny }]",
      "library/a.policy.yaml": "rules: [{ when: request.stream, then: deny }]",
    });
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        await folder.write(path, content);
        const result = await loadPolicies(testOptions(folder.dir));
        if (result.ok) return;
        expect(result.problems.length).toBeGreaterThan(0);
        const written = content.split("\n");
        for (const problem of result.problems) {
          expect(problem.file).toBe(`policies/${path}`);
          expect(problem.line).toBeLessThanOrEqual(Math.max(1, written.length));
          expect(problem.column).toBeLessThanOrEqual((written[problem.line - 1] ?? "").length + 1);
          expect(formatProblem(problem)).toContain(problem.message);
        }
      }),
      { numRuns: 200 },
    );
  },
  30_000,
);
