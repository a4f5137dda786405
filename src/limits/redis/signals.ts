import type { ChangeSignals } from "../../core/changes.ts";
import type { Logger } from "../../core/ports.ts";
import { connectRedis } from "./client.ts";
import { parseRedisUrl, redisUrlForms, shownAddress } from "./url.ts";

/** Settings of {@link openRedisSignals}. */
export interface RedisSignalsSettings {
  /** As {@link parseRedisUrl} reads it. */
  readonly url: string;
  readonly logger: Logger;
  /** How often the connection is tried, in milliseconds, so that one that is dead is noticed; 5,000 when absent. */
  readonly probeMs?: number;
}

const channel = "sluice:changes";
/** A connection that does not answer a probe for so long is given up. */
const probeTimeoutMs = 2_000;

/**
 * Signals over Redis's pub/sub, on connections of their own: one that listens can do nothing else. It is here because
 * this folder is the one that knows Redis and its addresses.
 *
 * Connecting goes on in the background for ever; each time it succeeds the listener is woken, because what was sent
 * meanwhile is lost.
 */
export function openRedisSignals({ url, logger, probeMs = 5_000 }: RedisSignalsSettings): ChangeSignals {
  const address = parseRedisUrl(url);
  if (address === undefined) throw new Error(`the address of Redis must be ${redisUrlForms}`);
  const shown = shownAddress(address);
  const own = Bun.randomUUIDv7("base64url");
  let onSignal: () => void = () => undefined;
  let connected = false;
  let told = false;
  let closed = false;

  const problem = (error: unknown) => {
    connected = false;
    if (closed || told) return;
    told = true;
    // Only the message: the error itself knows what was sent, and that can be the password.
    const message = error instanceof Error ? error.message : String(error);
    logger.warn({ redis: shown, problem: message }, "other replicas are heard of by polling alone");
  };
  const listener = connectRedis(address, problem);
  const sender = connectRedis(address, () => undefined);

  listener.on("ready", () => void join());
  listener.on("close", () => problem("the connection was closed"));
  listener.on("message", (_channel: string, from: string) => {
    if (from !== own) onSignal();
  });

  async function join(): Promise<void> {
    try {
      await listener.subscribe(channel);
      connected = true;
      if (told) logger.info({ redis: shown }, "other replicas are heard of at once again");
      told = false;
      onSignal();
    } catch (error) {
      problem(error);
    }
  }

  /** A connection that lost its other end may never notice by itself. */
  async function probe(): Promise<void> {
    for (const client of [listener, sender]) {
      if (client.status !== "ready") continue;
      const answered = await Promise.race([client.ping().then(Boolean, () => false), Bun.sleep(probeTimeoutMs)]);
      if (answered === true || closed) continue;
      if (client === listener) problem(new Error("Redis does not answer"));
      client.disconnect(true);
    }
    // A cluster may be ready before the connection that listens is.
    if (listener.status === "ready" && !connected) await join();
  }
  let probing = false;
  const timer = setInterval(async () => {
    if (probing) return;
    probing = true;
    await probe();
    probing = false;
  }, probeMs);
  timer.unref();

  return {
    send() {
      if (sender.status === "ready") sender.publish(channel, own).catch(() => undefined);
    },
    listen(next) {
      onSignal = next;
    },
    get channel() {
      return { name: `Redis at ${shown}`, connected };
    },
    async close() {
      closed = true;
      clearInterval(timer);
      listener.disconnect();
      sender.disconnect();
    },
  };
}
