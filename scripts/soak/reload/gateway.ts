import { readFile } from "node:fs/promises";
import { join } from "node:path";

const root = join(import.meta.dir, "..", "..", "..");

/** A gateway in a process of its own, as somebody would start it. */
export interface StartedGateway {
  readonly url: string;
  /** The gateway key of the demo application. */
  readonly key: string;
  /** Resident memory of the process, in bytes. */
  memory(): Promise<number>;
  /** Ends the process; answers what it wrote to its log. */
  stop(): Promise<string>;
  /** Ends the process with SIGKILL. */
  kill(): Promise<void>;
}

/**
 * Starts a gateway on a free port that has nothing but these policies and the echo provider.
 *
 * @param more further flags
 */
export async function startGateway(
  policiesDir: string,
  dataDir: string,
  more: readonly string[] = [],
): Promise<StartedGateway> {
  const flags = ["--port", "0", "--data-dir", dataDir, "--policies-dir", policiesDir, "--log-level", "warn", ...more];
  const child = Bun.spawn([process.execPath, "src/cli/main.ts", "start", ...flags], {
    cwd: root,
    env: { PATH: process.env.PATH ?? "" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const log = child.stderr.text();
  let said = "";
  let found: { url: string; key: string } | undefined;
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    said += decoder.decode(chunk, { stream: true });
    const url = /sluice ready (\S+)/.exec(said)?.[1];
    const key = /gateway key\s+(slc_\S+)/.exec(said)?.[1];
    if (url !== undefined && key !== undefined) {
      found = { url, key };
      break;
    }
  }
  if (found === undefined) throw new Error(`the gateway did not start:\n${said}${await log}`);
  return {
    ...found,
    memory: () => residentBytes(child.pid),
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
      return await log;
    },
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => null);
  if (status !== null) return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  return Number(Bun.spawnSync(["ps", "-o", "rss=", "-p", String(pid)]).stdout.toString()) * 1024;
}
