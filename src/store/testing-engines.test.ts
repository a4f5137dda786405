import { expect, test } from "bun:test";
import { Glob } from "bun";

/** Tests of one engine alone are named after it. */
const ofOneEngine = /^(sqlite|postgres)/;

test("whatever is kept in a database is tested on every engine", async () => {
  const names = [...new Glob("**/*.test.ts").scanSync(import.meta.dir)].filter((name) => !ofOneEngine.test(name));
  for (const name of names) {
    const text = await Bun.file(`${import.meta.dir}/${name}`).text();
    const used = /await using \w+ = await temporary(Store|Database)\(/.test(text);
    expect([name, !used || text.includes("testEngines")]).toEqual([name, true]);
  }
  expect(names.length).toBeGreaterThan(5);
});
