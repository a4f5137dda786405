import { type Detector, type DetectorsOf, noDetectors } from "./detectors.ts";
import type { FactName } from "./facts.ts";
import type { Identity } from "./identity.ts";
import { type Phase, type Surface, surfaces } from "./phases.ts";
import type { CompiledPolicy } from "./policy.ts";
import { ScopeIndex } from "./scope-index.ts";

/** The policies that apply to one kind of request, with what they need. Shared between requests; immutable. */
export interface RuleSet {
  readonly policies: readonly CompiledPolicy[];
  /** Union of the policies' `reads`. */
  readonly reads: ReadonlySet<FactName>;
  /** What finds out those of them that are in the prompt's words. */
  readonly detectors: readonly Detector[];
  /** The policies that declare limits. */
  readonly limiting: readonly CompiledPolicy[];
  /** The policies that look for something in the words of answers. */
  readonly answering: readonly CompiledPolicy[];
  /** The policies that take part in each phase. */
  readonly inPhase: { readonly [P in Phase]: readonly CompiledPolicy[] };
  /**
   * Whether an upper bound of the prompt's tokens may spare counting them: every policy that reads the count can
   * only fire less for a smaller one, and none reserves it.
   */
  readonly boundable: boolean;
}

/** Requests of one identity for this many model names are remembered; the names are the client's, so bounded. */
const maxRemembered = 256;

const noFacts: ReadonlySet<FactName> = new Set();

/**
 * An immutable set of compiled policies with its index.
 *
 * A request takes the live snapshot once, at the door, and holds it to its end, so no request is judged by two sets.
 */
export class Snapshot {
  /** `sha256:…` over the content of every source file: the same content has the same revision. */
  readonly revision: string;
  readonly policies: readonly CompiledPolicy[];
  /** What a request that no policy applies to gets. */
  readonly defaultEffect: "allow" | "deny";
  /** The facts that decisions are recorded with as hashes, beside those that always are. */
  readonly masked: ReadonlySet<FactName>;
  readonly #index: ScopeIndex;
  // Weak: entries go when the identity object is replaced or dropped, so nothing here can be stale.
  readonly #callers = new WeakMap<Identity, Caller>();
  readonly #onDisposed: (() => void) | undefined;
  readonly #detectorsOf: DetectorsOf;
  /** How often the rules of a caller, model and surface were there already, and how often not. */
  readonly lookups = { hits: 0, misses: 0 };
  #users = 0;
  #retiring: PromiseWithResolvers<void> | undefined;

  /**
   * @param onDisposed is called once, after the policies were disposed
   * @param detectorsOf what finds out the facts that are in prompts' words
   */
  constructor(
    revision: string,
    policies: readonly CompiledPolicy[],
    defaultEffect: "allow" | "deny" = "allow",
    onDisposed?: () => void,
    detectorsOf: DetectorsOf = noDetectors,
    masked: ReadonlySet<FactName> = noFacts,
  ) {
    this.revision = revision;
    this.policies = [...policies].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    this.defaultEffect = defaultEffect;
    this.masked = masked;
    this.#index = new ScopeIndex(this.policies);
    this.#onDisposed = onDisposed;
    this.#detectorsOf = detectorsOf;
  }

  /** The policies in scope for this caller, model and surface. */
  rulesFor(identity: Identity, model: string, surface: Surface): RuleSet {
    let caller = this.#callers.get(identity);
    if (caller === undefined) {
      caller = { candidates: this.#index.candidates(identity), sets: newSets() };
      this.#callers.set(identity, caller);
    }
    const { candidates, sets } = caller;
    const known = sets[surface].get(model);
    if (known !== undefined) {
      this.lookups.hits += 1;
      return known;
    }
    this.lookups.misses += 1;
    const policies = this.#index.among(candidates, identity, model, surface).map((at) => this.policies[at]!);
    const rules = toRuleSet(policies, this.#detectorsOf);
    if (sets[surface].size >= maxRemembered) sets[surface].clear();
    sets[surface].set(model, rules);
    return rules;
  }

  /** Marks a request as using this snapshot. It {@link leave}s once, when it ends. */
  enter(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users === 0 && this.#retiring !== undefined) this.#dispose(this.#retiring);
  }

  /**
   * Disposes every policy once no request uses this snapshot any more. A second call waits for the same end.
   *
   * Rejects with what policies threw while they were disposed; the requests that were last to leave never see it.
   */
  retire(): Promise<void> {
    if (this.#retiring === undefined) {
      this.#retiring = Promise.withResolvers<void>();
      if (this.#users === 0) this.#dispose(this.#retiring);
    }
    return this.#retiring.promise;
  }

  #dispose({ resolve, reject }: PromiseWithResolvers<void>): void {
    const failures: unknown[] = [];
    for (const dispose of [...this.policies.map((policy) => () => policy.dispose?.()), () => this.#onDisposed?.()]) {
      try {
        dispose();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 0) resolve();
    else reject(new AggregateError(failures, `${failures.length} policies could not be disposed`));
  }
}

/** What is remembered of one caller. */
interface Caller {
  /** Positions of the policies that may apply to it. */
  readonly candidates: readonly number[];
  /** By surface, then by model. */
  readonly sets: Readonly<Record<Surface, Map<string, RuleSet>>>;
}

function newSets(): Caller["sets"] {
  return Object.fromEntries(surfaces.map((surface) => [surface, new Map()])) as unknown as Caller["sets"];
}

function toRuleSet(policies: readonly CompiledPolicy[], detectorsOf: DetectorsOf): RuleSet {
  const inPhase = (phase: Phase) => policies.filter((policy) => policy.evaluate[phase] !== undefined);
  const count = "request.estimated_tokens";
  const reads = new Set(policies.flatMap((policy) => policy.reads));
  return {
    policies,
    reads,
    detectors: detectorsOf(reads),
    limiting: policies.filter((policy) => policy.limits !== undefined),
    answering: policies.filter((policy) => policy.answer !== undefined),
    inPhase: {
      request: inPhase("request"),
      stream: inPhase("stream"),
      response: inPhase("response"),
      usage: inPhase("usage"),
    },
    boundable: policies
      .filter((policy) => policy.reads.includes(count))
      .every((policy) => policy.limits === undefined && policy.monotone?.includes(count)),
  };
}

/** Holds the snapshot that new requests are judged by. */
export class LiveSnapshot {
  #current: Snapshot;
  /** Those of the sets that were live before. */
  readonly #earlier = { hits: 0, misses: 0 };

  constructor(initial: Snapshot) {
    this.#current = initial;
  }

  /** {@link Snapshot.lookups} of all that were live so far. */
  get lookups(): { readonly hits: number; readonly misses: number } {
    const { hits, misses } = this.#current.lookups;
    return { hits: this.#earlier.hits + hits, misses: this.#earlier.misses + misses };
  }

  get current(): Snapshot {
    return this.#current;
  }

  /**
   * Makes `next` the set that new requests are judged by, in one assignment. Requests under way keep the set they
   * began with. The returned set is still in use until its `retire()` resolves.
   */
  publish(next: Snapshot): Snapshot {
    const previous = this.#current;
    this.#current = next;
    this.#earlier.hits += previous.lookups.hits;
    this.#earlier.misses += previous.lookups.misses;
    return previous;
  }
}
