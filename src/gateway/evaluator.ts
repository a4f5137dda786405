import type { EvaluatedRequest, Evaluation, Evaluations } from "../core/evaluate.ts";
import type { Counters } from "../core/limits.ts";
import type { DecisionRow, Logger, Recorder } from "../core/ports.ts";
import { toStored } from "../core/recorded-decision.ts";
import type { HeldTo } from "../core/restrictions.ts";
import { LiveSnapshot } from "../core/snapshot.ts";
import { createAdmission } from "./admission.ts";
import { Call, policyFailures } from "./call.ts";
import type { GatewayDeps, GatewayMetrics } from "./deps.ts";
import { createDryCounters, type WindowOf } from "./dry-counters.ts";
import { holdToOrigin } from "./held-to.ts";

/** What the evaluator has of the data plane: what it judges with, and nothing that counts, records or sends. */
export interface EvaluatorDeps
  extends Pick<
    GatewayDeps,
    "formats" | "unknownFields" | "live" | "catalogue" | "tokens" | "clock" | "policyHeaders" | "maxBodyBytes"
  > {
  readonly counters: Pick<Counters, "inspect">;
  readonly windowOf: WindowOf;
}

const nothing = () => undefined;

const uncounted: GatewayMetrics = {
  request: nothing,
  firstByte: nothing,
  decision: nothing,
  overridden: nothing,
  shadow: nothing,
  plainDecision: nothing,
  evaluated: nothing,
  policyError: nothing,
  factFound: nothing,
  limit: nothing,
  usage: nothing,
  upstream: nothing,
  upstreamError: nothing,
  reserved: nothing,
  drift: nothing,
  driftUsd: nothing,
  streams: nothing,
  unknown: nothing,
};

/** That a policy fails is in the decision; a request that was never made is nothing for the log. */
const unlogged: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * Judges requests with the very code that the gateway does. Dry by construction: it is given counters that only look, a
 * recorder that hands the record over, and no provider.
 */
export function createEvaluator(deps: EvaluatorDeps): Evaluations {
  const { clock, live } = deps;
  return {
    async with(snapshot, use) {
      const by = snapshot ?? live.current;
      const now = () => clock.now();
      const dry: DryDeps = { ...deps, live: new LiveSnapshot(by), counters: createDryCounters({ ...deps, now }) };
      by.enter();
      try {
        return await use((request) => evaluate(dry, request), by);
      } finally {
        by.leave();
      }
    },
  };
}

type DryDeps = Omit<EvaluatorDeps, "counters" | "windowOf"> & Pick<GatewayDeps, "counters">;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function evaluate(deps: DryDeps, request: EvaluatedRequest): Promise<Evaluation> {
  const { surface, identity, headers, body, address, at } = request;
  let row: DecisionRow | undefined;
  const dry = toGatewayDeps(deps, at, (made) => {
    row = made;
  });
  const call = new Call(dry, surface, policyFailures(dry), nothing);
  call.identity = identity;
  try {
    if (identity.heldTo !== undefined) holdToOrigin(originsOf(identity.heldTo, address), surface, () => address);
    const format = deps.formats.find((known) => known.surface === surface)!;
    const refusal = await createAdmission(dry)(call, format, encoder.encode(JSON.stringify(body)), {
      request: new Request("http://dry-run.invalid/"),
      headers: { ...headers },
      addressOf: () => address,
      model: modelOf(body),
    });
    const { provider, model } = call.route!.target;
    return {
      record: toStored(row!),
      refusal: refusal && { ...refusal, headers: refusal.headers ?? {} },
      warnings: call.warnings,
      target: { provider, model },
      modified: call.asked === undefined ? null : (JSON.parse(decoder.decode(call.view!.raw)) as unknown),
    };
  } finally {
    call.snapshot.leave();
  }
}

/** What can be asked of where a request comes from: nothing of its network while that does not matter. */
function originsOf(heldTo: readonly HeldTo[], address: string): readonly HeldTo[] {
  return address === "" ? heldTo.map((held) => ({ ...held, networks: null })) : heldTo;
}

/** The data plane with nothing behind it. */
function toGatewayDeps(deps: DryDeps, at: number | undefined, decided: (row: DecisionRow) => void): GatewayDeps {
  const never = () => Promise.reject(new Error("a request that is only asked about is not sent"));
  const recorder: Recorder = {
    usage: nothing,
    decision: decided,
    accepting: true,
    dropped: { usage: 0, decision: 0 },
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  return {
    ...deps,
    recorder,
    clock: at === undefined ? deps.clock : { now: () => at },
    metrics: uncounted,
    logger: unlogged,
    keys: { identify: never },
    upstream: { send: never, status: () => [], close: nothing },
    notReady: () => "",
    // There are no answers.
    maxAnswerBytes: 0,
    // What the rules read is what people ask about.
    recordedShare: 1,
  };
}

/** Where the path of a call names the model, the body does here. */
function modelOf(body: unknown): string | undefined {
  const { model } = Object(body) as { readonly model?: unknown };
  return typeof model === "string" ? model : undefined;
}
