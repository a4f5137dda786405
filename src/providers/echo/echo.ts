import { LRUCache } from "lru-cache";
import type { Surface } from "../../core/phases.ts";
import type { Clock, Target } from "../../core/ports.ts";
import type { RequestView, WireFormat } from "../../core/wire.ts";
import { SluiceError } from "../../errors.ts";
import { replyTo } from "./reply.ts";
import { defaultEchoSettings, type EchoSettings, echoHeader, overrideSettings } from "./settings.ts";
import type { EchoSurface } from "./surface.ts";
import { echoSurfaces } from "./surfaces.ts";

/** What the simulated provider is asked. */
export interface EchoRequest {
  readonly surface: Surface;
  readonly body: Uint8Array;
  /** The path of the call, for surfaces that name the model there. */
  readonly path?: string;
  /** The model that is meant, whatever the path says. */
  readonly target?: Pick<Target, "model">;
  /** With lower-case names. */
  readonly headers?: Headers;
  readonly signal?: AbortSignal;
}

export interface EchoOptions {
  readonly clock?: Clock;
  readonly settings?: Partial<EchoSettings>;
  /** Waits; rejects when the signal aborts. Injected so that tests need not wait. */
  readonly wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

/**
 * A provider that needs no network: answers with what it was told, in the wire format it was asked in, usage included.
 *
 * The returned function rejects as `fetch` does: when the connection is refused (fault `refuse`) or the signal aborts.
 * Equal bodies get equal answers.
 */
export function createEcho(options: EchoOptions = {}): (request: EchoRequest) => Promise<Response> {
  const settings = { ...defaultEchoSettings, ...options.settings };
  const clock = options.clock ?? { now: Date.now };
  const wait = options.wait ?? waitFor;
  // What a benchmark asks again and again is rendered once: the load generator's machine has better things to do.
  const rendered = new LRUCache<string, Rendered>({
    max: 64,
    maxSize: 4 * 1024 * 1024,
    sizeCalculation: ({ pieces }) => pieces.reduce((size, piece) => size + piece.length, 1),
  });

  return async ({ surface, body, path = "", target, headers, signal }) => {
    const speaks = echoSurfaces[surface];
    const { format } = speaks;
    const override = headers?.get(echoHeader) ?? "";
    try {
      const how = override === "" ? settings : overrideSettings(settings, override);
      if (how.latencyMs > 0) await wait(how.latencyMs, signal);
      if (how.fault === "refuse") throw Object.assign(new Error("connection refused"), { code: "ConnectionRefused" });
      if (how.fault === "hang") await untilAborted(signal);
      if (how.fault.startsWith("status:")) return faultAnswer(format, Number(how.fault.slice(7)));
      const id = `echo${Bun.hash(body).toString(36)}`;
      const key = `${surface} ${path} ${target?.model} ${id} ${override}`;
      let answer = rendered.get(key);
      if (answer === undefined) {
        const view = format.readRequest(body, path, target?.model);
        answer = render(speaks, view, how, id, Math.floor(clock.now() / 1000));
        rendered.set(key, answer);
      }
      return respond(answer, how, wait, signal);
    } catch (error) {
      if (error instanceof SluiceError) return refusal(format, error.status, error.code, error.message);
      if (error instanceof RangeError)
        return refusal(format, 400, "invalid_echo_setting", `${echoHeader}: ${error.message}`);
      throw error;
    }
  };
}

/** An answer as it goes over the wire: one piece, or one for each event of a stream. */
interface Rendered {
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: boolean;
  readonly pieces: readonly Uint8Array[];
}

const encoder = new TextEncoder();
const garbage = encoder.encode("}{ not json");
const garbageEvent = encoder.encode("data: }{ not json\n\n");

function render(speaks: EchoSurface, view: RequestView, settings: EchoSettings, id: string, seconds: number): Rendered {
  const saying = { view, reply: replyTo(view, settings, speaks), id, seconds, chunks: settings.chunks };
  const events = view.stream ? speaks.events?.(saying) : undefined;
  const stream = events !== undefined;
  const headers = {
    "content-type": stream ? (speaks.streamType?.(view) ?? "text/event-stream; charset=utf-8") : "application/json",
    ...(stream && { "cache-control": "no-cache" }),
    [speaks.idHeader]: `req_${id}`,
  };
  return { headers, stream, pieces: (events ?? [speaks.answer(saying)]).map((text) => encoder.encode(text)) };
}

function respond(
  { headers, stream, pieces }: Rendered,
  settings: EchoSettings,
  wait: NonNullable<EchoOptions["wait"]>,
  signal: AbortSignal | undefined,
): Response {
  const { fault } = settings;
  if (stream) return new Response(streamOf(pieces, settings, wait, signal), { headers });
  const whole = pieces[0]!;
  const half = whole.subarray(0, whole.length / 2);
  if (fault === "reset") return new Response(streamOf([half, whole], settings, wait, signal), { headers });
  if (fault === "garbage") return new Response(garbage, { headers });
  return new Response(fault === "truncate" ? half : whole, { headers });
}

/** One chunk for each piece, as fast as the reader pulls, with the fault that was asked for half-way. */
function streamOf(
  pieces: readonly Uint8Array[],
  { chunkMs, fault }: EchoSettings,
  wait: NonNullable<EchoOptions["wait"]>,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  const half = Math.ceil(pieces.length / 2);
  let next = 0;
  const send = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const piece = pieces[next];
    if (signal?.aborted) return controller.error(signal.reason);
    if (piece === undefined) return controller.close();
    if (next === half && fault === "reset") return controller.error(new Error("connection reset"));
    const cut = next === half && fault === "truncate";
    next += 1;
    // A chunk becomes the reader's, who may transfer it: the rendered piece stays ours.
    if (cut) controller.enqueue(piece.slice(0, piece.length / 2));
    else controller.enqueue(fault === "garbage" ? garbageEvent.slice() : piece.slice());
    if (cut) controller.close();
  };
  const pull: typeof send = (controller) =>
    chunkMs === 0 || next === 0 ? send(controller) : wait(chunkMs, signal).then(() => send(controller));
  return new ReadableStream<Uint8Array>({ pull });
}

function faultAnswer(format: WireFormat, status: number): Response {
  const response = refusal(format, status, "echo_fault", `the echo provider was asked to fail with status ${status}`);
  if (status === 429) response.headers.set("retry-after", "1");
  return response;
}

function refusal(format: WireFormat, status: number, code: string, text: string): Response {
  const body = format.writeRefusal({ status, code, message: text });
  return new Response(body, { status, headers: { "content-type": "application/json" } });
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    else signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function waitFor(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
