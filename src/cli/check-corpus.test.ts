import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { badFiles } from "../policy/bad-files.cases.ts";
import { testFolder } from "../policy/testing.ts";
import { runCheck } from "./check.ts";

const pluginsDir = fileURLToPath(new URL("../../plugins", import.meta.url));

/** One folder for each numbered check; the loader, which is the same, is tested with all of them. */
const cases = [...new Map(badFiles.toReversed().map((bad) => [bad.problems[0]![1], bad])).values()];

test.each(cases.map((bad) => [bad.name, bad] as const))(
  "sluice check says where it is, what was found and what is accepted: %s",
  async (_, { files, problems }) => {
    await using folder = await testFolder(files);
    const lines: string[] = [];
    const print = (line: string) => void lines.push(line);
    expect(await runCheck({ policiesDir: folder.dir, pluginsDir, format: "text", print })).toBe(3);
    const output = lines.join("\n");
    for (const [at, code, message] of problems) expect(output).toContain(`${at}  ${code}  ${message}`);
    expect(lines.at(-1)).toEndWith(`, ${problems.length} ${problems.length === 1 ? "problem" : "problems"}`);
  },
);
