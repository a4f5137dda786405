import { AnswerLog, type PolicyFailed } from "../core/answer-log.ts";
import type { Decision, Finding } from "../core/decision.ts";
import type { Channel, EarlyEnd, Piece, StreamEvent, StreamInspector, StreamVerdict } from "../core/stream.ts";
import { CallGuards } from "../core/stream-calls.ts";
import { StreamRules } from "../core/stream-rules.ts";
import { TextGuards } from "../core/stream-text.ts";
import { answeringPolicies } from "../core/stream-whole.ts";
import type { AnswerSummary, Refusal } from "../core/wire.ts";
import type { Call } from "./call.ts";
import type { GatewayDeps } from "./deps.ts";
import { plainUsage } from "./facts.ts";
import { OutputMeter } from "./inspect-meter.ts";
import { Slices } from "./inspect-slices.ts";
import { refuseByFinding } from "./refusal.ts";

/** Code of an answer that was ended because it wrote more than the request's maximum. */
export const maxTokensCode = "max_tokens";

/** How far a count may be beyond the maximum before an answer is ended for it: a count is not always the provider's. */
const slack = { exact: 1.05, estimated: 1.5, tokens: 16 } as const;

/** What looks at one streamed answer; `undefined` when no rule of the call takes part and no limit can run out. */
export function inspectStream(deps: GatewayDeps, call: Call, failed: PolicyFailed): AnswerInspector | undefined {
  const { answering, inPhase } = call.rules!;
  const sliced = call.limits?.sliced ?? [];
  const most = enforcedMaximum(call);
  const asked = inPhase.stream.length > 0 || answering.length > 0;
  if (!asked && sliced.length === 0 && most === Number.POSITIVE_INFINITY) return undefined;
  return new AnswerInspector(deps, call, failed, most);
}

/** The maximum of tokens that is held to although it is the provider's to keep: where policies rely on it. */
function enforcedMaximum({ view, rules, route, limits }: Call): number {
  const { maxTokensRequested, choices } = view!;
  const { reads } = rules!;
  const relied =
    reads.has("request.max_tokens") || reads.has("request.max_tokens_requested") || (limits?.held.length ?? 0) > 0;
  if (!relied || maxTokensRequested === 0) return Number.POSITIVE_INFINITY;
  const factor = route!.model.encoding === "none" ? slack.estimated : slack.exact;
  return maxTokensRequested * choices * factor + slack.tokens;
}

/**
 * Looks at one streamed answer for the call's rules: those of phase stream, what policies look for in texts and calls, and
 * what limits still allow. What it finds is one decision.
 */
export class AnswerInspector implements StreamInspector {
  /** Tells what the provider said so far. */
  summary: () => AnswerSummary = () => ({ usage: null, finishReason: "", model: "", text: "" });
  readonly #deps: GatewayDeps;
  readonly #call: Call;
  readonly #log: AnswerLog;
  readonly #rules: StreamRules;
  readonly #texts: TextGuards;
  readonly #calls: CallGuards;
  readonly #meter: OutputMeter | null;
  readonly #slices: Slices | null;
  readonly #most: number;
  readonly #rewritten = new Set<string>();
  /** Pieces that an event is about to take in are counted once, however often it is asked about. */
  #counted: StreamEvent | null = null;
  /** Why the answer was ended, once it was. */
  reason: EarlyEnd["reason"] | null = null;
  #ended: Finding | null = null;
  /** What ends the answer before it began: a policy that could not say whether it is concerned. */
  readonly #refused: Finding | null;
  #micros = 0;
  readonly #decides: boolean;

