import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectSecurely } from "node:tls";
import { type Harness, startHarness } from "../gateway/e2e-harness.ts";
import { makeCertificate } from "./testing-certificate.ts";

/** Whatever the host header says, a path is what the request says it is: who guards paths in front of us relies on it. */
describe.each([["http"], ["https"]] as const)("over %s", (scheme) => {
  let sluice: Harness;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-hosts-"));
    const tls = { cert_file: join(folder, "tls.crt"), key_file: join(folder, "tls.key") };
    const { cert, key } = makeCertificate("hosts");
    writeFileSync(tls.cert_file, cert);
    writeFileSync(tls.key_file, key);
    sluice = await startHarness(scheme === "http" ? {} : { config: { tls } });
  });
  afterAll(async () => {
    await sluice[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const ask = (path: string, host: string | null): Promise<{ status: number; text: string }> => {
    const port = Number(new URL(sluice.url).port);
    const socket =
      scheme === "http"
        ? connect(port, "127.0.0.1")
        : connectSecurely({ port, host: "127.0.0.1", rejectUnauthorized: false });
    const head = host === null ? `GET ${path} HTTP/1.0\r\n` : `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
    socket.write(`${head}authorization: Bearer ${sluice.adminKey}\r\nconnection: close\r\n\r\n`);
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.on("close", () => resolve({ status: Number(text.slice(9, 12)), text }));
    socket.on("error", reject);
    return promise;
  };

  const odd = [
    "x",
    "gw",
    "api",
    "a/b",
    "abcdefgh/admin/v1/status?",
    "a b",
    "a@b",
    "h#x",
    "[",
    "a%zz",
    "host:99999",
    "",
  ];

  test.each(["sluice", "gw:8787", "127.0.0.1", "[::1]", ...odd, null])("%p as host hides no path", async (host) => {
    const statuses = {
      "/healthz": 200,
      "/readyz": 200,
      "/admin/v1/status": 200,
      "/admin/v1/applications/demo": 200,
      "/admin/v1/applications?x=/admin/v1/status": 400,
      "/v1/models": 401,
      "/v1/admin/v1/status": 404,
      "/v1/xxxxxxxx/admin/v1/status": 404,
      "/x/healthz": 404,
      "/nothing?/healthz": 404,
    };
    for (const [path, status] of Object.entries(statuses)) {
      const answer = await ask(path, host);
      expect([path, answer.status]).toEqual([path, status]);
      for (const inner of [import.meta.dir, ".ts", "<html"]) expect(answer.text).not.toContain(inner);
    }
  });
});

test("where a request comes from is known whatever its host is", async () => {
  const config = { trusted_proxies: ["127.0.0.1"], admin: { failed_attempts_per_minute: 1 } };
  await using sluice = await startHarness({ config });
  const ask = async (path: string, key: string, from: string) => {
    const headers = { host: "x", authorization: `Bearer ${key}`, "x-forwarded-for": from };
    return (await fetch(sluice.url + path, { headers })).status;
  };
  const mint = { method: "POST", body: { application: "demo", networks: ["192.0.2.1"] } };
  const key = String((await sluice.admin("keys", mint)).key);
  expect([await ask("/v1/models", key, "192.0.2.1"), await ask("/v1/models", key, "192.0.2.2")]).toEqual([200, 403]);
  const statuses = [];
  for (const from of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) {
    statuses.push(await ask("/admin/v1/status", "sla_wrong", from));
  }
  expect(statuses).toEqual([401, 429, 401]);
});
