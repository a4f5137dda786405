import { costNanoUsd } from "../core/cost.ts";
import type { Decision } from "../core/decision.ts";
import type { Identity } from "../core/identity.ts";
import type { Surface } from "../core/phases.ts";
import type { RoutedTarget, UpstreamAnswer } from "../core/ports.ts";
import { readBytes, readResponse } from "../core/read-bytes.ts";
import { joinDecisions } from "../core/stream-whole.ts";
import type { CallTrace, Tracer } from "../core/tracing.ts";
import type { AnswerSummary, StreamRelay, WireFormat } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import { createAdmission } from "./admission.ts";
import { comesWhole, leaksCredentials, parseObject } from "./answer.ts";
import { readBody } from "./body.ts";
import { Call, type Ending, policyFailures } from "./call.ts";
import type { GatewayDeps } from "./deps.ts";
import { type AddressOf, addAnswerFacts, plainUsage } from "./facts.ts";
import { type PlainHeaders, presentedKey, towardsClient } from "./headers.ts";
import { holdToOrigin } from "./held-to.ts";
import { type AnswerInspector, inspectStream } from "./inspect.ts";
import { guardAnswer } from "./inspect-whole.ts";
import { loggable } from "./loggable.ts";
import { ProviderCall } from "./provider-call.ts";
import {
  type HeadedRefusal,
  refusalResponse,
  refuseByError,
  refuseByFinding,
  refuseByPolicy,
  setSluiceHeaders,
} from "./refusal.ts";
import { relayStream, type StreamEnd } from "./relay.ts";
import { SpareAborts } from "./spare-aborts.ts";
import { Together } from "./together.ts";
import { Waits } from "./waits.ts";

/** HTTP status in the ledger of a call whose client went away (nginx's word for it). */
const clientClosed = 499;

/** The data plane: takes a client's call through policy to a provider and back. */
export interface Gateway {
  /**
   * Answers one call on a surface. Never rejects.
   *
   * @param addressOf tells the other end of a request's connection, if a rule asks
   */
  handle(surface: Surface, request: Request, addressOf: AddressOf): Promise<Response>;
  /** Calls whose last byte has not gone out yet. */
  readonly active: number;
  /** Resolves when no call is active; at most after `ms`. Answers whether all ended. */
  drain(ms: number): Promise<boolean>;
  /** Stops looking after calls; for after the last one. */
  close(): void;
}

