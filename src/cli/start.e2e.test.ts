import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";

const root = join(import.meta.dir, "..", "..");
const dirs: string[] = [];
const children: Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "sluice-start-"));
  dirs.push(dir);
  return dir;
}

/** Starts Sluice as a person would, and collects what it prints. */
function start(dataDir: string, ...flags: string[]) {
  const args = ["src/cli/main.ts", "start", "--port", "0", "--data-dir", dataDir, ...flags];
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "" },
  });
  children.push(child);
  let text = "";
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) text += decoder.decode(chunk, { stream: true });
  })();
  const printed = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const match = pattern.exec(text);
      if (match !== null) return match[1] ?? match[0];
      if ((await Promise.race([ended.then(() => "ended"), Bun.sleep(5)])) === "ended" && !pattern.test(text)) {
        throw new Error(`sluice ended without printing ${pattern}: ${await new Response(child.stderr).text()}`);
      }
    }
  };
  return { child, printed, text: () => text };
}

test("the first start prints where it listens, then an admin key, a gateway key and a curl line that works as pasted", async () => {
  const dir = newDir();
  const sluice = start(dir);
  const url = await sluice.printed(/sluice ready (http:\S+)\n/);
  expect(sluice.text().startsWith("sluice ready http://127.0.0.1:")).toBe(true);
  const curl = await sluice.printed(/(curl http.*)\n/);
  const { stdout, exitCode } = Bun.spawnSync(["sh", "-c", `${curl} -sS`]);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout.toString())).toMatchObject({
    choices: [{ message: { content: expect.stringContaining("hello") } }],
  });

  const adminKey = await sluice.printed(/admin key\s+(sla_\S+)/);
  const status = await fetch(`${url}/admin/v1/status`, { headers: { authorization: `Bearer ${adminKey}` } });
  expect(status.status).toBe(200);
  expect(statSync(join(dir, "admin-key")).mode & 0o777).toBe(0o600);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ status: "ready" });
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(
    'sluice_requests_total{surface="chat",status="200"} 1',
  );
});

