/** For end-to-end tests: several real gateway processes over one database file, in front of the simulated provider. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../../..");
const adminKey = "an-admin-key-for-tests-only";

/** One gateway process. */
export interface Replica {
  readonly url: string;
  /** Calls the admin API; answers status and JSON. */
  admin(method: string, path: string, body?: unknown): Promise<Answered>;
  /** Asks a model with a gateway key; answers the status and, of a refusal, its code. */
  ask(key: string, model?: string): Promise<{ readonly status: number; readonly code: string | undefined }>;
  get(path: string, key: string): Promise<Answered>;
  metrics(): Promise<string>;
  readonly process: Bun.Subprocess;
}

/** An answer of the admin API. */
export interface Answered {
  readonly status: number;
  /** `null` of an empty body. */
  readonly json: ReturnType<JSON["parse"]>;
}

/** Gateway processes that share their files. */
export interface Fleet extends AsyncDisposable {
  readonly replicas: readonly Replica[];
  readonly dir: string;
  /** The demo application's key, which one of them made. */
  readonly key: string;
  start(): Promise<Replica>;
  writePolicy(path: string, text: string): void;
  removePolicy(path: string): void;
}

const harmless = "description: Bodies are bounded.\nuses: request_size\nwith: { max_request_bytes: 30000000 }\n";

/**
 * Starts so many processes.
 *
 * @param flags more flags for each of them
 */
export async function startFleet(count: number, ...flags: readonly string[]): Promise<Fleet> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-fleet-"));
  const children: Bun.Subprocess[] = [];
  const keys: string[] = [];
  const writePolicy = (path: string, text: string) => {
    const file = join(dir, "policies", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  writePolicy("org/size.policy.yaml", harmless);

  // With a database that is not in the data folder, replicas share no folder but that of the policies.
  const apart = flags.includes("--database-url");
  const start = async (): Promise<Replica> => {
    const data = apart ? `data-${children.length}` : "data";
    const child = Bun.spawn(
      [
        ...[process.execPath, join(root, "src/cli/main.ts"), "start", "--port", "0", "--log-level", "error"],
        ...["--data-dir", join(dir, data), "--policies-dir", join(dir, "policies")],
        ...["--plugins-dir", join(root, "plugins"), ...flags],
      ],
      { cwd: dir, env: { SLUICE_ADMIN_KEY: adminKey }, stdout: "pipe", stderr: "inherit" },
    );
    children.push(child);
    const { url, key } = await readStart(child);
    if (key !== undefined) keys.push(key);
    return toReplica(url, child);
  };

  const dispose = async () => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(({ exited }) => exited));
    rmSync(dir, { recursive: true, force: true });
  };
  let replicas: readonly Replica[];
  try {
    replicas = await Promise.all(Array.from({ length: count }, start));
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    replicas,
    dir,
    get key() {
      return keys[0]!;
    },
    start,
    writePolicy,
    removePolicy: (path) => rmSync(join(dir, "policies", path)),
    [Symbol.asyncDispose]: dispose,
  };
}

/** What the first lines of a process say: all come at once. */
async function readStart(child: Bun.Subprocess): Promise<{ url: string; key: string | undefined }> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout as ReadableStream<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const url = /^sluice ready (\S+)\n/.exec(text)?.[1];
    if (url !== undefined) return { url, key: /^gateway key {2}(\S+)$/m.exec(text)?.[1] };
  }
  throw new Error(`the process ended with ${await child.exited}: ${text}`);
}

function toReplica(url: string, child: Bun.Subprocess): Replica {
  const admin: Replica["admin"] = async (method, path, body) => {
    const response = await fetch(`${url}/admin/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, json: text === "" ? null : JSON.parse(text) };
  };
  return {
    url,
    admin,
    process: child,
    async ask(key, model = "gpt-4o") {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
      });
      const body = (await response.json()) as { error?: { code?: string } };
      return { status: response.status, code: body.error?.code };
    },
    async get(path, key) {
      const response = await fetch(url + path, { headers: { authorization: `Bearer ${key}` } });
      return { status: response.status, json: await response.json() };
    },
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
  };
}
