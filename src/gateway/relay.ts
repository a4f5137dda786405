import type { ByteSource } from "../core/ports.ts";
import type { StreamRelay } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { ProviderCall } from "./provider-call.ts";

/** How a relayed stream ended. */
export type StreamEnd = "complete" | "truncated" | "interrupted" | "abandoned" | "stopped";

/** What the relay tells while it runs. */
export interface RelayEvents {
  firstByte(): void;
  /** Resolves when events that wait may be asked about again; `null` when only more of the stream can tell. */
  waiting(): Promise<void> | null;
  /** Called exactly once. `stopped`: a rule or limit ended the answer, and the call at the provider with it. */
  ended(how: StreamEnd, bytes: number): void;
  /** What came could not be read or written otherwise: no fault of the connection. The stream ends as one that broke off. */
  failed(error: unknown): void;
  /** Whether bytes that tell of an error of the provider's hold what the client must not see. */
  leaks(bytes: Uint8Array): boolean;
  /** Bytes that tell the client of a provider that broke off. */
  interruption(failure: SluiceError): string;
}

/**
 * So many bytes of one stream in so short a time have garbage collected: at such a pace the collector lets more of it lie
 * about than a gateway should need. The fastest models write a fraction of that: what usual answers leave is not collected
 * here, however long they are and however many there are at once.
 */
const collectAfter = { bytes: 2 * 1024 * 1024, withinMs: 1000 };

/**
 * Relays a provider's stream to the client as it comes.
 *
 * The stream is pulled: the provider is read only as fast as the client reads, so a client that stops reading holds
 * the provider instead of filling memory. When the client goes away the call at the provider is ended.
 */
export function relayStream(
  source: ByteSource,
  relay: StreamRelay,
  provider: Pick<ProviderCall, "provider" | "reading" | "arrived" | "done" | "abort" | "failure">,
  events: RelayEvents,
): ReadableStream<Uint8Array> {
  let bytes = 0;
  /** Where the stream was when its pace was last looked at, and when that was. */
  let paced = { bytes: 0, at: performance.now() };
  let started = false;
  let over = false;
  let reading = false;

  const end = (how: StreamEnd) => {
    if (over) return;
    over = true;
    provider.done();
    events.ended(how, bytes);
  };
  const leaks = (forward: Uint8Array): boolean => relay.error !== "" && events.leaks(forward);
  const show = (controller: ReadableStreamDefaultController<Uint8Array>, forward: Uint8Array | null): boolean => {
    if (forward === null) return false;
    if (leaks(forward)) throw new SluiceError("upstream_invalid", { provider: provider.provider });
    bytes += forward.byteLength;
    controller.enqueue(forward);
    if (bytes - paced.bytes >= collectAfter.bytes) {
      const now = performance.now();
      if (now - paced.at < collectAfter.withinMs) Bun.gc(true);
      paced = { bytes, at: now };
    }
    return true;
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          // Loops over chunks of which nothing is for the client: a pull must enqueue or end.
          for (;;) {
            provider.reading();
            reading = true;
            const { done, value } = await source.read();
            reading = false;
            provider.arrived();
            if (!started) {
              started = true;
              events.firstByte();
            }
            let shown = show(controller, done ? relay.end() : relay.write(value!));
            while (relay.holding && !relay.ended) {
              const waiting = events.waiting();
              if (waiting === null) break;
              await waiting;
              if (over) return;
              shown = show(controller, relay.resume()) || shown;
            }
            if (relay.ended) {
              provider.abort();
              void source.cancel().catch(() => undefined);
              controller.close();
              end("stopped");
              return;
            }
            if (done) {
              controller.close();
              end(relay.complete ? "complete" : "truncated");
              return;
            }
            if (shown) return;
          }
        } catch (error) {
          // The client left while a chunk was awaited: `cancel` has seen to everything.
          if (over) return;
          if (!reading && !(error instanceof SluiceError)) events.failed(error);
          const failure = provider.failure(error);
          provider.abort();
          // An error that repeats our credentials is told in other words, and what follows it is not wanted any more.
          const held = failure.code === "upstream_invalid" ? null : heldBy(relay);
          if (held !== null && !leaks(held)) show(controller, held);
          // What waited may have been what a rule ends the answer for: then it has its ending.
          if (!relay.ended) controller.enqueue(new TextEncoder().encode(events.interruption(failure)));
          controller.close();
          end(relay.ended ? "stopped" : "interrupted");
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

/** What a relay that failed still holds; nothing where it fails at that, too: its first failure is the one that is told. */
function heldBy(relay: StreamRelay): Uint8Array | null {
  try {
    return relay.end();
  } catch {
    return null;
  }
}