test("more calls are under way at once than Bun lets a process send", async () => {
  const calls = 300;
  const held: Socket[] = [];
  const provider = createServer((socket) => {
    socket.on("error", () => undefined);
    held.push(socket);
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  const sluice = start(
    newDir(),
    "--openai-base-url",
    `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`,
  );
  const url = new URL(await sluice.printed(/sluice ready (http:\S+)\n/));
  const key = await sluice.printed(/gateway key\s+(slc_\S+)/);
  const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "hi" }] });
  // Sockets, because this process may not send more at once either.
  const clients = Array.from({ length: calls }, () => {
    const client = connect({ host: url.hostname, port: Number(url.port) });
    client.on("error", () => undefined);
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n`;
    client.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
    return client;
  });
  while (held.length < calls) await Bun.sleep(5);
  expect(held).toHaveLength(calls);
  for (const socket of [...clients, ...held]) socket.destroy();
  provider.close();
}, 30_000);

test("a later start prints no key, and keys of the first one still work", async () => {
  const dir = newDir();
  const first = start(dir);
  const key = await first.printed(/gateway key\s+(slc_\S+)/);
  await first.printed(/curl/);
  first.child.kill("SIGTERM");
  expect(await first.child.exited).toBe(0);

  const second = start(dir);
  const url = await second.printed(/sluice ready (http:\S+)\n/);
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "hi" }] }),
  });
  expect(response.status).toBe(200);
  await response.bytes();
  second.child.kill("SIGTERM");
  expect(await second.child.exited).toBe(0);
  expect(second.text()).toBe(`sluice ready ${url}\n`);
}, 30_000);

test("SIGTERM, however often it comes, stops accepting, lets a running stream finish, stores its row and exits 0", async () => {
  const dir = newDir();
  const first = start(dir);
  const url = await first.printed(/sluice ready (http:\S+)\n/);
  const key = await first.printed(/gateway key\s+(slc_\S+)/);
  const adminKey = await first.printed(/admin key\s+(sla_\S+)/);
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "sluice-echo": "chunks=20, chunk_ms=30, tokens=20" },
    body: JSON.stringify({ model: "echo", stream: true, messages: [{ role: "user", content: "one two three" }] }),
  });
  const reader = response.body!.getReader();
  await reader.read();
  // As from a terminal, where npm and scripts/run.mjs pass on what the terminal sends to everybody anyway.
  for (const signal of ["SIGTERM", "SIGINT", "SIGTERM"] as const) first.child.kill(signal);
  let text = "";
  for (const decoder = new TextDecoder(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  expect(text).toContain("[DONE]");
  expect(await first.child.exited).toBe(0);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();

  const second = start(dir);
  const again = await second.printed(/sluice ready (http:\S+)\n/);
  const id = response.headers.get("sluice-request-id");
  const records = await fetch(`${again}/admin/v1/usage/records?request_id=${id}`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  expect(await records.json()).toMatchObject({ data: [{ status: 200, stream: true, code: "" }] });
}, 30_000);

test("what still runs after the grace is cut off, and has its row", async () => {
  const dir = newDir();
  const first = start(dir, "--shutdown-grace-seconds", "0.1");
  const url = await first.printed(/sluice ready (http:\S+)\n/);
  const key = await first.printed(/gateway key\s+(slc_\S+)/);
  const adminKey = await first.printed(/admin key\s+(sla_\S+)/);
  const ask = (settings: string, stream: boolean) =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "sluice-echo": settings },
      body: JSON.stringify({ model: "echo", stream, messages: [{ role: "user", content: "one two three" }] }),
    });
  const response = await ask("chunks=900, chunk_ms=1000, tokens=900", true);
  await response.body!.getReader().read();
  const waiting = ask("fault=hang", false).then(
    () => "answered",
    () => "cut off",
  );
  first.child.kill("SIGTERM");
  expect(await first.child.exited).toBe(0);
  expect(await waiting).toBeString();

  const second = start(dir);
  const again = await second.printed(/sluice ready (http:\S+)\n/);
  const id = response.headers.get("sluice-request-id");
  const records = await fetch(`${again}/admin/v1/usage/records?request_id=${id}`, {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  expect(await records.json()).toMatchObject({ data: [{ status: 499, code: "client_closed", provenance: "partial" }] });
}, 30_000);

test("a setting that is wrong is refused with what was received and what is accepted, exit 2", async () => {
  const { child } = start(newDir(), "--max-body-bytes", "many");
  expect(await child.exited).toBe(2);
  const said = await new Response(child.stderr).text();
  expect(said).toContain("--max-body-bytes");
  expect(said).toContain("many");
});

describe("a start that cannot be is told in a sentence, without a stack:", () => {
  async function refused(...flags: string[]) {
    const dir = newDir();
    const { child, text } = start(dir, ...flags);
    const code = await child.exited;
    const said = await new Response(child.stderr).text();
    expect(text()).toBe("");
    expect(said).not.toContain("    at ");
    return { code, said, dir };
  }

  test("a port that is in use, and no keys are made that nobody would see", async () => {
    using taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const { code, said, dir } = await refused("--port", String(taken.port));
    expect(code).toBe(1);
    expect(readdirSync(dir)).toEqual([]);
    expect(said).toContain(`sluice: port ${taken.port} of 127.0.0.1 is in use`);
  });

  test("a data folder that is a file", async () => {
    const file = join(newDir(), "file");
    await Bun.write(file, "");
    expect(await refused("--data-dir", file)).toMatchObject({ code: 1, said: expect.stringContaining("EEXIST") });
  });

  test("a database that is none", async () => {
    const dir = newDir();
    await Bun.write(join(dir, "sluice.db"), "not a database".repeat(100));
    const { code, said } = await refused("--data-dir", dir);
    expect(code).toBe(1);
    expect(said).toContain("sluice.db cannot be used: file is not a database");
  });

  test("plugins that are not there", async () => {
    const { code, said } = await refused("--plugins-dir", join(newDir(), "none"));
    expect(code).toBe(3);
    expect(said).toContain("there is no such folder");
  });

  test("an admin key that is too short", async () => {
    const { code, said } = await refused("--admin-key", "short");
    expect(code).toBe(2);
    expect(said).toContain("at least 16 are needed");
  });
});

test("an unknown verb is refused with the known ones, exit 2", () => {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "src/cli/main.ts", "strat"], { cwd: root });
  expect(exitCode).toBe(2);
  expect(stderr.toString()).toContain("start");
});
