import { costNanoUsd } from "../core/cost.ts";
import { type Decision, decisionIdOf, type Finding, shadowEffect } from "../core/decision.ts";
import { evaluate, recheck } from "../core/engine.ts";
import type { Facts } from "../core/facts.ts";
import type { Identity } from "../core/identity.ts";
import { maskDecision } from "../core/masked-decision.ts";
import { hashName } from "../core/name-hash.ts";
import { countingSurfaces, type Phase, type Surface } from "../core/phases.ts";
import { type CompiledPolicy, type Content, noContent } from "../core/policy.ts";
import type { PlainDecision, Provenance, Route, UsageRow } from "../core/ports.ts";
import { type Look, type RecordedFacts, recordFacts } from "../core/recorded-facts.ts";
import type { RuleSet, Snapshot } from "../core/snapshot.ts";
import type { CallTrace } from "../core/tracing.ts";
import type { AnswerSummary, RequestView, TokenUsage } from "../core/wire.ts";
import type { GatewayDeps } from "./deps.ts";
import { addAnswerFacts, isPromptBound, plainUsage } from "./facts.ts";
import { limitFacts } from "./limit-facts.ts";
import { actualAmounts, type LimitOutcome } from "./limits.ts";
import { loggable } from "./loggable.ts";

/** How a call ended, as far as the gateway saw it. */
export interface Ending {
  /** HTTP status that the client got. */
  readonly status: number;
  /** Code of the refusal or failure; empty for a success. */
  readonly code: string;
  readonly responseBytes: number;
  /** What the provider's answer said; absent when there was none. */
  readonly summary?: AnswerSummary;
  /** Whether the answer came whole. */
  readonly complete: boolean;
  /** HTTP status of the provider's answer, where the client got another. */
  readonly answered?: number;
}

interface Used {
  readonly usage: TokenUsage;
  readonly provenance: Provenance;
}

const noLooks: readonly Look[] = Object.freeze([]);

/** Nothing was used: refusals and calls that never reached a provider. */
const unused = plainUsage(0, 0);

type PolicyFailed = (policy: CompiledPolicy, error: unknown, phase: Phase) => void;

/** Counts and logs policies that throw. One for all calls. */
export function policyFailures({ metrics, logger }: GatewayDeps): PolicyFailed {
  return (policy, error, phase) => {
    metrics.policyError(policy.id);
    logger.error({ policy: policy.id, phase, ...loggable(error) }, "a policy could not be evaluated");
  };
}

/** Most characters of a prompt that a record keeps. */
const maxTextLength = 65_536;

/** The texts that fit, the last one cut. */
function boundedTexts(texts: readonly string[]): readonly string[] {
  let room = maxTextLength;
  const kept: string[] = [];
  for (const text of texts) {
    if (room <= 0) break;
    kept.push(text.slice(0, room));
    room -= text.length;
  }
  return kept;
}

/** Calls whose answer is out, and that are closed together: see {@link closeSoon}. */
let closing: Call[] = [];

/**
 * Closes a call once the answers of this turn of the event loop are out. All calls of a turn are closed in a row: each
 * answer leaves earlier, and the code for closing is fetched once and not between two answers each time.
 */
function closeSoon(call: Call): void {
  if (closing.push(call) === 1) setImmediate(closeAll);
}

function closeAll(): void {
  const all = closing;
  closing = [];
  for (const call of all) call.close();
}

/**
 * One client call from its arrival to its last byte: what is known of it, and its one, certain ending. To the rules it
 * is the text that is judged.
 */
export class Call implements Content {
  readonly id = `req_${Bun.randomUUIDv7("base64url")}`;
  readonly snapshot: Snapshot;
  readonly surface: Surface;
  readonly arrived: number;
  readonly started = performance.now();
  identity: Identity | undefined;
  /** The request as it goes to the provider. */
  view: RequestView | undefined;
  /** The request as the client sent it, once rules modified it. */
  asked: RequestView | undefined;
  route: Route | undefined;
  rules: RuleSet | undefined;
  facts: Facts | undefined;
  decision: Decision | undefined;
  limits: LimitOutcome | undefined;
  /** Absent while calls are not traced. */
  trace: CallTrace | undefined;
  /** What the provider had said when reading its answer failed, and the client had seen nothing of it. */
  partial: AnswerSummary | undefined;
  /** Codes of the warnings that the answer carries. */
  readonly warnings: string[] = [];
  requestBytes = 0;
  evaluated = 0;
  /** Milliseconds from arrival to when the request went on to the provider. */
  sentMs = 0;
  /** Milliseconds spent waiting for the provider. */
  upstreamMs = 0;
  /** Milliseconds from arrival to the first byte of the answer; -1 before it. */
  firstByteMs = -1;

