import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parse } from "yaml";
import project from "../../package.json";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

describe("the workflow for pull requests on policies", async () => {
  const file = join(import.meta.dir, "../../.github/workflows/policies.yml");
  const workflow = parse(await Bun.file(file).text());
  const steps: readonly Step[] = workflow.jobs.policies.steps;
  const using = (action: string) => steps.find(({ uses }) => uses?.startsWith(`${action}@`))?.with;

  test("runs what the README tells everybody to run, on the pinned Bun", () => {
    expect(steps.at(-1)).toEqual({ run: "bun run sluice ci --mutate" });
    expect(using("oven-sh/setup-bun")).toEqual({ "bun-version": project.devDependencies.bun });
  });

  test("has the history that the base is read from", () => {
    expect(using("actions/checkout")).toMatchObject({ "fetch-depth": 0 });
  });

  test("may only read, and lends its token to nobody: what it checks out is somebody's proposal", () => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    expect(Object.keys(workflow.on)).toEqual(["pull_request"]);
    expect(using("actions/checkout")).toMatchObject({ "persist-credentials": false });
  });
});
