import type { Surface } from "../core/phases.ts";
import type { RoutedTarget, SlowStart, Target, UpstreamAnswer, UpstreamCall, UpstreamRequest } from "../core/ports.ts";
import type { CallTrace } from "../core/tracing.ts";
import type { BodyEdit, RequestView, WireFormat } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { Call } from "./call.ts";
import { type PlainHeaders, towardsProvider } from "./headers.ts";
import type { SpareAborts } from "./spare-aborts.ts";
import type { Wait, Waits } from "./waits.ts";

/**
 * One call to a provider and its end: aborted when it takes too long or when the client is gone, whichever is noticed
 * first. It may go to several targets, one after the other, until one answers.
 */
export class ProviderCall implements Wait, UpstreamCall {
  readonly surface: Surface;
  readonly targets: readonly RoutedTarget[];
  readonly stream: boolean;
  place = -1;
  /** Whether what tells the usage was asked for by the gateway, and is kept from the client. */
  withholdsUsage = false;
  #target: RoutedTarget;
  #abort: AbortController;
  readonly #aborts: SpareAborts;
  readonly #view: RequestView;
  readonly #format: WireFormat;
  readonly #client: Request;
  readonly #read: PlainHeaders;
  #headers: Headers | undefined;
  readonly #waits: Waits;
  readonly #trace: CallTrace | undefined;
  /** When the call arrived. */
  readonly #started: number;
  /** When the wait under way is too long; Infinity while nobody waits. */
  #deadline = Number.POSITIVE_INFINITY;
  #limitMs = 0;
  /** When an attempt without an answer is looked after; Infinity once it was. */
  #slowAt = Number.POSITIVE_INFINITY;
  #slow: SlowStart | undefined;
  #waitCount = 0;
  #gone = false;
  #expired: SluiceError | undefined;
  #answer: UpstreamAnswer | undefined;
  #broken = false;

  constructor(
    call: Call,
    format: WireFormat,
    client: Request,
    read: PlainHeaders,
    { waits, aborts }: { readonly waits: Waits; readonly aborts: SpareAborts },
  ) {
    const { targets } = call.route!;
    this.#started = call.started;
    this.surface = call.surface;
    this.targets = targets;
    this.#target = targets[0]!;
    this.#view = call.view!;
    this.stream = this.#view.stream;
    this.#format = format;
    this.#client = client;
    this.#read = read;
    this.#waits = waits;
    this.#aborts = aborts;
    this.#abort = aborts.take();
    this.#trace = call.trace;
    waits.add(this);
  }

  /** Where the attempt under way goes, or the last one went. */
  get target(): RoutedTarget {
    return this.#target;
  }

  get provider(): string {
    return this.#target.provider;
  }

  get expired(): boolean {
    return this.#expired !== undefined;
  }

  get gone(): boolean {
    return this.#gone || this.#client.signal.aborted;
  }

  // The client's signal is made when it is first asked for, which for most calls is never; it knows what came before.
  check(now: number): void {
    if (now >= this.#deadline) {
      this.#expired = new SluiceError("upstream_timeout", { provider: this.provider, seconds: this.#limitMs / 1000 });
      this.#deadline = Number.POSITIVE_INFINITY;
      this.#abort.abort();
    } else if (this.#client.signal.aborted) {
      this.abort();
    } else if (now >= this.#slowAt) {
      this.#slowAt = Number.POSITIVE_INFINITY;
      const noticed = this.#waitCount;
      void this.#slow!.notice(() => {
        if (noticed === this.#waitCount) this.#abort.abort();
      });
    }
  }

  begin(ms: number, slow?: SlowStart): AbortSignal {
    this.#waitCount += 1;
    this.#expired = undefined;
    if (this.#abort.signal.aborted && !this.#gone) this.#abort = this.#aborts.take();
    const now = this.#await(ms);
    this.#slow = slow;
    this.#slowAt = slow === undefined ? Number.POSITIVE_INFINITY : now + slow.connectMs;
    return this.#abort.signal;
  }

  prepare(target: RoutedTarget, signal: AbortSignal): UpstreamRequest {
    const view = this.#view;
    const format = this.#format;
    this.#headers ??= towardsProvider(this.#client.headers, this.#read);
    const headers = this.#headers;
    if (target !== this.#target) for (const name in this.#target.authHeaders) headers.delete(name);
    this.#target = target;
    // Only the simulated provider takes settings from the client: how it should behave.
    const settings = this.#read["sluice-echo"];
    if (settings !== undefined) {
      if (target.kind === "echo") headers.set("sluice-echo", settings);
      else headers.delete("sluice-echo");
    }
    this.#trace?.attempt(target, headers);
    const asksForUsage = view.stream && target.takesUsageOption && !format.tellsUsage(view);
    this.withholdsUsage = asksForUsage;
    return {
      target,
      surface: this.surface,
      path: format.upstreamPath(view, target, queryOf(this.#client.url)),
      body: format.writeRequest(view, editFor(view, target, asksForUsage)),
      headers,
      signal,
    };
  }

  failed(kind: string): void {
    this.#trace?.attemptFailed(kind);
  }

  /** Goes on with the answer that came. */
  take(answer: UpstreamAnswer): void {
    this.#answer = answer;
    this.arrived();
  }

  /** The wait for a read of the answer begins. */
  reading(): void {
    this.#await(this.#answer!.idleMs);
  }

  /** A wait ended well. */
  arrived(): void {
    this.#waitCount += 1;
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#slowAt = Number.POSITIVE_INFINITY;
  }

  /** What a read that failed is told as: a failure already named, a time-out of ours, else an answer that broke off. */
  failure(cause: unknown): SluiceError {
    if (cause instanceof SluiceError) return cause;
    this.#broken = !this.gone;
    const failure = this.#expired ?? new SluiceError("upstream_interrupted", { provider: this.provider }, { cause });
    if (this.#broken) this.failed(failure.code);
    return failure;
  }

  /** Ends the call at the provider, if it still runs. Nothing is tried again. */
  abort(): void {
    this.#gone = true;
    this.done();
    this.#abort.abort();
  }

  /** Nothing more is to be waited for. */
  done(): void {
    this.#waits.delete(this);
    const answer = this.#answer;
    if (answer === undefined) return;
    this.#answer = undefined;
    this.#trace?.answerRead();
    answer.release(this.#broken);
    if (this.#gone || this.#broken) return;
    // From here on it may be another call's, which this one must not end.
    this.#aborts.giveBack(this.#abort);
    this.#abort = spent;
  }

  /** Answers now. */
  #await(ms: number): number {
    const now = performance.now();
    this.#limitMs = ms;
    this.#deadline = now + ms;
    const total = this.#answer?.totalMs ?? Number.POSITIVE_INFINITY;
    if (this.#started + total < this.#deadline) {
      this.#limitMs = total;
      this.#deadline = this.#started + total;
    }
    return now;
  }
}

/** In place of a controller that was given back. */
const spent = new AbortController();
spent.abort();

const noEdit: BodyEdit = {};

/** Nearly every request: nothing to edit, the bytes pass as they came. */
function editFor(view: RequestView, target: Target, askForUsage: boolean): BodyEdit {
  if (target.model === view.model && !askForUsage) return noEdit;
  return { ...(target.model !== view.model && { model: target.model }), ...(askForUsage && { askForUsage }) };
}

/** The query of a URL with its question mark; empty without one. */
function queryOf(url: string): string {
  const start = url.indexOf("?");
  return start < 0 ? "" : url.slice(start);
}