  readonly #deps: GatewayDeps;
  readonly #failed: PolicyFailed;
  readonly #onEnd: () => void;
  #ending: Ending | undefined;
  #used: Used = { usage: unused, provenance: "partial" };
  #closed = false;
  #plain: PlainDecision | undefined;
  /** What rules saw of the request before they modified it. */
  #earlier: readonly Look[] = noLooks;
  #answer: AnswerSummary | undefined;
  #texts: readonly string[] | undefined;

  /**
   * @param failed is told of policies that throw; see {@link policyFailures}
   * @param onEnd is called once, when the call is closed and its rows are handed over
   */
  constructor(deps: GatewayDeps, surface: Surface, failed: PolicyFailed, onEnd: () => void) {
    this.#deps = deps;
    this.#failed = failed;
    this.surface = surface;
    this.arrived = deps.clock.now();
    this.snapshot = deps.live.current;
    this.snapshot.enter();
    this.#onEnd = onEnd;
  }

  get elapsedMs(): number {
    return performance.now() - this.started;
  }

  /** The id under which a phase's decision is recorded. */
  decisionId(phase: Phase): string {
    return decisionIdOf(this.id, phase);
  }

  /** Goes on with a request that rules modified. */
  take(view: RequestView, route: Route, rules: RuleSet, facts: Facts): void {
    this.asked ??= this.view;
    this.#earlier = [...this.#earlier, { facts: this.facts!, rules: this.rules! }];
    this.view = view;
    this.route = route;
    this.rules = rules;
    this.facts = facts;
    this.#texts = undefined;
  }

  /** The texts of the prompt; once there is an answer to be judged, what the model wrote. */
  texts(): readonly string[] {
    if (this.#texts === undefined) {
      const written = this.#answer?.text;
      if (written === undefined) this.#texts = this.view?.parts().flatMap(({ texts }) => texts) ?? [];
      else this.#texts = written === "" ? [] : [written];
    }
    return this.#texts;
  }

