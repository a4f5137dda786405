import { collectDefaultMetrics, Registry } from "prom-client";
import type { OnStoreDown } from "../core/limits.ts";
import type { Phase } from "../core/phases.ts";
import type { Route, Target, TargetStatus } from "../core/ports.ts";
import { counter, gauge, histogram, total } from "./instruments.ts";

/** What `sluice_breaker_state` shows. */
const breakerStates = { closed: 0, half_open: 1, open: 2 } as const;

const policyStates = ["ready", "degraded", "invalid"] as const;

/** Most distinct values of a label that a client can choose (models); later ones are counted as `other`. */
const maxClientValues = 200;

/**
 * Sluice's metrics and the process's own, in one registry. Names are contracts: dashboards depend on them. No label
 * ever holds a user or a key.
 */
export function createMetrics(sources: {
  readonly dropped: () => Readonly<Record<string, number>>;
  /** What was looked for in caches, by cache. */
  readonly caches?: () => Readonly<Record<string, { readonly hits: number; readonly misses: number }>>;
  readonly targets?: () => readonly TargetStatus[];
  /** Live replicas; `null` while nobody counts them. */
  readonly replicas?: () => number | null;
}) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const requests = counter(registry, "sluice_requests_total", "Calls answered.", ["surface", "status"]);
  const requestSeconds = histogram(registry, "sluice_request_seconds", "From arrival to the last byte.", ["surface"]);
  const overhead = histogram(registry, "sluice_overhead_seconds", "Time of a call not spent on its provider.", [
    "surface",
  ]);
  const ttft = histogram(registry, "sluice_ttft_seconds", "From arrival to the first byte of a stream.", []);
  const decisions = counter(
    registry,
    "sluice_decisions_total",
    "Findings by policy; one without a policy is a plain allow.",
    ["phase", "decision", "mode", "policy", "code"],
  );
  const evalSeconds = histogram(registry, "sluice_eval_seconds", "Time in the engine.", ["phase"]);
  const factSeconds = histogram(
    registry,
    "sluice_facts_seconds",
    "Time to find out a fact that takes some: tokens that are counted, what detectors find in a prompt's words.",
    ["fact"],
  );
  const policyErrors = counter(registry, "sluice_policy_errors_total", "Policies that could not be evaluated.", [
    "policy",
    "component",
  ]);
  const limitChecks = counter(registry, "sluice_limit_checks_total", "Limits asked.", ["limit", "result"]);
  const tokens = counter(registry, "sluice_tokens_total", "Tokens used.", ["kind", "provider", "model"]);
  const cost = counter(registry, "sluice_cost_usd_total", "Money spent.", ["provider", "model"]);
  const upstreamSeconds = histogram(registry, "sluice_upstream_seconds", "Time spent on the provider.", ["provider"]);
  const upstreamErrors = counter(registry, "sluice_upstream_errors_total", "Failures of providers.", [
    "provider",
    "kind",
  ]);
  const upstreamRetries = counter(registry, "sluice_upstream_retries_total", "Further attempts after a failed one.", [
    "provider",
    "kind",
  ]);
  const inFlight = gauge(registry, "sluice_upstream_in_flight", "Calls under way.", ["name"]);
  const queued = gauge(registry, "sluice_upstream_queued", "Calls that wait for their turn.", ["name"]);
  const cacheHits = total(registry, "sluice_cache_hits_total", "What was found in memory.", ["tier"]);
  const cacheMisses = total(registry, "sluice_cache_misses_total", "What had to be read or made anew.", ["tier"]);
  const shadowDiffs = counter(
    registry,
    "sluice_shadow_diff_total",
    "Decisions that would have been others if every policy in mode warn or audit were enforced.",
    ["from", "to"],
  );
  const reservedTokens = gauge(
    registry,
    "sluice_reserved_tokens",
    "Tokens that calls under way have reserved, of the first limit on tokens each.",
    [],
  );
  const drift = histogram(
    registry,
    "sluice_settle_drift_tokens",
    "Tokens reserved but not used (negative ones count in the lowest bucket).",
    [],
    [0, 10, 100, 1_000, 10_000, 100_000],
  );
  const driftUsd = histogram(
    registry,
    "sluice_settle_drift_usd",
    "US dollars reserved less those used, per call with a limit on money.",
    [],
    [-1, -0.1, -0.01, 0, 0.001, 0.01, 0.1, 1, 10],
  );
  const streams = gauge(registry, "sluice_streams_active", "Streams being relayed.", []);
  const unknown = {
    fields: counter(registry, "sluice_unknown_fields_total", "Members of requests that are not known and passed on.", [
      "surface",
    ]),
    events: counter(registry, "sluice_unknown_events_total", "Events of streams that are not known and passed on.", [
      "surface",
    ]),
  };
  const loads = counter(registry, "sluice_policy_loads_total", "Policy loads.", ["result"]);
  const revision = gauge(registry, "sluice_policy_revision_info", "1 for the revision in force.", ["revision"]);
  const policyState = gauge(registry, "sluice_policy_state", "1 for the state that the policy set is in.", ["state"]);
  const overrides = counter(
    registry,
    "sluice_policy_overrides_total",
    "Findings that an exception or a break-glass kept from their effect.",
    ["kind", "override", "policy"],
  );
  const open = gauge(registry, "sluice_overrides_open", "What takes away the effect of policies now.", ["kind"]);
  const expiries = counter(registry, "sluice_overrides_expired_total", "What came to its end by itself.", ["kind"]);
  const reload = histogram(
    registry,
    "sluice_policy_reload_seconds",
    "From reading the files to the published set.",
    [],
  );
  const breakerState = gauge(registry, "sluice_breaker_state", "0 closed, 1 half-open, 2 open.", ["name"]);
  const breakerTransitions = counter(registry, "sluice_breaker_transitions_total", "Changes of breakers.", [
    "name",
    "to",
  ]);
  const fallbacks = counter(
    registry,
    "sluice_store_fallback_total",
    "Limits answered without the counter store, by what was done instead.",
    ["action"],
  );
  const settlesDropped = counter(
    registry,
    "sluice_settles_dropped_total",
    "Requests that could not be settled before the counter store gave them up.",
    [],
  );
  const changes = counter(registry, "sluice_changes_total", "What other replicas changed, by what became of it here.", [
    "topic",
    "result",
  ]);
  const changePolls = counter(
    registry,
    "sluice_change_poll_failures_total",
    "Looks at the database for changes of other replicas that failed.",
    [],
  );
  const replicas = gauge(registry, "sluice_replicas", "Live replicas that share the counter store, as last known.", []);
  const dropped = total(registry, "sluice_log_dropped_total", "Records that did not fit the queue.", ["log"]);

  const overrideUses = new Map<string, number>();

  const models = boundedLabel();
  // Kept by what callers hold anyway: a label text that is made anew would be hashed anew for every request.
  const requestsOf = remembered((surface: string) => ({
    statuses: remembered((status: number) => requests.of([surface, String(status)])),
    seconds: requestSeconds.of([surface]),
    overhead: overhead.of([surface]),
  }));
  const plainOf = remembered((phase: Phase) =>
    remembered((effect: string) => decisions.of([phase, effect, "enforce", "", ""])),
  );
  const limitsOf = remembered((policy: string) =>
    remembered((limit: string) => remembered((result: string) => limitChecks.of([`${policy}:${limit}`, result]))),
  );
  const evaluatedOf = remembered((phase: Phase) => evalSeconds.of([phase]));
  const upstreamOf = remembered((provider: string) => upstreamSeconds.of([provider]));
  const factOf = remembered((fact: string) => factSeconds.of([fact]));
  const driftOf = drift.of([]);
  const driftUsdOf = driftUsd.of([]);
  const routes = new WeakMap<Target, ReturnType<typeof routeSeries>>();
  const routeSeries = ({ target: { provider }, model }: Route) => {
    const name = models(model.id);
    return {
      prompt: tokens.of(["prompt", provider, name]),
      completion: tokens.of(["completion", provider, name]),
      cost: cost.of([provider, name]),
    };
  };
  const breakers = new Set<string>();
  let active = 0;
  let reserved = 0;
  let current = "";

  return {
    contentType: registry.contentType,
    /** The text for a scrape. */
    async text(): Promise<string> {
      for (const [log, count] of Object.entries(sources.dropped())) dropped([log], count);
      for (const [tier, { hits, misses }] of Object.entries(sources.caches?.() ?? {})) {
        cacheHits([tier], hits);
        cacheMisses([tier], misses);
      }
      replicas([], sources.replicas?.() ?? 1);
      for (const { id, ...target } of sources.targets?.() ?? []) {
        inFlight([id], target.inFlight);
        queued([id], target.queued);
      }
      return registry.metrics();
    },

    request(surface: string, status: number, seconds: number, overheadSeconds: number) {
      const of = requestsOf(surface);
      of.statuses(status)(1);
      of.seconds(seconds);
      of.overhead(overheadSeconds);
    },
    firstByte: (seconds: number) => ttft([], seconds),
    decision: (phase: Phase, effect: string, mode: string, policy: string, code: string) =>
      decisions([phase, effect, mode, policy, code]),
    /** A finding that was kept from its effect; `override` as `Finding.override` says it. */
    overridden(override: string, policy: string) {
      overrideUses.set(override, (overrideUses.get(override) ?? 0) + 1);
      const colon = override.indexOf(":");
      overrides([override.slice(0, colon).replace("-", "_"), override.slice(colon + 1), policy]);
    },
    /** How often this has kept a finding from its effect since the start. */
    overrideUses: (override: string): number => overrideUses.get(override) ?? 0,
    /** What is laid over git, whenever it was read. */
    overlay({
      breakGlass,
      maintenance,
    }: {
      readonly breakGlass: readonly object[];
      readonly maintenance: object | null;
    }) {
      open(["break_glass"], breakGlass.length);
      open(["maintenance"], Number(maintenance !== null));
    },
    expired: (kind: "break_glass" | "maintenance") => expiries([kind]),
    shadow: (from: string, to: string) => shadowDiffs([from, to]),
    /** A decision without findings. */
    plainDecision: (phase: Phase, effect: string) => plainOf(phase)(effect)(1),
    evaluated: (phase: Phase, seconds: number) => evaluatedOf(phase)(seconds),
    factFound: (fact: string, seconds: number) => factOf(fact)(seconds),
    policyError: (policy: string) => policyErrors([policy, "engine"]),
    limit: (policy: string, limit: string, result: string) => limitsOf(policy)(limit)(result)(1),
    usage(route: Route, prompt: number, completion: number, nanoUsd: number | null) {
      let of = routes.get(route.target);
      if (of === undefined) {
        of = routeSeries(route);
        routes.set(route.target, of);
      }
      of.prompt(prompt);
      of.completion(completion);
      if (nanoUsd !== null) of.cost(nanoUsd / 1e9);
    },
    upstream: (provider: string, seconds: number) => upstreamOf(provider)(seconds),
    upstreamError: (provider: string, kind: string) => upstreamErrors([provider, kind]),
    upstreamRetry: (provider: string, kind: "retry" | "failover") => upstreamRetries([provider, kind]),
    reserved(amount: number) {
      reserved += amount;
      reservedTokens([], reserved);
    },
    drift: (amount: number) => driftOf(amount),
    driftUsd: (micro: number) => driftUsdOf(micro / 1e6),
    streams(change: 1 | -1) {
      active += change;
      streams([], active);
    },
    unknown: (surface: string, what: keyof typeof unknown, count: number) => unknown[what]([surface], count),
    /** A breaker that changed; the first call for a name only says how it begins. */
    breaker(name: string, state: keyof typeof breakerStates) {
      if (breakers.has(name)) breakerTransitions([name, state]);
      breakers.add(name);
      breakerState([name], breakerStates[state]);
    },
    /** A limit that was answered without the counter store. */
    fallback: (action: OnStoreDown) => fallbacks([action]),
    settlesDropped: (count: number) => settlesDropped([], count),
    change: (topic: string, result: "applied" | "failed") => changes([topic, result]),
    changePollFailed: () => changePolls([]),
    policyLoad(event: { readonly result: string; readonly revision: string; readonly seconds: number }) {
      loads([event.result]);
      reload([], event.seconds);
      if (event.revision === current) return;
      // Every edit makes a revision: those that are gone must not stay as series.
      revision.forget([current]);
      revision([event.revision], 1);
      current = event.revision;
    },
    /** How the policy set is; `pinned` says so beside the other states. */
    policyStatus({ state, pin }: { readonly state: string; readonly pin: object | null }) {
      for (const known of policyStates) policyState([known], Number(known === state));
      policyState(["pinned"], Number(pin !== null));
    },
  };
}

/** Sluice's metrics. */
export type Metrics = ReturnType<typeof createMetrics>;

/** What is made for a key is made once and kept: an observation then makes nothing anew. */
function remembered<K, T>(make: (key: K) => T): (key: K) => T {
  const known = new Map<K, T>();
  return (key) => {
    let made = known.get(key);
    if (made === undefined) {
      made = make(key);
      known.set(key, made);
    }
    return made;
  };
}

/** Keeps a label that clients choose from growing without bound. */
function boundedLabel(): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= maxClientValues) return "other";
    known.add(value);
    return value;
  };
}
