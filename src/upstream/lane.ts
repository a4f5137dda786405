import type { RoutedTarget, SlowStart, TargetStatus, UpstreamCall } from "../core/ports.ts";
import { Breaker, type Trial } from "./breaker.ts";
import type { Probe } from "./probe.ts";
import type { UpstreamSettings } from "./settings.ts";

/**
 * The way to one target: its breaker, and its bulkhead, which keeps one provider that hangs from holding everything. What is
 * above the most that may be under way waits for its turn, in a queue that is bounded as well.
 */
export class Lane implements SlowStart {
  readonly id: string;
  readonly settings: UpstreamSettings;
  readonly connectMs: number;
  attempts = 0;
  failures = 0;
  readonly #baseUrl: string;
  readonly #probe: Probe;
  readonly #breaker: Breaker;
  readonly #now: () => number;
  readonly #queue: ((turn: boolean) => void)[] = [];
  #inFlight = 0;
  #openedAt = 0;

  constructor(
    target: RoutedTarget,
    settings: UpstreamSettings,
    probe: Probe,
    now: () => number,
    onChange: (id: string, state: TargetStatus["state"]) => void,
  ) {
    this.id = target.id;
    this.settings = settings;
    this.connectMs = settings.connectMs;
    this.#baseUrl = target.baseUrl;
    this.#probe = probe;
    this.#now = now;
    this.#breaker = new Breaker(settings.breaker, (state) => {
      if (state === "open") this.#openedAt = now();
      onChange(target.id, state);
    });
    onChange(target.id, "closed");
  }

  /** Whether the breaker would let an attempt begin now. */
  get admits(): boolean {
    return this.#breaker.admits;
  }

  /** Milliseconds until it is worth asking again. */
  get busyMs(): number {
    if (this.#breaker.state !== "open") return 0;
    return Math.max(0, this.#openedAt + this.settings.breaker.openMs - this.#now());
  }

  /**
   * Takes a place among those under way; {@link leave} gives it back.
   *
   * @param leftMs how long it is worth waiting for one
   * @returns whether there was one; a promise for one that has to wait for its turn
   */
  enter(call: UpstreamCall, leftMs: number): boolean | Promise<boolean> {
    if (this.#inFlight < this.settings.maxInFlight) {
      this.#inFlight += 1;
      return true;
    }
    return this.#queue.length < this.settings.maxQueue && this.#queueUp(call, leftMs);
  }

  #queueUp(call: UpstreamCall, leftMs: number): Promise<boolean> {
    const signal = call.begin(Math.min(this.settings.queueMs, leftMs));
    return new Promise((resolve) => {
      const decided = (turn: boolean) => {
        signal.removeEventListener("abort", givenUp);
        resolve(turn);
      };
      const givenUp = () => {
        this.#queue.splice(this.#queue.indexOf(decided), 1);
        decided(false);
      };
      this.#queue.push(decided);
      signal.addEventListener("abort", givenUp);
    });
  }

  /** Gives a place back: to who waits longest. */
  leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#inFlight -= 1;
    else next(true);
  }

  /**
   * An attempt begins, at a moment when the breaker {@link admits} it. Answers `null` for all but the one that tries a target
   * which was left alone.
   */
  begin(): Trial | null {
    this.attempts += 1;
    return this.#breaker.begin();
  }

  passed(trial: Trial | null): void {
    this.#breaker.passed(trial);
  }

  failed(trial: Trial | null, error: unknown): void {
    this.failures += 1;
    this.#breaker.failed(trial, error);
  }

  /** An attempt that was answered broke off its answer. */
  broken(): void {
    this.failures += 1;
    this.#breaker.broken();
  }

  /** An attempt ended that says nothing of the target: one that tried has not shown that it is well. */
  abandoned(trial: Trial | null): void {
    if (trial !== null) this.#breaker.failed(trial, new Error("given up by the client"));
  }

  async notice(unreachable: () => void): Promise<void> {
    if (!(await this.#probe(this.#baseUrl, this.connectMs))) unreachable();
  }

  status(): TargetStatus {
    const { id, attempts, failures } = this;
    const queued = this.#queue.length;
    return { id, state: this.#breaker.state, inFlight: this.#inFlight, queued, attempts, failures };
  }

  close(): void {
    this.#breaker.close();
  }
}
