import type { Finding } from "../../core/decision.ts";
import type { Path } from "../document.ts";
import type { Outcome } from "./run.ts";
import type { Expectation } from "./schema.ts";

/** One thing that came otherwise than expected. */
export interface Mismatch {
  /** Inside the case's `expect`. */
  readonly path: Path;
  readonly expected: unknown;
  readonly got: unknown;
}

/** What is expected of the first finding. */
const ofFirst = ["policy", "rule", "would", "code", "status", "message", "override", "headers"] as const;

/** Compares what came of a case with what was expected. Empty when all is as expected. */
export function mismatches(expect: Expectation, { decision, modifications, limits }: Outcome): readonly Mismatch[] {
  const found: Mismatch[] = [];
  const compare = (path: Path, expected: unknown, got: unknown) => {
    if (expected !== undefined && !matches(expected, got)) found.push({ path, expected, got });
  };
  compare(["decision"], expect.decision, decision.effect);
  compare(["outcome"], expect.outcome, decision.outcome);
  const [first] = decision.findings;
  for (const key of ofFirst) compare([key], expect[key], first?.[key]);
  if (expect.findings !== undefined) {
    compareLists(["findings"], expect.findings, decision.findings.map(shown), found);
  }
  if (expect.modifications !== undefined && !Bun.deepEquals(expect.modifications, modifications)) {
    found.push({ path: ["modifications"], expected: expect.modifications, got: modifications });
  }
  if (expect.limits !== undefined) compareLists(["limits"], expect.limits, limits, found);
  return found;
}

/** Elements are compared where both lists have them; a list of another length is one mismatch. */
function compareLists(path: Path, expected: readonly unknown[], got: readonly unknown[], found: Mismatch[]): void {
  if (expected.length !== got.length) {
    found.push({ path, expected, got });
    return;
  }
  for (const [i, one] of expected.entries()) {
    if (!matches(one, got[i])) found.push({ path: [...path, i], expected: one, got: got[i] });
  }
}

/** What a report shows of a finding: all that a test can expect of one. */
function shown(finding: Finding): object {
  const { policy, rule, effect, would, code, message, status, override, headers } = finding;
  return { policy, rule, effect, would, code, message, status, override, headers };
}

/** Whether a value is what was expected; of maps only what is named is looked at. */
function matches(expected: unknown, got: unknown): boolean {
  if (typeof expected !== "object" || expected === null || Array.isArray(expected))
    return Bun.deepEquals(expected, got);
  if (typeof got !== "object" || got === null) return false;
  return Object.entries(expected).every(([key, value]) => matches(value, (got as Record<string, unknown>)[key]));
}
