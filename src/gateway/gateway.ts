import { type Decision, extend } from "../core/decision.ts";
import { mergeModifications } from "../core/modify.ts";
import type { Surface } from "../core/phases.ts";
import type { Target } from "../core/ports.ts";
import type { AnswerSummary, BodyEdit, JsonObject, WireFormat } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import { readBody } from "./body.ts";
import { Call } from "./call.ts";
import { formatOf, type GatewayDeps } from "./deps.ts";
import { addAnswerFacts, addTokenFacts, plainUsage, requestFacts } from "./facts.ts";
import { type PlainHeaders, presentedKey, towardsClient, towardsProvider } from "./headers.ts";
import { reserveLimits } from "./limits.ts";
import { createLocalTime } from "./local-time.ts";
import { type HeadedRefusal, refusalResponse, refuseByError, refuseByPolicy, setSluiceHeaders } from "./refusal.ts";
import { relayStream, SilenceError, type StreamEnd } from "./relay.ts";

/** HTTP status in the ledger of a call whose client went away (nginx's word for it). */
const clientClosed = 499;

/** The data plane: takes a client's call through policy to a provider and back. */
export interface Gateway {
  /** Answers one call on a surface. Never rejects. */
  handle(surface: Surface, request: Request, sourceIp: string): Promise<Response>;
  /** Calls whose last byte has not gone out yet. */
  readonly active: number;
  /** Resolves when no call is active; at most after `ms`. Answers whether all ended. */
  drain(ms: number): Promise<boolean>;
}