  /**
   * Asks the engine for a phase.
   *
   * @param answer what the phase is about, when it is no longer the request
   */
  judge(phase: Phase, answer?: AnswerSummary): Decision {
    const { rules, facts } = this;
    if (rules === undefined || facts === undefined) throw new Error("a call is judged after its facts are known");
    if (answer !== undefined) {
      this.#answer = answer;
      this.#texts = undefined;
    }
    const from = performance.now();
    const content = phase === "usage" ? noContent : this;
    const decision = evaluate(rules.inPhase[phase], phase, facts, this.#failed, content);
    this.#deps.metrics.evaluated(phase, (performance.now() - from) / 1000);
    const { effect, tally } = decision;
    this.trace?.part("decide", from, { phase, effect, decided: tally.decided, not_applicable: tally.notApplicable });
    this.evaluated += decision.tally.decided + decision.tally.notApplicable + decision.tally.errors;
    return decision;
  }

  /** Asks the rules that want to see a request that this decision modified. */
  recheck(decision: Decision): readonly Finding[] {
    return recheck(decision, this.rules!.policies, this.facts!, this.#failed, this);
  }

  /** Writes a phase's decision to the log and metrics, once it is final. */
  record(decision: Decision, micros: number): void {
    const { metrics, recorder } = this.#deps;
    for (const { effect, mode, policy, code, override } of decision.findings) {
      metrics.decision(decision.phase, effect, mode, policy, code);
      if (override !== undefined) metrics.overridden(override, policy);
      if (effect === "warn" && !this.warnings.includes(code)) this.warnings.push(code);
    }
    if (decision.findings.length === 0) {
      metrics.plainDecision(decision.phase, decision.effect);
    } else {
      const would = shadowEffect(decision);
      if (would !== decision.effect) metrics.shadow(decision.effect, would);
    }
    this.trace?.decided(decision);
    const { identity } = this;
    const view = this.asked ?? this.view;
    if (identity === undefined || view === undefined) return;
    const { phase, effect, outcome, tally, findings } = decision;
    const silent = effect === "allow" && findings.length === 0;
    const { recordedShare } = this.#deps;
    const keepsFacts = !silent || (recordedShare > 0 && Math.random() < recordedShare);
    const keepsText = phase === "request" && identity.keepsText === true;
    if (phase === "request" && !keepsFacts && !keepsText) {
      // Nearly every call: what there is to say of it stands in the ledger row.
      this.#plain = { revision: this.snapshot.revision, outcome, tally, micros };
      return;
    }
    recorder.decision({
      decisionId: this.decisionId(decision.phase),
      requestId: this.id,
      ts: this.#deps.clock.now(),
      phase: decision.phase,
      revision: this.snapshot.revision,
      org: identity.org.id,
      app: identity.app.id,
      env: identity.env,
      key: identity.key.id,
      surface: this.surface,
      model: view.model,
      decision:
        this.facts === undefined ? decision : maskDecision(decision, this.facts, hashName, this.snapshot.masked),
      micros,
      ...(keepsFacts && this.rules !== undefined && { facts: this.#recordedFacts(phase, view.model) }),
      ...(keepsText && { text: boundedTexts(this.texts()) }),
    });
  }

  /** What the rules read, as the record keeps it. */
  #recordedFacts(phase: Phase, model: string): RecordedFacts {
    const now = { facts: this.facts!, rules: this.rules! };
    const isBound = now.rules.boundable && isPromptBound(now.facts, now.rules, this.view!, this.#deps.tokens);
    return recordFacts(phase === "request" ? [...this.#earlier, now] : [now], {
      phase,
      model,
      hash: hashName,
      mask: this.snapshot.masked,
      ...(isBound && { bounds: ["request.estimated_tokens"] }),
      ...(phase === "request" && this.limits?.told && { limits: this.limits.told }),
    });
  }

  /**
   * Ends the call: settles what it reserved, asks the usage phase, writes the ledger row. The first call counts; the
   * rest do nothing, so every path may call it. Never throws; what has to be waited for goes on beside the answer.
   */
  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    const told = this.#toldUsage(ending);
    if (told !== null) {
      this.#used = told;
      closeSoon(this);
      return;
    }
    void this.#closeCounted(ending);
  }

  async #closeCounted(ending: Ending): Promise<void> {
    try {
      this.#used = await this.#countUsage(ending);
    } catch (error) {
      this.#deps.logger.error({ err: error, request: this.id }, "the tokens of a call could not be counted");
    }
    this.close();
  }

  /** The usage that needs no counting; `null` when there is something to count. */
  #toldUsage({ summary, complete, status, answered = status }: Ending): Used | null {
    const provenance = complete ? "provider" : "partial";
    if (summary === undefined || this.view === undefined || this.route === undefined) {
      return { usage: unused, provenance: "provider" };
    }
    if (summary.usage !== null) return { usage: summary.usage, provenance };
    // An error answer that tells no usage used nothing.
    return complete && answered >= 400 ? { usage: unused, provenance } : null;
  }

  async #countUsage({ summary, complete }: Ending): Promise<Used> {
    const { tokens } = this.#deps;
    const { model } = this.route!;
    const { begun, text } = summary!;
    const [prompt, completion] = await Promise.all([
      // What the provider told of the prompt is truer than any count.
      begun === undefined ? tokens.countPrompt(this.view!, model) : { tokens: begun.promptTokens },
      tokens.countText(text, model),
    ]);
    const counted = plainUsage(prompt.tokens, completion.tokens);
    const { completionTokens, totalTokens } = counted;
    const usage = begun === undefined ? counted : { ...begun, completionTokens, totalTokens };
    return { usage, provenance: complete ? "estimated" : "partial" };
  }

