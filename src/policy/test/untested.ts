import type { LoadOptions } from "../load.ts";
import type { Problem } from "../problem.ts";
import { measureCoverage, type PolicyCoverage } from "./coverage.ts";
import { openSuite } from "./suite.ts";

/**
 * Rules that no case of a test file makes fire, those of the library included; whether the cases pass is for
 * `sluice test` to say. Of a policy type the whole counts as one rule.
 *
 * @returns what is wrong with the test files instead, when something is
 */
export async function untestedRules(options: LoadOptions): Promise<readonly Problem[]> {
  const suite = await openSuite(options);
  if ("problems" in suite) return suite.problems;
  try {
    const coverage = await measureCoverage(suite, suite.subjects.ids());
    return coverage.flatMap((policy) => {
      const file = suite.subjects.file(policy.policy)!;
      return untested(policy, file.label, file.text.split("\n"));
    });
  } finally {
    await suite.close();
  }
}

function untested({ policy, tested, rules }: PolicyCoverage, label: string, lines: readonly string[]): Problem[] {
  const problem = (line: number, column: number, message: string): Problem => {
    const excerpt = lines[line - 1];
    return { code: "C074", file: label, line, column, length: 1, message, ...(excerpt !== undefined && { excerpt }) };
  };
  if (!tested) {
    const name = label.slice(label.lastIndexOf("/") + 1).replace(/(\.policy)?\.\w+$/, ".test.yaml");
    return [problem(1, 1, `no test names the policy '${policy}'; write ${name} beside it`)];
  }
  return rules
    .filter(({ hit }) => !hit)
    .map(({ rule, line, column }) =>
      problem(line, column, `no test makes '${rule}' fire; add a case in which it does`),
    );
}
