/** For tests: real Redis servers on free ports, each with its own folder, that end with the test. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRedis, type RedisClient } from "./client.ts";
import { parseRedisUrl } from "./url.ts";

const installed = Bun.which("redis-server") !== null;
if (!installed && process.env.CI !== undefined) throw new Error("redis-server is not installed; in CI it must be");

/** Why tests against Redis are skipped, as a suffix for their names; `undefined` when they run. */
export const redisIsMissing = installed ? undefined : "redis-server is not installed (Debian package redis-server)";

/** A server that a test may do anything to. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Starts it again on the same port, with what it had stored; waits until it answers. */
  start(...args: readonly string[]): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections and answers nothing. */
  hang(): void;
  /** SIGCONT. */
  resume(): void;
}

/** Starts a server that keeps all it is told on disk, unless the arguments say otherwise. */
export async function startRedis(...args: readonly string[]): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-redis-"));
  const port = await freePort();
  const base = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--daemonize", "no"];
  // A replica is not made to wait for others that might come.
  base.push("--repl-diskless-sync-delay", "0");
  let child: Bun.Subprocess | undefined;
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    async start(...more) {
      const all = ["redis-server", ...base, "--appendonly", "yes", "--appendfsync", "always", ...args, ...more];
      child = Bun.spawn(all, { stdout: "ignore", stderr: "ignore" });
      await untilAnswers(port, child);
    },
    async kill() {
      child?.kill("SIGKILL");
      await child?.exited;
    },
    hang: () => child?.kill("SIGSTOP"),
    resume: () => child?.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await server.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** Starts a Sentinel that watches one server under that name. */
export async function startSentinel(group: string, port: number): Promise<{ port: number } & AsyncDisposable> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-sentinel-"));
  const own = await freePort();
  const config = join(dir, "sentinel.conf");
  const lines = [
    `port ${own}`,
    "bind 127.0.0.1",
    `sentinel monitor ${group} 127.0.0.1 ${port} 1`,
    `sentinel down-after-milliseconds ${group} 500`,
    `sentinel failover-timeout ${group} 2000`,
  ];
  writeFileSync(config, `${lines.join("\n")}\n`);
  const child = Bun.spawn(["redis-server", config, "--sentinel"], { cwd: dir, stdout: "ignore", stderr: "ignore" });
  await untilAnswers(own, child);
  return {
    port: own,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A connection of the test's own, ready to be used. */
export async function connectTo(url: string): Promise<RedisClient> {
  const client = connectRedis(parseRedisUrl(url)!, () => undefined);
  while (client.status !== "ready") await Bun.sleep(2);
  return client;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Any answer will do: one that asks for a password is alive as well. */
async function untilAnswers(port: number, child: Bun.Subprocess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    const answer = await new Promise<string>((resolve) => {
      Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: {
          open: (socket) => void socket.write("PING\r\n"),
          data: (socket, data) => {
            resolve(data.toString());
            socket.end();
          },
          close: () => resolve(""),
          error: () => resolve(""),
          connectError: () => resolve(""),
        },
      }).catch(() => resolve(""));
    });
    if (answer !== "" && !answer.startsWith("-LOADING")) return;
    await Bun.sleep(5);
  }
}

/** A wire between a client and Redis that can be made slow. */
export interface SlowWire extends Disposable {
  readonly url: string;
  /** How long every answer is held back. */
  delayMs: number;
}

export async function slowWire(to: number): Promise<SlowWire> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on("data", (data) => far.write(data));
    far.on("data", (data) => {
      if (wire.delayMs === 0) near.write(data);
      else setTimeout(() => near.write(data), wire.delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const wire: SlowWire = {
    url: `redis://127.0.0.1:${port}`,
    delayMs: 0,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return wire;
}