/** Makes the data plane from ready parts. */
export function createGateway(deps: GatewayDeps): Gateway {
  const localTime = createLocalTime();
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

    async handle(surface, request, sourceIp) {
      active += 1;
      const call = new Call(deps, surface, leave);
      const format = formatOf(deps, surface);
      try {
        return await answer(call, format, request, sourceIp);
      } catch (error) {
        const gone = request.signal.aborted;
        if (!(error instanceof SluiceError) && !gone) {
          deps.logger.error({ err: error, request: call.id }, "a call failed unexpectedly");
        }
        return refuse(call, format, refuseByError(call, error), gone ? clientClosed : undefined);
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
  };

  async function answer(call: Call, format: WireFormat, request: Request, sourceIp: string) {
    const refusal = await admit(call, format, request, sourceIp);
    if (refusal !== null) return refuse(call, format, refusal);

    const view = call.view!;
    const target = call.route!.target;
    const { edit, withhold } = editsFor(call, format);
    const abort = new AbortController();
    request.signal.addEventListener("abort", () => abort.abort(), { once: true });

    const from = performance.now();
    let response: Response;
    try {
      response = await deps.upstream.send({
        target,
        surface: call.surface,
        path: format.upstreamPath + new URL(request.url).search,
        body: format.writeRequest(view, edit),
        headers: providerHeaders(request.headers, target),
        signal: abort.signal,
        abort: () => abort.abort(),
      });
    } catch (error) {
      call.upstreamMs = performance.now() - from;
      deps.metrics.upstreamError(target.provider, error instanceof SluiceError ? error.code : "failed");
      throw error;
    }
    call.upstreamMs = performance.now() - from;

    const streams = view.stream && response.ok && response.body !== null && !isJson(response.headers);
    return streams ? streamed(call, format, response, withhold, abort) : whole(call, format, response, from, abort);
  }

  /** Everything before the provider: who, what, which rules, decide, reserve. A refusal, or `null` to go on. */
  async function admit(call: Call, format: WireFormat, request: Request, sourceIp: string) {
    const problem = deps.notReady();
    if (problem !== "") throw new SluiceError("not_ready", { problem });
    const identified = deps.keys.identify(presentedKey(request.headers));
    const identity = identified instanceof Promise ? await identified : identified;
    call.identity = identity;

    const raw = await readBody(request, deps.maxBodyBytes);
    call.requestBytes = raw.byteLength;
    const view = format.readRequest(raw);
    call.view = view;
    const route = deps.catalogue.resolve(view.model, call.surface);
    if (route === null) throw new SluiceError("model_not_found", { model: view.model });
    call.route = route;

    const rules = call.snapshot.rulesFor(identity, view.model, call.surface);
    call.rules = rules;
    const from = performance.now();
    const facts = requestFacts(
      {
        requestId: call.id,
        now: call.arrived,
        identity,
        view,
        route,
        headers: request.headers,
        sourceIp,
        policyHeaders: deps.policyHeaders,
        localTime,
      },
      rules.reads,
    );
    call.facts = facts;
    await addTokenFacts(facts, rules, view, route, deps.tokens);

    let decision = withDefault(call, call.judge("request"));
    if (decision.effect !== "deny") {
      const { conflict, modifications } = mergeModifications(decision.findings);
      if (conflict !== null) decision = extend(decision, [conflict]);
      else if (modifications.length > 0) call.modify(modifications);
    }
    if (decision.effect !== "deny") {
      call.limits = await reserveLimits(deps, call.id, identity.org.timeZone, rules.limiting, facts);
      if (call.limits.findings.length > 0) decision = extend(decision, call.limits.findings);
    }
    call.decision = decision;
    call.record(decision, (performance.now() - from) * 1000);
    return decision.effect === "deny" ? refuseByPolicy(call, decision) : null;
  }

  /** A request that no policy decided gets what the manifest says. */
  function withDefault(call: Call, decision: Decision): Decision {
    const undecided = decision.outcome === "not_applicable" && decision.findings.length === 0;
    return undecided && call.snapshot.defaultEffect === "deny" ? { ...decision, effect: "deny" } : decision;
  }

  function editsFor(call: Call, format: WireFormat): { edit: BodyEdit; withhold: boolean } {
    const view = call.view!;
    const { target } = call.route!;
    const { modifications } = call;
    const askForUsage = view.stream && target.takesUsageOption && !format.tellsUsage(view);
    const edit: BodyEdit = {
      ...(target.model !== view.model && { model: target.model }),
      ...(modifications.length > 0 && { modifications }),
      ...(askForUsage && { askForUsage }),
    };
    return { edit, withhold: askForUsage };
  }

  /** Ends the call with a refusal. The call is closed beside the answer, never before it. */
  function refuse(
    call: Call,
    format: WireFormat,
    refusal: HeadedRefusal,
    ledgerStatus?: number,
    summary?: AnswerSummary,
  ) {
    const { body, init } = refusalResponse(call, format, refusal);
    const status = ledgerStatus ?? refusal.status;
    const responseBytes = Buffer.byteLength(body);
    void call.end({ status, code: refusal.code, responseBytes, complete: true, ...(summary && { summary }) });
    return new Response(body, init);
  }

  /** An answer that comes whole: decided before the client sees any of it. */
  async function whole(
    call: Call,
    format: WireFormat,
    response: Response,
    from: number,
    abort: AbortController,
  ): Promise<Response> {
    const { target } = call.route!;
    const bytes = await readAnswer(response, target.provider, abort);
    call.upstreamMs = performance.now() - from;
    deps.metrics.upstream(target.provider, call.upstreamMs / 1000);
    if (leaksCredentials(response, bytes, target.authHeaders)) {
      throw new SluiceError("upstream_invalid", { provider: target.provider });
    }

    const body = parseObject(bytes);
    if (response.ok && body === null) {
      deps.metrics.upstreamError(target.provider, "invalid");
      throw new SluiceError("upstream_invalid", { provider: target.provider });
    }
    if (!response.ok) deps.metrics.upstreamError(target.provider, `status_${response.status}`);
    const summary = body === null ? emptySummary : format.readAnswer(body);
    const refusal = judgeResponse(call, response.status, bytes.byteLength, summary);
    if (refusal !== null) return refuse(call, format, refusal, undefined, summary);

    const headers = towardsClient(response.headers);
    setSluiceHeaders(call, headers);
    void call.end({
      status: response.status,
      code: response.ok ? "" : "upstream_error",
      responseBytes: bytes.byteLength,
      summary,
      complete: true,
    });
    return new Response(bytes, { status: response.status, headers });
  }

  async function readAnswer(response: Response, provider: string, abort: AbortController): Promise<Uint8Array> {
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      abort.abort();
    }, deps.idleMs);
    timer.unref();
    try {
      return await response.bytes();
    } catch (cause) {
      const code = expired ? "upstream_timeout" : "upstream_interrupted";
      deps.metrics.upstreamError(provider, code);
      throw new SluiceError(code, { provider, seconds: deps.idleMs / 1000 }, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks the response phase, if any policy takes part in it. */
  function judgeResponse(call: Call, status: number, bytes: number, summary: AnswerSummary): HeadedRefusal | null {
    if (!call.rules!.policies.some((policy) => policy.evaluate.response !== undefined)) return null;
    const usage = summary.usage ?? plainUsage(call.facts!.request.estimated_tokens, 0);
    const provenance = summary.usage === null ? "estimated" : "provider";
    addAnswerFacts(call.facts!, { status, bytes, latencyMs: call.elapsedMs, summary }, usage, null, provenance);
    const from = performance.now();
    const decision = call.judge("response");
    call.record(decision, (performance.now() - from) * 1000);
    return decision.effect === "deny" ? refuseByPolicy(call, decision) : null;
  }

  /** An answer that comes as a stream: forwarded event by event. */
  function streamed(
    call: Call,
    format: WireFormat,
    response: Response,
    withhold: boolean,
    abort: AbortController,
  ): Response {
    const { target } = call.route!;
    const relay = format.openStream(withhold);
    deps.metrics.streams(1);
    const body = relayStream(response.body!, relay, deps.idleMs, {
      firstByte() {
        call.firstByteMs = call.elapsedMs;
        deps.metrics.firstByte(call.firstByteMs / 1000);
      },
      abort: () => abort.abort(),
      interruption: (error) => {
        const code = error instanceof SilenceError ? "upstream_timeout" : "upstream_interrupted";
        deps.metrics.upstreamError(target.provider, code);
        const details = { provider: target.provider, seconds: deps.idleMs / 1000 };
        return format.writeStreamError(refuseByError(call, new SluiceError(code, details, { cause: error })));
      },
      ended(how, bytes) {
        deps.metrics.streams(-1);
        // From here the time is the provider's and the client's: what Sluice adds to each event is in the bench.
        call.upstreamMs += call.elapsedMs - Math.max(call.firstByteMs, 0);
        deps.metrics.upstream(target.provider, call.upstreamMs / 1000);
        void call.end({
          status: how === "abandoned" ? clientClosed : response.status,
          code: how === "complete" && relay.error !== "" ? "upstream_error" : streamCodes[how],
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

/** Only the simulated provider takes settings from the client: how it should behave. */
function providerHeaders(headers: Headers, target: Target): PlainHeaders {
  const passed = towardsProvider(headers);
  const settings = target.kind === "echo" ? headers.get("sluice-echo") : null;
  if (settings !== null) passed["sluice-echo"] = settings;
  return passed;
}

/** Ledger codes of the ways a stream ends. */
const streamCodes: Readonly<Record<StreamEnd, string>> = {
  complete: "",
  truncated: "upstream_interrupted",
  interrupted: "upstream_interrupted",
  abandoned: "client_closed",
};

const emptySummary: AnswerSummary = { usage: null, finishReason: "", model: "", text: "" };

function isJson(headers: Headers): boolean {
  return headers.get("content-type")?.startsWith("application/json") ?? false;
}

/** The body as JSON object, or `null` when it is none: error bodies of proxies and CDNs often are not. */
function parseObject(bytes: Uint8Array): JsonObject | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}

/** Whether an error body repeats the credentials we sent. Providers mask them; a proxy between may not. */
function leaksCredentials(response: Response, bytes: Uint8Array, auth: Readonly<Record<string, string>>): boolean {
  if (response.ok) return false;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Object.values(auth).some((value) => {
    const secret = value.replace(/^Bearer /i, "");
    return secret.length >= 8 && text.includes(secret);
  });
}