/** Makes the data plane from ready parts. */
export function createGateway(deps: GatewayDeps): Gateway {
  const waits = new Waits();
  const shared = { waits, aborts: new SpareAborts() };
  const failed = policyFailures(deps);
  const admit = createAdmission(deps);
  const answers = new Together();
  const formats = new Map(deps.formats.map((format) => [format.surface, format]));
  let active = 0;
  const idle = new Set<() => void>();

  const leave = () => {
    active -= 1;
    if (active === 0) for (const resolve of idle) resolve();
  };

  return {
    get active() {
      return active;
    },

    async handle(surface, request, addressOf) {
      active += 1;
      const call = new Call(deps, surface, failed, leave);
      const format = formats.get(surface)!;
      try {
        const headers = request.headers.toJSON() as PlainHeaders;
        if (deps.tracer !== undefined) call.trace = traceCall(deps.tracer, call, request, headers);
        const identified = identify(headers, request.url);
        call.identity = identified instanceof Promise ? await identified : identified;
        const { heldTo } = call.identity;
        if (heldTo !== undefined) holdToOrigin(heldTo, surface, () => addressOf(request));
        const body = await readBody(request, headers, deps.maxBodyBytes);
        const admitted = admit(call, format, body, { request, headers, addressOf });
        const refusal = admitted instanceof Promise ? await admitted : admitted;
        if (refusal !== null) return refuse(call, format, refusal);
        return await forward(call, format, request, headers);
      } catch (error) {
        const gone = request.signal.aborted;
        if (!(error instanceof SluiceError) && !gone) {
          deps.logger.error({ err: error, request: call.id }, "a call failed unexpectedly");
        }
        const { partial: summary } = call;
        const answer = summary && { summary, complete: false };
        return refuse(call, format, refuseByError(call, error), gone ? clientClosed : undefined, answer);
      }
    },

    drain(ms) {
      if (active === 0) return Promise.resolve(true);
      return new Promise((resolve) => {
        const timer = setTimeout(() => finish(false), ms);
        const ended = () => finish(true);
        const finish = (all: boolean) => {
          clearTimeout(timer);
          idle.delete(ended);
          resolve(all);
        };
        idle.add(ended);
      });
    },

    close: () => waits.close(),
  };

  function identify(headers: PlainHeaders, url: string): Identity | Promise<Identity> {
    const problem = deps.notReady();
    if (problem !== "") throw new SluiceError("not_ready", { problem });
    return deps.keys.identify(presentedKey(headers, url));
  }

  /** Sends an admitted call to its provider, and answers with what comes back. */
  async function forward(call: Call, format: WireFormat, request: Request, headers: PlainHeaders): Promise<Response> {
    const provider = new ProviderCall(call, format, request, headers, shared);
    let answer: UpstreamAnswer | undefined;
    try {
      answer = await deps.upstream.send(provider);
      provider.take(answer);
      const { target, response, body } = answer;
      routeTo(call, target);
      if (body === null || comesWhole(answer.first, response.headers)) {
        provider.reading();
        let bytes: Uint8Array | null;
        try {
          const max = deps.maxAnswerBytes;
          bytes = body === null ? await readResponse(response, max) : await readBytes(body, max);
        } catch (cause) {
          throw provider.failure(cause);
        }
        if (bytes === null) {
          // What was read of it is gone; the prompt is paid for all the same.
          call.partial = emptySummary;
          throw tooLarge(provider);
        }
        provider.done();
        // Before the turn: waiting for it is our own time, not the provider's.
        call.upstreamMs = call.elapsedMs - call.sentMs;
        deps.metrics.upstream(target.provider, call.upstreamMs / 1000);
        await answers.turn();
        return whole(call, format, response, bytes);
      }
      const inspector = inspectStream(deps, call, failed);
      const withholdUsage = provider.withholdsUsage;
      const tellUsage = inspector !== undefined && !withholdUsage && format.tellsUsage(call.view!);
      const relay = format.openStream(inspector ? { withholdUsage, tellUsage, inspector } : { withholdUsage });
      if (inspector !== undefined) inspector.summary = () => relay.summary();
      return call.rules!.inPhase.response.length > 0
        ? await heldBack(call, format, answer, { relay, inspector, provider })
        : streamed(call, format, answer, { relay, inspector, provider });
    } catch (error) {
      routeTo(call, provider.target);
      // What goes wrong before the first byte is out ends here: nobody reads the rest of the provider's answer.
      provider.abort();
      if (call.upstreamMs === 0) call.upstreamMs = call.elapsedMs - call.sentMs;
      // Attempts that got no answer are counted where they are made.
      const code = error instanceof SluiceError ? error.code : "failed";
      if (answer !== undefined) deps.metrics.upstreamError(provider.provider, code);
      throw error;
    }
  }

  /**
   * Ends the call with a refusal. The call is closed beside the answer, never before it.
   *
   * @param answer what the provider said, which is paid for though the client sees nothing of it
   */
  function refuse(
    call: Call,
    format: WireFormat,
    refusal: HeadedRefusal,
    ledgerStatus?: number,
    answer?: Pick<Ending, "summary" | "complete" | "answered">,
  ): Response {
    const { body, init } = refusalResponse(call, format, refusal);
    const status = ledgerStatus ?? refusal.status;
    const responseBytes = Buffer.byteLength(body);
    const code = ledgerStatus === clientClosed ? streamCodes.abandoned : refusal.code;
    call.end({ status, code, responseBytes, complete: true, ...answer });
    return new Response(body, init);
  }

  /** An answer that comes whole: decided before the client sees any of it. */
  function whole(call: Call, format: WireFormat, response: Response, bytes: Uint8Array): Response {
    const { target } = call.route!;
    const body = parseObject(bytes);
    // A redirect is not for the client: it would take its key to wherever the provider points.
    const redirects = response.status >= 300 && response.status < 400;
    const unusable = response.ok ? body === null : redirects || leaksCredentials(bytes, target.authHeaders);
    if (unusable) throw new SluiceError("upstream_invalid", { provider: target.provider });

    const summary = body === null ? emptySummary : format.readAnswer(body);
    const guarded = response.ok && body !== null ? guardAnswer(call, format, body, failed) : undefined;
    const refusal = judgeResponse(call, response.status, bytes.byteLength, summary, guarded?.decision);
    if (refusal !== null) {
      return refuse(call, format, refusal, undefined, { summary, complete: true, answered: response.status });
    }
    const shown = guarded?.body ? Buffer.from(guarded.body) : bytes;
    const erroneous = !response.ok || Boolean(summary.error);
    return passOn(call, response, shown, summary, erroneous ? "upstream_error" : "", true);
  }

  /**
   * A stream that a response rule must judge: held back until it is whole, because what the client has seen cannot be
   * refused any more.
   */
  async function heldBack(
    call: Call,
    format: WireFormat,
    { response, body }: UpstreamAnswer,
    { relay, inspector, provider }: Relaying,
  ): Promise<Response> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const from = call.trace === undefined ? 0 : performance.now();
    let reading = false;
    try {
      for (let ended = false; !ended; ) {
        provider.reading();
        reading = true;
        const { done, value } = await body!.read();
        reading = false;
        provider.arrived();
        keep(done ? relay.end() : relay.write(value!));
        for (let waiting = waitOf(relay, inspector); waiting !== null; waiting = waitOf(relay, inspector)) {
          await waiting;
          keep(relay.resume());
        }
        ended = done || relay.ended;
      }
    } catch (cause) {
      if (!reading && !(cause instanceof SluiceError)) notCarried(call, cause);
      call.partial = relay.summary();
      if (inspector !== undefined) recordStream(call, inspector);
      throw provider.failure(cause);
    }
    if (relay.ended) provider.abort();
    else provider.done();
    call.upstreamMs = call.elapsedMs - call.sentMs;
    deps.metrics.upstream(provider.provider, call.upstreamMs / 1000);
    const summary = relay.summary();
    countUnknown(call, "events", relay.unknownEvents);
    if (inspector !== undefined) recordStream(call, inspector);
    call.trace?.part("stream", from, { end: relay.ended ? "stopped" : "complete", bytes: size, held_back: true });
    const stopped = inspector?.ended ?? null;
    // Of what a rule ends the client has seen nothing yet: it is told as of an answer that comes whole.
    const refusal =
      stopped !== null && inspector!.reason === "content_filter"
        ? refuseByFinding(call, stopped, "stream")
        : judgeResponse(call, response.status, size, summary);
    if (refusal !== null) {
      return refuse(call, format, refusal, undefined, { summary, complete: relay.complete, answered: response.status });
    }
    const code = stopped?.code ?? (relay.complete ? "" : "upstream_interrupted");
    return passOn(call, response, Buffer.concat(chunks), summary, code, relay.complete);

    function keep(chunk: Uint8Array | null): void {
      if (chunk === null) return;
      size += chunk.byteLength;
      if (size > deps.maxAnswerBytes) throw tooLarge(provider);
      if (relay.error !== "" && leaksCredentials(chunk, call.route!.target.authHeaders)) {
        throw new SluiceError("upstream_invalid", { provider: provider.provider });
      }
      chunks.push(chunk);
    }
  }

  function tooLarge({ provider }: ProviderCall): SluiceError {
    return new SluiceError("upstream_too_large", { provider, max: deps.maxAnswerBytes });
  }

  /** The provider is told of as one that broke off; that it did not is for the log. */
  function notCarried(call: Call, error: unknown): void {
    deps.logger.error({ request: call.id, ...loggable(error) }, "a stream could not be carried on");
  }

  /** Writes the decision of phase stream, if there is one: policies took part in it. */
  function recordStream(call: Call, inspector: AnswerInspector): void {
    if (!inspector.decides) return;
    const { decision, micros } = inspector.conclude();
    deps.metrics.evaluated("stream", micros / 1e6);
    call.record(decision, micros);
  }

  function passOn(
    call: Call,
    response: Response,
    bytes: Uint8Array,
    summary: AnswerSummary,
    code: string,
    complete: boolean,
  ): Response {
    const { status } = response;
    const headers = towardsClient(response.headers);
    setSluiceHeaders(call, headers);
    call.end({ status, code, responseBytes: bytes.byteLength, summary, complete });
    return new Response(bytes, { status, headers });
  }

  /**
   * Asks the response phase, if any policy takes part in it.
   *
   * @param guarded what was found in the words of the answer
   */
  function judgeResponse(
    call: Call,
    status: number,
    bytes: number,
    summary: AnswerSummary,
    guarded?: Decision,
  ): HeadedRefusal | null {
    if (call.rules!.inPhase.response.length === 0 && guarded === undefined) return null;
    const usage = summary.usage ?? plainUsage(call.facts!.request.estimated_tokens, 0);
    const provenance = summary.usage === null ? "estimated" : "provider";
    const { price } = call.route!.model;
    const cost = price === null ? null : costNanoUsd(usage, price);
    addAnswerFacts(call.facts!, { status, bytes, latencyMs: call.elapsedMs, summary }, usage, cost, provenance);
    const from = performance.now();
    const asked = call.judge("response", summary);
    const decision = guarded === undefined ? asked : joinDecisions(asked, guarded);
    call.record(decision, (performance.now() - from) * 1000);
    return decision.effect === "deny" ? refuseByPolicy(call, decision) : null;
  }

  function countUnknown({ surface }: Call, what: "fields" | "events", count = 0): void {
    if (count > 0) deps.metrics.unknown(surface, what, count);
  }

  /** An answer that comes as a stream: forwarded event by event. */
  function streamed(
    call: Call,
    format: WireFormat,
    { response, body: source }: UpstreamAnswer,
    { relay, inspector, provider }: Relaying,
  ): Response {
    call.upstreamMs = call.elapsedMs - call.sentMs;
    const from = call.trace === undefined ? 0 : performance.now();
    deps.metrics.streams(1);
    const body = relayStream(source!, relay, provider, {
      firstByte() {
        call.firstByteMs = call.elapsedMs;
        deps.metrics.firstByte(call.firstByteMs / 1000);
      },
      interruption(failure) {
        deps.metrics.upstreamError(provider.provider, failure.code);
        const refusal = refuseByError(call, failure);
        return relay.writeError?.(refusal) ?? format.writeStreamError(refusal);
      },
      failed: (error) => notCarried(call, error),
      leaks: (bytes) => leaksCredentials(bytes, call.route!.target.authHeaders),
      waiting: () => inspector?.waiting ?? null,
      ended(how, bytes) {
        deps.metrics.streams(-1);
        // From here the time is the provider's and the client's: what Sluice adds to each event is in the bench.
        call.upstreamMs += call.elapsedMs - Math.max(call.firstByteMs, 0);
        deps.metrics.upstream(provider.provider, call.upstreamMs / 1000);
        countUnknown(call, "events", relay.unknownEvents);
        if (inspector !== undefined) recordStream(call, inspector);
        call.trace?.part("stream", from, { end: how, bytes });
        const failed = how === "complete" && relay.error !== "";
        call.end({
          status: how === "abandoned" ? clientClosed : response.status,
          code: inspector?.ended?.code ?? (failed ? "upstream_error" : streamCodes[how]),
          responseBytes: bytes,
          summary: relay.summary(),
          complete: how === "complete",
        });
      },
    });
    const headers = towardsClient(response.headers);
    setSluiceHeaders(call, headers);
    return new Response(body, { status: response.status, headers });
  }
}

