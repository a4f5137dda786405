import type { Surface } from "../../core/phases.ts";
import type { Clock } from "../../core/ports.ts";
import type { RequestView, WireFormat } from "../../core/wire.ts";
import { SluiceError } from "../../errors.ts";
import { anthropicMessages } from "../anthropic-messages/format.ts";
import { openaiChat } from "../openai-chat/format.ts";
import { chatCompletion, chatEvents } from "./chat.ts";
import { message, messageEvents } from "./messages.ts";
import { replyTo } from "./reply.ts";
import { defaultEchoSettings, type EchoSettings, echoHeader, overrideSettings } from "./settings.ts";

/** What the simulated provider is asked. */
export interface EchoRequest {
  readonly surface: Surface;
  readonly body: Uint8Array;
  /** With lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
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

  return async ({ surface, body, headers, signal }) => {
    const format = surface === "chat" ? openaiChat : anthropicMessages;
    const override = headers?.[echoHeader] ?? "";
    try {
      const how = override === "" ? settings : overrideSettings(settings, override);
      if (how.latencyMs > 0) await wait(how.latencyMs, signal);
      if (how.fault === "refuse") throw Object.assign(new Error("connection refused"), { code: "ConnectionRefused" });
      if (how.fault === "hang") await untilAborted(signal);
      if (how.fault.startsWith("status:")) return faultAnswer(format, Number(how.fault.slice(7)));
      const view = format.readRequest(body);
      return answer(view, how, clock, (milliseconds) => wait(milliseconds, signal), signal);
    } catch (error) {
      if (error instanceof SluiceError) return refusal(format, error.status, error.code, error.message);
      if (error instanceof RangeError)
        return refusal(format, 400, "invalid_echo_setting", `${echoHeader}: ${error.message}`);
      throw error;
    }
  };
}

function answer(
  view: RequestView,
  settings: EchoSettings,
  clock: Clock,
  wait: (milliseconds: number) => Promise<void>,
  signal: AbortSignal | undefined,
): Response {
  const id = `echo${Bun.hash(view.raw).toString(36)}`;
  const seconds = Math.floor(clock.now() / 1000);
  const reply = replyTo(view, settings);
  const chat = view.surface === "chat";
  const requestId = chat ? { "x-request-id": `req_${id}` } : { "request-id": `req_${id}` };
  if (view.stream) {
    const events = chat
      ? chatEvents(view, reply, id, seconds, settings.chunks)
      : messageEvents(view, reply, id, settings.chunks);
    const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", ...requestId };
    return new Response(streamOf(events, settings, wait, signal), { headers });
  }
  const text = chat ? chatCompletion(view, reply, id, seconds) : message(view, reply, id);
  const headers = { "content-type": "application/json", ...requestId };
  if (settings.fault === "reset") return new Response(streamOf(halves(text), settings, wait, signal), { headers });
  if (settings.fault === "truncate") return new Response(text.slice(0, text.length / 2), { headers });
  return new Response(settings.fault === "garbage" ? "}{ not json" : text, { headers });
}

/** One chunk for each event, as fast as the reader pulls, with the fault that was asked for half-way. */
function streamOf(
  events: readonly string[],
  { chunkMs, fault }: EchoSettings,
  wait: (milliseconds: number) => Promise<void>,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const half = fault === "" ? -1 : Math.ceil(events.length / 2);
  let next = 0;
  const send = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const event = events[next];
    if (signal?.aborted) return controller.error(signal.reason);
    if (event === undefined) return controller.close();
    if (next === half && fault === "reset") return controller.error(new Error("connection reset"));
    const shown = next === half && fault === "truncate" ? event.slice(0, event.length / 2) : event;
    controller.enqueue(encoder.encode(fault === "garbage" ? "data: }{ not json\n\n" : shown));
    next += 1;
    if (shown !== event) controller.close();
  };
  return new ReadableStream<Uint8Array>({
    pull:
      chunkMs === 0
        ? send
        : (controller) => (next === 0 ? send(controller) : wait(chunkMs).then(() => send(controller))),
  });
}

function halves(text: string): readonly string[] {
  return [text.slice(0, text.length / 2), text.slice(text.length / 2)];
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
