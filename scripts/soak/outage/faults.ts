import { connectTo, type RedisServer, type SlowWire } from "../../../src/limits/redis/testing.ts";

/** One way for Redis to be away. */
export interface Fault {
  readonly name: string;
  inject(server: RedisServer, wire: SlowWire | undefined): Promise<void>;
  lift(server: RedisServer, wire: SlowWire | undefined): Promise<void>;
  /** Whether gateways reach Redis over a wire that can be made slow. */
  readonly wired?: true;
  /** Redis is away only for moments, so that both kinds of answers come. */
  readonly wavers?: true;
  /** Over so soon that a gateway may not conclude that Redis is away. */
  readonly brief?: true;
  /** Nobody may notice. */
  readonly harmless?: true;
}

/** Sends one command over a connection that has nothing to do with the gateways'. */
async function command(url: string, ...args: readonly string[]): Promise<void> {
  const client = await connectTo(url);
  await client.call(args[0]!, ...args.slice(1)).catch(() => undefined);
  client.disconnect();
}

/** Keeps doing something until it is told to end. */
class Again {
  #going: Promise<void> | undefined;
  #ended = false;

  start(each: () => Promise<void>): void {
    this.#ended = false;
    this.#going = (async () => {
      while (!this.#ended) await each();
    })();
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#going;
  }
}

const flapping = new Again();
const flushing = new Again();

/** Every fault that limits must live through. */
export const faults: readonly Fault[] = [
  { name: "killed", inject: (server) => server.kill(), lift: (server) => server.start() },
  { name: "hung", inject: async (server) => server.hang(), lift: async (server) => server.resume() },
  {
    name: "slow",
    wired: true,
    inject: async (_, wire) => {
      wire!.delayMs = 200;
    },
    lift: async (_, wire) => {
      wire!.delayMs = 0;
    },
  },
  {
    name: "flapping",
    wavers: true,
    async inject(server) {
      flapping.start(async () => {
        await server.kill();
        await Bun.sleep(1_000);
        await server.start();
        await Bun.sleep(1_000);
      });
    },
    lift: () => flapping.end(),
  },
  {
    name: "readonly",
    inject: ({ url }) => command(url, "REPLICAOF", "127.0.0.1", "1"),
    lift: ({ url }) => command(url, "REPLICAOF", "NO", "ONE"),
  },
  {
    name: "flushed",
    harmless: true,
    async inject({ url }) {
      flushing.start(async () => {
        await command(url, "SCRIPT", "FLUSH", "SYNC");
        await Bun.sleep(50);
      });
    },
    lift: () => flushing.end(),
  },
  {
    name: "password",
    async inject({ url }) {
      const client = await connectTo(url);
      await client.config("SET", "requirepass", "other");
      await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      client.disconnect();
    },
    lift: ({ url }) => command(url.replace("//", "//:other@"), "CONFIG", "SET", "requirepass", ""),
  },
  {
    // The gateways' scripts wait behind one that never ends; then all of them are gone with the process.
    name: "restarted",
    wavers: true,
    brief: true,
    async inject(server) {
      const client = await connectTo(server.url);
      const endless = client.eval("while true do end", 0).catch(() => undefined);
      await Bun.sleep(150);
      await server.kill();
      client.disconnect();
      await endless;
      await server.start();
    },
    lift: async () => undefined,
  },
];
