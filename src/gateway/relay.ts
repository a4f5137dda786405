import type { ByteSource } from "../core/ports.ts";
import type { StreamRelay } from "../core/wire.ts";
import type { SluiceError } from "../errors.ts";
import type { ProviderCall } from "./provider-call.ts";

/** How a relayed stream ended. */
export type StreamEnd = "complete" | "truncated" | "interrupted" | "abandoned";

/** What the relay tells while it runs. */
export interface RelayEvents {
  firstByte(): void;
  /** Called exactly once. */
  ended(how: StreamEnd, bytes: number): void;
  /** Bytes that tell the client of a provider that broke off. */
  interruption(failure: SluiceError): string;
}

/**
 * Relays a provider's stream to the client as it comes.
 *
 * The stream is pulled: the provider is read only as fast as the client reads, so a client that stops reading holds
 * the provider instead of filling memory. When the client goes away the call at the provider is ended.
 */
export function relayStream(
  source: ByteSource,
  relay: StreamRelay,
  provider: ProviderCall,
  events: RelayEvents,
): ReadableStream<Uint8Array> {
  let bytes = 0;
  let started = false;
  let over = false;

  const end = (how: StreamEnd) => {
    if (over) return;
    over = true;
    provider.done();
    events.ended(how, bytes);
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          // Loops over chunks of which nothing is for the client: a pull must enqueue or end.
          for (;;) {
            provider.reading();
            const { done, value } = await source.read();
            provider.arrived();
            if (!started) {
              started = true;
              events.firstByte();
            }
            const forward = done ? relay.end() : relay.write(value!);
            if (forward !== null) {
              bytes += forward.byteLength;
              controller.enqueue(forward);
            }
            if (done) {
              controller.close();
              end(relay.complete ? "complete" : "truncated");
              return;
            }
            if (forward !== null) return;
          }
        } catch (error) {
          // The client left while a chunk was awaited: `cancel` has seen to everything.
          if (over) return;
          const failure = provider.failure(error);
          provider.abort();
          const held = relay.end();
          if (held !== null) controller.enqueue(held);
          controller.enqueue(new TextEncoder().encode(events.interruption(failure)));
          controller.close();
          end("interrupted");
        }
      },
      async cancel() {
        provider.abort();
        // The source may already be in error; the call is over either way.
        await source.cancel().catch(() => undefined);
        end("abandoned");
      },
    },
    { highWaterMark: 0 },
  );
}
