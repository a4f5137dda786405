import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sluice } from "./testing.ts";

const root = join(import.meta.dir, "..", "..");

/** The first block of shell commands below a heading of a document. */
function commandsOf(document: string, heading: string): string {
  const text = readFileSync(join(root, document), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  const [, commands] = /^```sh\n(.*?)^```/ms.exec(section ?? "") ?? [];
  if (commands === undefined) throw new Error(`${document} has no commands below '${heading}'`);
  return commands;
}

/** Runs commands in a shell that stops at the first one that fails. */
async function shell(commands: string, cwd: string) {
  const child = Bun.spawn(["bash", "-euo", "pipefail", "-c", commands], {
    cwd,
    env: { ...process.env, PATH: `${join(process.execPath, "..")}:${process.env.PATH}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

/** A gateway of its own, with its data folder in a folder that goes with it. */
async function startGateway() {
  const dir = await mkdtemp(join(tmpdir(), "sluice-documents-"));
  const args = ["src/cli/main.ts", "start", "--port", "0", "--data-dir", join(dir, "data"), "--log-level", "error"];
  const child = Bun.spawn([process.execPath, ...args], { cwd: root, stdout: "pipe", stderr: "ignore" });
  const decoder = new TextDecoder();
  let printed = "";
  let url: string | undefined;
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk, { stream: true });
    url = /sluice ready (http:\S+)\n/.exec(printed)?.[1];
    if (url !== undefined) break;
  }
  if (url === undefined) throw new Error(`the gateway did not start: ${printed}`);
  return {
    dir,
    url,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

test.each(["OPERATIONS.md", "SECURITY.md"])("%s names settings that there are", (document) => {
  const [text, settings] = [document, "CONFIGURATION.md"].map((file) => readFileSync(join(root, file), "utf8"));
  const places = "admin|database|jwks|jwt|redis|replicas|retention|tls|tracing|upstream";
  const named = text!.match(new RegExp(`(?<=\`)(?:${places})\\.[a-z_]+(?=\`)|\\b[A-Z]+_[A-Z_]+\\b`, "g")) ?? [];
  expect(named.length).toBeGreaterThan(3);
  // The runtime's own.
  const foreign = ["NODE_EXTRA_CA_CERTS"];
  expect(
    named.filter((name) => !foreign.includes(name) && !settings!.includes(`\`${name.replace(/_FILE$/, "")}\``)),
  ).toEqual([]);
});

test("the commands that README.md gives to newcomers work as they stand", async () => {
  await using gateway = await startGateway();
  const commands = commandsOf("README.md", "Run it over HTTP").replace(
    "URL=http://127.0.0.1:8787",
    `URL=${gateway.url}`,
  );
  const { code, out, err } = await shell(commands, gateway.dir);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain('"id":"support-bot"');
  expect(out).toContain('"object":"chat.completion"');
  expect(out).toMatch(/"requests":1,/);
  expect(out).toContain('"valid":true');
});

test("the commands that OPERATIONS.md gives for a backup and for putting it back work as they stand", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sluice-documents-"));
  try {
    const text = readFileSync(join(root, "OPERATIONS.md"), "utf8");
    const [backup, restore] = [...text.matchAll(/^npm run sluice -- ((?:backup|audit|restore) .*)$/gm)]
      .map(([, arguments_]) => arguments_!)
      .reduce<[string[], string[]]>(
        ([before, after], line) => {
          (line.startsWith("restore") ? after : before).push(line);
          return [before, after];
        },
        [[], []],
      );
    expect([backup, restore]).toEqual([["backup sluice.backup", "audit verify"], ["restore sluice.backup --replace"]]);

    const run = (line: string) =>
      sluice(line.replace("sluice.backup", join(dir, "sluice.backup")).split(" "), {
        SLUICE_DATA_DIR: join(dir, "data"),
      });
    // In a process of its own: one that has used a database may hold on to it for a while.
    const create = async (name: string) => {
      const program = `
        const { openStore } = await import(${JSON.stringify(join(root, "src/store/store.ts"))});
        const store = await openStore({ path: ${JSON.stringify(join(dir, "data", "sluice.db"))}, clock: Date });
        await store.applications.create({ organisation: "default", team: "", name: "${name}", labels: {} }, "test");
        await store.close();`;
      expect(await Bun.spawn([process.execPath, "-e", program]).exited).toBe(0);
    };
    await mkdir(join(dir, "data"));
    await create("kept");
    for (const line of backup!) expect([line, await run(line)]).toEqual([line, expect.objectContaining({ code: 0 })]);
    await create("lost");
    for (const line of restore!) expect([line, await run(line)]).toEqual([line, expect.objectContaining({ code: 0 })]);
    const { out } = await run("apps list");
    expect([out.includes("kept"), out.includes("lost")]).toEqual([true, false]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
