import type { StreamRelay } from "../core/wire.ts";

/** How a relayed stream ended. */
export type StreamEnd = "complete" | "truncated" | "interrupted" | "abandoned";

/** What the relay tells while it runs. */
export interface RelayEvents {
  firstByte(): void;
  /** Called exactly once. */
  ended(how: StreamEnd, bytes: number, error?: unknown): void;
  /** Bytes that tell the client of a provider that broke off. */
  interruption(error: unknown): string;
  /** Ends the call at the provider. */
  abort(): void;
}

/** What a read that took too long fails with. */
export class SilenceError extends Error {}

/**
 * Relays a provider's stream to the client as it comes.
 *
 * The stream is pulled: the provider is read only as fast as the client reads, so a client that stops reading holds
 * the provider instead of filling memory. When the client goes away the call at the provider is ended.
 *
 * @param idleMs longest silence of the provider while the client waits for it
 */
export function relayStream(
  source: ReadableStream<Uint8Array>,
  relay: StreamRelay,
  idleMs: number,
  events: RelayEvents,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  const encoder = new TextEncoder();
  let bytes = 0;
  let started = false;
  // One timer for the whole stream, which looks at the clock only as often as it must: arming one for each chunk
  // would cost more than the chunk. It measures waiting for the provider, so a slow client is never its silence.
  let waitingSince = 0;
  let silence: SilenceError | undefined;
  const watch = setInterval(
    () => {
      if (waitingSince === 0 || performance.now() - waitingSince < idleMs) return;
      silence = new SilenceError(`no bytes for ${idleMs} ms`);
      events.abort();
    },
    Math.max(10, idleMs / 4),
  );
  watch.unref();

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          // Loops over chunks of which nothing is for the client: a pull must enqueue or end.
          for (;;) {
            waitingSince = performance.now();
            const { done, value } = await reader.read();
            waitingSince = 0;
            if (!started) {
              started = true;
              events.firstByte();
            }
            const forward = done ? relay.end() : relay.write(value);
            if (forward !== null) {
              bytes += forward.byteLength;
              controller.enqueue(forward);
            }
            if (done) {
              clearInterval(watch);
              controller.close();
              events.ended(relay.complete ? "complete" : "truncated", bytes);
              return;
            }
            if (forward !== null) return;
          }
        } catch (thrown) {
          clearInterval(watch);
          const error = silence ?? thrown;
          events.abort();
          const held = relay.end();
          if (held !== null) controller.enqueue(held);
          controller.enqueue(encoder.encode(events.interruption(error)));
          controller.close();
          events.ended("interrupted", bytes, error);
        }
      },
      async cancel() {
        clearInterval(watch);
        events.abort();
        // The source may already be in error; the call is over either way.
        await reader.cancel().catch(() => undefined);
        events.ended("abandoned", bytes);
      },
    },
    { highWaterMark: 0 },
  );
}
