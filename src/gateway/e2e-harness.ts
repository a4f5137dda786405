/** For end-to-end tests: a whole Sluice on a free port, with its own files, in front of a stand-in provider. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { loadConfig } from "../config.ts";
import { type Replaced, type Running, startSluice } from "../main.ts";

const root = join(import.meta.dir, "..", "..");

/** What a test may set; everything else is as a newcomer's. */
export interface HarnessOptions {
  /** Policy files by path below the policies folder; a folder with one harmless policy when absent. */
  readonly policies?: Readonly<Record<string, string>>;
  /** Base URL of the stand-in, without a path; the providers named after the kinds point to it. */
  readonly upstream?: string;
  /** More keys of sluice.config.yaml. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Parts in the place of usual ones. */
  readonly replaced?: Replaced;
}

/** A running Sluice and its files. */
export interface Harness extends AsyncDisposable {
  readonly url: string;
  readonly adminKey: string;
  /** The demo application's gateway key. */
  readonly key: string;
  readonly running: Running;
  readonly dir: string;
  /** Writes a policy file; the watcher sees it. */
  writePolicy(path: string, text: string): void;
  /** Calls the admin API and answers its JSON. */
  admin(path: string, init?: { method?: string; body?: unknown }): Promise<Record<string, unknown>>;
  /** The one ledger row of a request. */
  ledger(requestId: string | null): Promise<Record<string, unknown>>;
  /** A plain call with the demo key. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}

/** The provider's key that tests look for where it must not be. */
export const providerKey = "sk-stand-in-provider-key-5f1d";

const harmless = {
  "org/size.policy.yaml":
    "description: Bodies are bounded.\nuses: request_size\nwith: { max_request_bytes: 30000000 }\n",
};

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-e2e-"));
  const policiesDir = join(dir, "policies");
  const write = (path: string, text: string) => {
    const file = join(policiesDir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  mkdirSync(policiesDir);
  for (const [path, text] of Object.entries(options.policies ?? harmless)) write(path, text);
  const upstream = options.upstream;
  const providers = upstream && {
    openai: { kind: "openai", base_url: `${upstream}/v1`, api_key: providerKey },
    anthropic: { kind: "anthropic", base_url: upstream, api_key: providerKey },
    azure: { kind: "azure", base_url: upstream, api_key: providerKey, api_version: "2024-10-21" },
    gemini: { kind: "gemini", base_url: upstream, api_key: providerKey },
    cohere: { kind: "cohere", base_url: upstream, api_key: providerKey },
  };
  writeFileSync(join(dir, "sluice.config.yaml"), stringify({ ...(providers && { providers }), ...options.config }));

  const config = loadConfig({
    argv: [
      "--port",
      "0",
      "--policies-dir",
      policiesDir,
      "--data-dir",
      join(dir, "data"),
      "--plugins-dir",
      join(root, "plugins"),
      "--log-level",
      "silent",
    ],
    env: {},
    cwd: dir,
  });
  const running = await startSluice(config, options.replaced);
  const { url, adminKey, demoKey } = running;

  const admin: Harness["admin"] = async (path, init = {}) => {
    const response = await fetch(`${url}/admin/v1/${path}`, {
      method: init.method ?? "GET",
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      ...(init.body !== undefined && { body: JSON.stringify(init.body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  };

  return {
    url,
    adminKey,
    key: demoKey,
    running,
    dir,
    writePolicy: write,
    admin,
    async ledger(requestId) {
      if (requestId === null) throw new Error("the answer had no sluice-request-id");
      // The row is written when the call has ended, which is after its last byte.
      return until(async () => {
        const { data } = (await admin(`usage/records?request_id=${requestId}`)) as { data: Record<string, unknown>[] };
        return data[0];
      });
    },
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${demoKey}`, "content-type": "application/json", ...headers },
        body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      await running.close(0);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Asks again until the answer is there; the test's own time-out ends it. */
export async function until<T>(ask: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await Bun.sleep(2);
  }
}

/** A stand-in provider: answers as the test says. */
export function standIn(answer: (request: Request) => Response | Promise<Response>): { url: string } & Disposable {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: answer });
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.dispose]: () => void server.stop(true) };
}
