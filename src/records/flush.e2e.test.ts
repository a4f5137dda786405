import { expect, test } from "bun:test";
import { join } from "node:path";
import { openStore } from "../store/store.ts";
import { temporaryFolder } from "../store/testing.ts";

const root = join(import.meta.dir, "..", "..");

test.each([
  ["a failure that nothing catches", "throw new Error('a bug')"],
  ["a rejection that nothing catches", "void Promise.reject(new Error('a bug'))"],
])(
  "%s ends the process, and what was recorded is stored before",
  async (_, failure) => {
    await using folder = await temporaryFolder();
    const preload = join(folder.path, "fail.ts");
    await Bun.write(preload, `process.on("SIGUSR2", () => { ${failure}; });`);
    const args = ["--preload", preload, "src/cli/main.ts", "start", "--port", "0", "--data-dir", folder.path];
    const child = Bun.spawn([process.execPath, ...args], {
      cwd: root,
      env: { PATH: process.env.PATH ?? "" },
      stdout: "pipe",
      stderr: "pipe",
    });
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes("try it:")) break;
    }
    const [, url] = /ready (\S+)/.exec(text)!;
    const [, key] = /gateway key {2}(\S+)/.exec(text)!;
    const body = JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hello" }] });
    for (let i = 0; i < 20; i += 1) {
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
      const answer = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body });
      expect(answer.status).toBe(200);
      await answer.text();
    }
    child.kill("SIGUSR2");
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toContain("a bug");
    const store = await openStore({ path: join(folder.path, "sluice.db"), clock: Date });
    expect((await store.usage.totals({})).requests).toBe(20);
    expect(await store.audit.verify()).toMatchObject({ valid: true });
    await store.close();
  },
  60_000,
);
