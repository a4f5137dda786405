import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { Elysia } from "elysia";
import { type Harness, standIn, startHarness, until } from "../gateway/e2e-harness.ts";
import { listen } from "./listen.ts";
import { makeCertificate } from "./testing-certificate.ts";
import { readCertificate } from "./tls.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-tls-"));
const certFile = join(folder, "tls.crt");
const keyFile = join(folder, "tls.key");

function install({ cert, key }: { cert: string; key: string }): void {
  // As deployments do: written elsewhere, then put in the place of the other.
  for (const [file, text] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }
}

/** The other half of a stream that the test lets go on. */
let goOn: () => void = () => undefined;
const provider = standIn(() => {
  const encoder = new TextEncoder();
  const chunk = (content: string) =>
    encoder.encode(
      `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`,
    );
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(chunk("before"));
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      controller.enqueue(chunk("after"));
      controller.enqueue(encoder.encode("data: [DONE]\n\n"));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
});

let sluice: Harness;
let port: number;
beforeAll(async () => {
  install(makeCertificate("first"));
  sluice = await startHarness({ upstream: provider.url, config: { tls: { cert_file: certFile, key_file: keyFile } } });
  port = Number(new URL(sluice.url).port);
});
afterAll(async () => {
  goOn();
  await sluice[Symbol.asyncDispose]();
  provider[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** A connection as any TLS client makes it. */
async function open(options: { maxVersion?: "TLSv1.1" | "TLSv1.2"; minVersion?: "TLSv1" } = {}): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false, ...options });
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", reject);
  });
}

async function servedName(): Promise<string> {
  const socket = await open();
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

/** All that a connection says, as it comes. */
function listening(socket: TLSSocket): { text: string; closed: boolean } {
  const heard = { text: "", closed: false };
  socket.on("data", (chunk: Buffer) => {
    heard.text += chunk.toString();
  });
  socket.on("close", () => {
    heard.closed = true;
  });
  return heard;
}

function ask(socket: TLSSocket, method: string, path: string, body?: object): void {
  const text = body === undefined ? "" : JSON.stringify(body);
  const key = path.startsWith("/admin") ? sluice.adminKey : sluice.key;
  const headers = `host: localhost\r\nauthorization: Bearer ${key}\r\ncontent-length: ${Buffer.byteLength(text)}`;
  socket.write(`${method} ${path} HTTP/1.1\r\n${headers}\r\n\r\n${text}`);
}

const status = async (url: string) => {
  const socket = await open();
  const heard = listening(socket);
  ask(socket, "GET", url);
  await until(() => heard.text.includes("\r\n\r\n") && /\}\s*(0\s*)?$/.test(heard.text));
  socket.destroy();
  return heard.text;
};

describe("HTTPS", () => {
  test("is what the gateway says that it serves, on every part of it", async () => {
    expect(sluice.url).toStartWith("https://127.0.0.1:");
    expect(await servedName()).toBe("first");
    for (const path of ["/healthz", "/readyz", "/admin/v1/status", "/v1/models"]) {
      expect(await status(path)).toStartWith("HTTP/1.1 200 OK");
    }
  });

  test("is found alive by the image's health check, as HTTP is", async () => {
    const dockerfile = await Bun.file(join(import.meta.dir, "..", "..", "Dockerfile")).text();
    const [, command] = /^HEALTHCHECK[^[]*?CMD (\[.*\])$/m.exec(dockerfile) ?? [];
    const [, ...args] = JSON.parse(command!) as string[];
    const plain = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({ status: "ok" }) });
    const gone = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(null, { status: 503 }) });
    const check = (at: number) =>
      Bun.spawn([process.execPath, ...args], { env: { ...process.env, SLUICE_PORT: String(at) }, stderr: "ignore" })
        .exited;
    expect([await check(port), await check(plain.port!), await check(gone.port!)]).toEqual([0, 0, 1]);
    await Promise.all([plain.stop(true), gone.stop(true)]);
  });

  test("is not shared with a second start on its port", () => {
    const again = () =>
      listen(new Elysia(), { hostname: "127.0.0.1", port, certificate: readCertificate({ certFile, keyFile }) });
    expect(again).toThrow(expect.objectContaining({ code: "EADDRINUSE", syscall: "listen" }));
  });

  test("takes no connection in plain text and none of an old version", async () => {
    expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
    expect(open({ minVersion: "TLSv1", maxVersion: "TLSv1.1" })).rejects.toThrow();
    (await open({ maxVersion: "TLSv1.2" })).destroy();
  });

  test("gives new connections a renewed certificate, while others knock and what runs goes on", async () => {
    const running = await open();
    const heard = listening(running);
    ask(running, "POST", "/v1/chat/completions", {
      model: "gpt-4o",
      stream: true,
      messages: [{ role: "user", content: "hello" }],
    });
    await until(() => heard.text.includes("before"));

    const failures: string[] = [];
    const names: string[] = [];
    let over = false;
    const knock = () => servedName().then((name) => names.push(name));
    // One that has not asked for anything may be closed in the moment of the change, as idle ones are; none is refused,
    // and the next one is served.
    const again = (error: NodeJS.ErrnoException) => {
      failures.push(String(error.code));
      return knock();
    };
    const knocking = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (!over) await knock().catch(again);
      }),
    );
    install(makeCertificate("second"));
    await until(() => names.at(-1) === "second");
    over = true;
    await knocking;
    expect(failures.filter((code) => code !== "ECONNRESET")).toEqual([]);
    expect(failures.length).toBeLessThanOrEqual(4);
    expect(names).toContain("first");
    expect(await servedName()).toBe("second");

    expect([heard.closed, heard.text.includes("after")]).toEqual([false, false]);
    goOn();
    await until(() => heard.text.includes("[DONE]"));
    expect(heard.text).toContain("after");
    expect(await status("/readyz")).toContain('"status":"ready"');
  });

  test("stays with the certificate it has when files do not fit, and says so until they do", async () => {
    const before = await servedName();
    const third = makeCertificate("third");
    writeFileSync(certFile, third.cert);
    await until(async () => (await status("/readyz")).includes('"name":"tls"'));
    expect(await status("/readyz")).not.toContain(certFile);
    const degraded = await status("/admin/v1/status");
    expect(degraded).toContain('"name":"tls","state":"degraded"');
    expect(degraded).toContain("does not belong to the certificate");
    expect(degraded).not.toContain("PRIVATE KEY");
    expect(await servedName()).toBe(before);
    writeFileSync(keyFile, third.key);
    await until(async () => (await servedName().catch(() => "")) === "third");
    expect(await status("/readyz")).toContain('"status":"ready"');
    expect(await status("/admin/v1/status")).toContain("DNS:localhost");
  });
});
