import { expect, test } from "bun:test";
import { join } from "node:path";
import { runtimeSettings } from "./runtime-settings.ts";

const names = Object.keys(runtimeSettings);
const program = `
  const { applyRuntimeSettings } = await import(${JSON.stringify(join(import.meta.dir, "runtime-settings.ts"))});
  applyRuntimeSettings();
  console.log(JSON.stringify({ pid: process.pid, env: process.env }));`;

/** What a program finds that applied the settings, started with this environment and none of them else. */
async function applied(env: Readonly<Record<string, string>>) {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.includes(name)));
  const child = Bun.spawn([process.execPath, "-e", program], { env: { ...own, ...env }, stdout: "pipe" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  const said = JSON.parse(text) as { pid: number; env: Record<string, string | undefined> };
  expect(said.pid).toBe(child.pid);
  return Object.fromEntries(names.map((name) => [name, said.env[name]]));
}

test("a process begins anew, as the same process, with what Bun reads before any code runs", async () => {
  expect(await applied({})).toEqual(runtimeSettings);
});

test.each(names)("what the operator set stays: %s", async (name) => {
  expect(await applied({ [name]: "123" })).toEqual({ ...runtimeSettings, [name]: "123" });
});

test("the image sets all of it, so that its process need not begin anew", async () => {
  const dockerfile = await Bun.file(join(import.meta.dir, "../../Dockerfile")).text();
  for (const [name, value] of Object.entries(runtimeSettings)) expect(dockerfile).toContain(` ${name}=${value}`);
});
