import { expect, test } from "bun:test";
import { join } from "node:path";

/** The modules that a program has loaded after it imported all that main.ts imports. */
const program = `
await import(${JSON.stringify(join(import.meta.dir, "../../main.ts"))});
console.log(JSON.stringify(Object.keys(require.cache)));
`;

test("without an address of Redis its library is not loaded", async () => {
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
  const loaded = JSON.parse(await new Response(child.stdout).text()) as string[];
  expect(loaded.some((file) => file.includes("elysia"))).toBe(true);
  expect(loaded.filter((file) => /node_modules.ioredis/.test(file))).toEqual([]);
});