  /** Closes a call that has ended: the second half of {@link end}, which sees to it. */
  close(): void {
    if (this.#closed || this.#ending === undefined) return;
    this.#closed = true;
    const ending = this.#ending;
    const { usage, provenance } = this.#used;
    try {
      const price = this.route?.model.price ?? null;
      const free = countingSurfaces.has(this.surface);
      // What used nothing cost nothing, whatever the price: refused calls are none of those whose cost is unknown.
      const costNano = free || usage.totalTokens === 0 ? 0 : price === null ? null : costNanoUsd(usage, price);
      this.#settle(free ? unused : usage, costNano);
      if (ending.summary !== undefined) this.#judgeUsage(ending, usage, costNano, provenance);
      this.#write(ending, usage, costNano, provenance);
    } catch (error) {
      this.#deps.logger.error({ err: error, request: this.id }, "a call could not be closed properly");
    } finally {
      this.snapshot.leave();
      this.#onEnd();
    }
  }

  #settle(usage: TokenUsage, costNano: number | null): void {
    if (this.limits === undefined) return;
    const from = this.trace === undefined ? 0 : performance.now();
    const { held, reservedTokens, reservedMicroUsd } = this.limits;
    let waits: Promise<void>[] | undefined;
    const actual = actualAmounts(usage, costNano, this.limits);
    if (this.limits.reserved !== undefined) Object.assign(this.facts!, limitFacts(this.limits.reserved, actual));
    for (const id of held) {
      try {
        const settling = this.#deps.counters.settle(id, actual);
        if (settling instanceof Promise) {
          waits ??= [];
          waits.push(this.#settled(settling));
        }
      } catch (error) {
        this.#settleFailed(error);
      }
    }
    if (this.trace !== undefined && held.length > 0) void this.#traceSettling(this.trace, from, usage, waits);
    if (reservedTokens > 0) {
      this.#deps.metrics.reserved(-reservedTokens);
      this.#deps.metrics.drift(reservedTokens - usage.totalTokens);
    }
    if (reservedMicroUsd > 0 && actual.usd !== undefined) this.#deps.metrics.driftUsd(reservedMicroUsd - actual.usd);
  }

  async #traceSettling(trace: CallTrace, from: number, { totalTokens }: TokenUsage, waits?: Promise<void>[]) {
    const { held, reservedTokens } = this.limits!;
    // What is settled at once is told before the call is.
    if (waits !== undefined) await Promise.all(waits);
    trace.part("settle", from, { held: held.length, reserved_tokens: reservedTokens, used_tokens: totalTokens });
  }

  async #settled(settling: Promise<void>): Promise<void> {
    try {
      await settling;
    } catch (error) {
      this.#settleFailed(error);
    }
  }

  #settleFailed(error: unknown): void {
    this.#deps.logger.error({ err: error, request: this.id }, "limits could not be settled");
  }

  #judgeUsage(ending: Ending, usage: TokenUsage, costNano: number | null, provenance: Provenance): void {
    // A phase that no policy in scope takes part in is not asked, and leaves no record.
    if (this.rules === undefined || this.rules.inPhase.usage.length === 0) return;
    const { responseBytes: bytes, summary } = ending;
    const answer = { status: ending.status, bytes, latencyMs: this.elapsedMs, summary: summary! };
    addAnswerFacts(this.facts!, answer, usage, costNano, provenance);
    const from = performance.now();
    const decision = this.judge("usage");
    this.record(decision, (performance.now() - from) * 1000);
  }

  #write(ending: Ending, usage: TokenUsage, costNano: number | null, provenance: Provenance): void {
    const { identity, view, route } = this;
    const { metrics, recorder } = this.#deps;
    const provider = route?.target.provider ?? "";
    const latencyMs = this.elapsedMs;
    metrics.request(this.surface, ending.status, latencyMs / 1000, Math.max(0, latencyMs - this.upstreamMs) / 1000);
    if (route !== undefined && usage.totalTokens > 0) {
      metrics.usage(route, usage.promptTokens, usage.completionTokens, costNano);
    }
    const user = this.facts?.user.id ?? view?.user ?? "";
    const row: UsageRow = {
      requestId: this.id,
      ts: this.arrived,
      org: identity?.org.id ?? "",
      team: identity?.team.id ?? "",
      app: identity?.app.id ?? "",
      env: identity?.env ?? "",
      key: identity?.key.id ?? "",
      userHash: hashName(user),
      surface: this.surface,
      provider,
      model: (this.asked ?? view)?.model ?? "",
      servedModel: ending.summary?.model ?? "",
      stream: view?.stream ?? false,
      usage,
      costNanoUsd: costNano,
      priceDate: route?.model.price?.date ?? "",
      provenance,
      requestBytes: this.requestBytes,
      responseBytes: ending.responseBytes,
      latencyMs,
      ttftMs: this.firstByteMs < 0 ? latencyMs : this.firstByteMs,
      status: ending.status,
      decision: this.decision?.effect ?? "",
      code: ending.code,
      ...(this.#plain && { request: this.#plain }),
    };
    recorder.usage(row);
    this.trace?.end({
      row,
      view,
      finishReason: ending.summary?.finishReason ?? "",
      revision: this.snapshot.revision,
    });
  }
}