  constructor(deps: GatewayDeps, call: Call, failed: PolicyFailed, most: number) {
    const { rules, facts, route } = call;
    const { stream } = rules!.inPhase;
    const sliced = call.limits?.sliced ?? [];
    this.#deps = deps;
    this.#call = call;
    this.#log = new AnswerLog("stream", facts!, failed);
    const answering = answeringPolicies(rules!.answering, this.#log);
    this.#refused = this.#log.findings.find(({ effect }) => effect === "deny") ?? null;
    this.#rules = new StreamRules(stream, this.#log);
    this.#texts = new TextGuards(answering, this.#log);
    this.#calls = new CallGuards(answering, this.#texts, this.#log);
    this.#decides = stream.length > 0 || rules!.answering.length > 0;
    this.#most = most;
    this.#slices = sliced.length > 0 ? new Slices(deps.counters, call.id, sliced) : null;
    const counts =
      this.#slices !== null ||
      most < Number.POSITIVE_INFINITY ||
      stream.some(({ reads }) => reads.includes("stream.output_tokens"));
    this.#meter = counts ? new OutputMeter(deps.tokens, route!.model) : null;
  }

  /** Resolves when an event that waits for the counters may be asked about again; `null` when none does. */
  get waiting(): Promise<void> | null {
    return this.#slices?.taking ?? null;
  }

  /** The finding that ended the answer; `null` when nothing did. */
  get ended(): Finding | null {
    return this.#ended;
  }

  /** Whether the answer leaves a decision: policies took part, or something ended it. */
  get decides(): boolean {
    return this.#decides || this.#ended !== null;
  }

  /** The decision, once the answer is over. */
  conclude(): { readonly decision: Decision; readonly micros: number } {
    this.#texts.conclude();
    return { decision: this.#log.decision(), micros: this.#micros };
  }

  see(event: StreamEvent): void {
    if (this.#calls.any) this.#calls.see(event);
  }

  inspect(event: StreamEvent, last: boolean): StreamVerdict {
    const from = performance.now();
    const verdict = this.#inspect(event, last);
    this.#micros += (performance.now() - from) * 1000;
    return verdict;
  }

  finish(): { readonly before: readonly Piece[]; readonly end?: EarlyEnd } | null {
    const before: Piece[] = [];
    for (const channel of this.#texts.holding) {
      const denied = this.#close(channel, before);
      if (denied !== null) return { before, end: this.#end(denied, "content_filter") };
    }
    return before.length === 0 ? null : { before };
  }

  #inspect(event: StreamEvent, last: boolean): StreamVerdict {
    if (this.#refused !== null) return { end: this.#end(this.#refused, "content_filter") };
    const { pieces, closes } = event;
    const limited = this.#meter === null ? null : this.#count(event, this.#meter, last);
    if (limited !== null) return limited;

    let texts: (string | null)[] | undefined;
    if (this.#calls.any) {
      for (let i = 0; i < pieces.length; i += 1) {
        const piece = pieces[i]!;
        if (piece.kind !== "tool_name" && piece.kind !== "tool_arguments") continue;
        const judged = this.#calls.judge(piece, last);
        if (judged === "wait") return "hold";
        if (judged.does === "deny") return { end: this.#end(judged.finding, "content_filter") };
        if (judged.does === "stand") continue;
        texts ??= pieces.map(({ text }) => text);
        texts[i] = judged.does === "strip" ? null : this.#rewrite(piece, judged.arguments);
      }
    }

    const denied = this.#rules.ask(event, this.#meter?.tokens ?? 0, this.#call.elapsedMs);
    if (denied !== null) return { end: this.#end(denied, "content_filter") };

    const before: Piece[] = [];
    for (let i = 0; i < pieces.length; i += 1) {
      const piece = pieces[i]!;
      if (piece.tool !== "" || !this.#texts.guards(piece.kind)) continue;
      const ends = i === lastOf(pieces, piece) && isClosed(piece, closes);
      const { out, denied: found } = this.#texts.push(piece, piece.text, ends);
      if (found !== undefined) {
        const said = pieces.slice(0, i).map((one, at) => ({ ...one, text: texts?.[at] ?? one.text }));
        before.push(...said.filter(({ tool }) => tool === ""), { ...piece, text: out });
        return { before, end: this.#end(found, "content_filter") };
      }
      if (out === piece.text) continue;
      texts ??= pieces.map(({ text }) => text);
      texts[i] = out;
    }
    if (closes === "all" || closes.length > 0) {
      for (const channel of this.#texts.holding) {
        if (!isClosed(channel, closes)) continue;
        const found = this.#close(channel, before);
        if (found !== null) return { before, end: this.#end(found, "content_filter") };
      }
    }
    if (texts === undefined && before.length === 0) return null;
    return { before, texts: texts ?? pieces.map(({ text }) => text) };
  }

  /** Counts an event's words; answers what becomes of it where there is no room for them. */
  #count(event: StreamEvent, meter: OutputMeter, last: boolean): StreamVerdict {
    if (this.#counted !== event) {
      for (const { text } of event.pieces) meter.add(text);
      this.#counted = event;
    }
    if (event.pieces.length === 0) return null;
    const { tokens } = meter;
    // An answer must not be cut off for tokens that it may not have.
    if (meter.leastTokens > this.#most) return { end: this.#end(overMaximum(this.#call), "length") };
    if (this.#slices === null) return null;
    const covered = this.#slices.covers(tokens);
    if (covered === "yes") return null;
    // At the end of the stream what was to be taken is taken by settling.
    if (covered === "wait") return last ? null : "hold";
    return { end: this.#end(this.#outOfRoom(), "length") };
  }

  #close(channel: Channel, before: Piece[]): Finding | null {
    const { out, denied } = this.#texts.push(channel, "", true);
    if (out !== "") before.push({ ...channel, text: out });
    return denied ?? null;
  }

  /** The first piece of rewritten arguments has them all. */
  #rewrite({ choice, kind, tool, text }: Piece, given: string): string {
    if (kind === "tool_name") return text;
    const key = `${choice} ${tool}`;
    if (this.#rewritten.has(key)) return "";
    this.#rewritten.add(key);
    return given;
  }

  /** The limit that has no room for another slice, as its policy tells it. */
  #outOfRoom(): Finding {
    const { policy, limit, resetSeconds } = this.#call.limits!.sliced![0]!;
    this.#deps.metrics.limit(policy.id, limit.name, "exhausted");
    const seconds = Math.max(1, Math.ceil(resetSeconds - this.#call.elapsedMs / 1000));
    const hit = policy.limitHit?.({ ...limit, amount: limit.slice! }, { used: limit.max, resetSeconds: seconds });
    return hit === undefined ? overMaximum(this.#call) : this.#log.hit(policy, hit);
  }

  #end(finding: Finding, reason: EarlyEnd["reason"]): EarlyEnd {
    this.#log.add(finding);
    this.#ended = finding;
    this.reason = reason;
    const refusal: Refusal = refuseByFinding(this.#call, finding, "stream");
    return { reason, refusal, usage: this.summary().usage ?? this.#estimate() };
  }

  #estimate() {
    const { facts, view } = this.#call;
    const { begun, text } = this.summary();
    const prompt = begun?.promptTokens ?? (facts!.request.estimated_tokens || Math.ceil(view!.characters() / 4));
    return plainUsage(prompt, this.#meter?.tokens ?? Math.ceil(Buffer.byteLength(text) / 4));
  }
}

function overMaximum(call: Call): Finding {
  const { maxTokensRequested, choices } = call.view!;
  return {
    policy: "sluice",
    rule: "max-tokens",
    kind: "hit",
    mode: "enforce",
    effect: "deny",
    would: "deny",
    code: maxTokensCode,
    message: `the answer is longer than the ${maxTokensRequested * choices} tokens that the request allows`,
    status: 403,
    priority: 0,
  };
}

function isClosed({ choice, kind, tool }: Channel, closes: StreamEvent["closes"]): boolean {
  if (closes === "all") return true;
  return closes.some((one) => one.choice === choice && one.kind === kind && one.tool === tool);
}

/** Where the last piece of a piece's channel stands. */
function lastOf(pieces: readonly Piece[], { choice, kind, tool }: Piece): number {
  return pieces.findLastIndex((one) => one.choice === choice && one.kind === kind && one.tool === tool);
}
