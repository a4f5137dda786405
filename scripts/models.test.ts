import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { modelsJson } from "./models.ts";

const root = join(import.meta.dir, "..");
const collected = join(root, "..", "shared", "models.json");
const absent = !existsSync(collected);
if (absent && process.env.CI)
  throw new Error("the collected figures are absent: ../shared/models.json beside the project");

test.skipIf(absent)(
  `schema/models.json is made from the figures ${absent ? "(skipped: they are not here)" : ""}`,
  () => {
    const made = modelsJson(JSON.parse(readFileSync(collected, "utf8")));
    expect(readFileSync(join(root, "schema", "models.json"), "utf8")).toBe(made);
  },
);

test("figures of an unknown source are refused", () => {
  const row = { id: "m", source: "hearsay" } as never;
  expect(() => modelsJson({ models: [row] })).toThrow("m: the date of the source is not known: hearsay");
});