/** The trace of a call that arrived. */
function traceCall(tracer: Tracer, { id, surface, started }: Call, { url }: Request, headers: PlainHeaders): CallTrace {
  const path = url.slice(url.indexOf("/", url.indexOf("//") + 2)).replace(/[?#].*$/, "");
  return tracer.begin({ id, surface, path, started }, headers);
}

/** A stream on its way: what carries it, what looks at it, and where it comes from. */
interface Relaying {
  readonly relay: StreamRelay;
  readonly inspector: AnswerInspector | undefined;
  readonly provider: ProviderCall;
}

/** What events that wait wait for, where it is not more of the stream. */
function waitOf(relay: StreamRelay, inspector: AnswerInspector | undefined): Promise<void> | null {
  return relay.holding && !relay.ended ? (inspector?.waiting ?? null) : null;
}

/** Prices and records are of the target that answered, or failed last. */
function routeTo(call: Call, target: RoutedTarget): void {
  if (target !== call.route!.target) call.route = { ...call.route!, model: target.info, target };
}

/** Ledger codes of the ways a stream ends. */
const streamCodes: Readonly<Record<StreamEnd, string>> = {
  complete: "",
  truncated: "upstream_interrupted",
  interrupted: "upstream_interrupted",
  abandoned: "client_closed",
  stopped: "",
};

const emptySummary: AnswerSummary = { usage: null, finishReason: "", model: "", text: "" };
