import { type DearestRates, estimateMicroUsd, toMicroUsd } from "../core/cost.ts";
import { writeCounterKey } from "../core/counter-keys.ts";
import type { Finding } from "../core/decision.ts";
import { errorFinding, toFinding } from "../core/engine.ts";
import { entry } from "../core/entry.ts";
import type { Facts } from "../core/facts.ts";
import type { Identity } from "../core/identity.ts";
import {
  type ActualAmounts,
  type CounterState,
  type LimitOwner,
  type LimitRequest,
  type LimitScope,
  type LimitStanding,
  type Reservation,
  type ReserveResult,
  unlimited,
} from "../core/limits.ts";
import { createLocalTime } from "../core/local-time.ts";
import type { ActiveOverride, CompiledPolicy } from "../core/policy.ts";
import type { ToldLimit } from "../core/recorded-facts.ts";
import type { RuleSet } from "../core/snapshot.ts";
import type { TokenUsage } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { GatewayDeps } from "./deps.ts";
import { type ReservedLimit, readsLimits } from "./limit-facts.ts";
import { loggable } from "./loggable.ts";

/** What became of a request's limits. */
export interface LimitOutcome {
  readonly findings: readonly Finding[];
  /**
   * The limit for the `ratelimit-*` headers: of those that refused, the one that takes longest to have room again, else
   * the tightest enforced one on requests or tokens; absent when there is none.
   */
  readonly tightest: { readonly limit: number; readonly state: CounterState } | undefined;
  /** The ids under which something is held, to settle or release. */
  readonly held: readonly string[];
  /** Tokens reserved, to tell the drift when they are settled. */
  readonly reservedTokens: number;
  /** Whether something is held in money, which has to be settled too. */
  readonly holdsUsd: boolean;
  /** Micro-dollars reserved by the first enforced limit on money, for the drift. */
  readonly reservedMicroUsd: number;
  /** What to settle money with where the model's price is not known; the dearest that a policy assumes. */
  readonly assumedPrice: DearestRates | undefined;
  /** What counters said of limits that refused or warned; absent when there were none. */
  readonly told: readonly ToldLimit[] | undefined;
  /** The enforced limits that were reserved, where rules may ask how they stand. */
  readonly reserved: readonly ReservedLimit[] | undefined;
  /** The enforced limits of which a streamed answer reserved only the first slice; absent when there are none. */
  readonly sliced: readonly Sliced[] | undefined;
}

/** A limit of which a streamed answer reserved only the first slice. */
interface Sliced {
  readonly policy: CompiledPolicy;
  readonly limit: LimitRequest;
  /** Seconds until its window ends. */
  readonly resetSeconds: number;
}

/** A limit that a policy wants to take from, as the counters see it. */
interface Wanted extends Reservation {
  readonly policy: CompiledPolicy;
  readonly limit: LimitRequest;
  /** What keeps the limit from refusing, such as a break-glass; `undefined` when nothing does. */
  readonly override: string | undefined;
}

/** A {@link LimitOutcome} while it is being found out. */
class Reserving implements LimitOutcome {
  readonly findings: Finding[] = [];
  readonly held: string[] = [];
  tightest: LimitOutcome["tightest"];
  reservedTokens = 0;
  holdsUsd = false;
  reservedMicroUsd = 0;
  assumedPrice: DearestRates | undefined;
  told: ToldLimit[] | undefined;
  sliced: Sliced[] | undefined;
  reserved: ReservedLimit[] | undefined;
}

const localTime = createLocalTime();

/**
 * Reserves the limits of all policies: the enforced ones in one step, all or none. Limits of policies in mode `warn`
 * or `audit` are reserved apart and afterwards, so that they can neither refuse a request nor be taken by a refused one.
 *
 * Answers a promise only when the counters do.
 */
export function reserveLimits(
  deps: GatewayDeps,
  requestId: string,
  identity: Identity,
  rules: RuleSet,
  facts: Facts,
): LimitOutcome | Promise<LimitOutcome> {
  const { org } = identity;
  const { limiting: policies } = rules;
  const outcome = new Reserving();
  if (readsLimits(rules)) outcome.reserved = [];
  const enforced: Wanted[] = [];
  const observed: Wanted[] = [];
  for (const policy of policies) {
    try {
      const limits = policy.limits!(facts);
      for (let i = 0; i < limits.length; i += 1) {
        const limit = limits[i]!;
        const override = overrideOf(policy, limit, facts);
        if (override?.action === "skip") continue;
        const list = policy.mode === "enforce" && override === undefined ? enforced : observed;
        list.push(want(policy, limit, override?.label, facts, identity));
      }
    } catch (error) {
      deps.metrics.policyError(policy.id);
      deps.logger.error({ policy: policy.id, ...loggable(error) }, "a policy failed to declare its limits");
      outcome.findings.push(errorFinding(policy, { override: policy.override?.(facts)?.label }));
    }
  }
  // A policy that could not say its limits refuses already: nothing may be taken.
  if (isRefused(outcome)) return outcome;
  const taking = take(deps, requestId, org, enforced, outcome);
  return taking === undefined
    ? observe(deps, requestId, org, observed, outcome)
    : observeLater(taking, deps, requestId, org, observed, outcome);
}

// A function of its own, as below: a closure would put what it holds on the heap also where nothing is waited for.
async function observeLater(taking: Promise<void>, ...rest: Parameters<typeof observe>): Promise<LimitOutcome> {
  await taking;
  return observe(...rest);
}

/**
 * Reserves what can only be observed, of a request that the enforced limits let pass. Each policy by itself: one without
 * room refuses nothing, so the others go on counting.
 */
function observe(
  deps: GatewayDeps,
  requestId: string,
  owner: LimitOwner,
  observed: readonly Wanted[],
  outcome: Reserving,
): LimitOutcome | Promise<LimitOutcome> {
  if (observed.length === 0 || isRefused(outcome)) return outcome;
  const waits: Promise<void>[] = [];
  for (let from = 0, to = 0; from < observed.length; from = to) {
    const { policy } = observed[from]!;
    while (observed[to]?.policy === policy) to += 1;
    const taking = take(deps, `${requestId}:observed:${from}`, owner, observed.slice(from, to), outcome);
    if (taking !== undefined) waits.push(taking);
  }
  return waits.length === 0 ? outcome : Promise.all(waits).then(() => outcome);
}

function isRefused({ findings }: LimitOutcome): boolean {
  return findings.length > 0 && findings.some(({ effect }) => effect === "deny");
}

/** Reserves one group and notes what came of it. */
function take(
  deps: GatewayDeps,
  id: string,
  owner: LimitOwner,
  wanted: readonly Wanted[],
  outcome: Reserving,
): Promise<void> | undefined {
  if (wanted.length === 0) return undefined;
  try {
    const answer = deps.counters.reserve(id, owner, wanted);
    if (answer instanceof Promise) return noteLater(deps, id, owner, wanted, answer, outcome);
    note(deps, id, owner, wanted, answer, outcome);
  } catch (error) {
    failed(deps, wanted, error, outcome);
  }
  return undefined;
}

async function noteLater(
  deps: GatewayDeps,
  id: string,
  owner: LimitOwner,
  wanted: readonly Wanted[],
  answer: Promise<ReserveResult>,
  outcome: Reserving,
): Promise<void> {
  try {
    note(deps, id, owner, wanted, await answer, outcome);
  } catch (error) {
    failed(deps, wanted, error, outcome);
  }
}

function failed(deps: GatewayDeps, wanted: readonly Wanted[], error: unknown, outcome: Reserving): void {
  // That the store is away is told once by who found out, and counted here.
  if (!(error instanceof SluiceError)) deps.logger.error({ err: error }, "limits could not be reserved");
  for (const { policy, limit } of wanted) deps.metrics.limit(policy.id, limit.name, "error");
  outcome.findings.push(...unavailable(wanted));
}

function note(
  deps: GatewayDeps,
  id: string,
  owner: LimitOwner,
  wanted: readonly Wanted[],
  { granted, states, exhausted, storeDown }: ReserveResult,
  outcome: Reserving,
): void {
  if (granted) outcome.held.push(id);
  if (storeDown) outcome.findings.push(...storeDownWarnings(wanted));
  for (let i = 0; i < wanted.length; i += 1) {
    const { policy, limit } = wanted[i]!;
    const state = states[i]!;
    const spent = !granted && exhausted.includes(i);
    deps.metrics.limit(policy.id, limit.name, spent ? "exhausted" : "granted");
    if (granted && limit.unit === "usd") noteUsd(limit, policy.mode === "enforce", outcome);
    const counted = !(storeDown && limit.onStoreDown === "allow");
    if (spent) refuse(deps, owner, wanted[i]!, state, longestWait(states, exhausted), outcome);
    else if (granted && counted && policy.limitGranted !== undefined) warn(deps, owner, wanted[i]!, state, outcome);
    if (policy.mode !== "enforce" || !counted) continue;
    if (granted) outcome.reserved?.push({ policy: policy.id, limit, used: state.used });
    // What is kept from refusing, as by a break-glass, does not end a stream either.
    if (granted && limit.slice !== undefined && !limit.soft && wanted[i]!.override === undefined) {
      outcome.sliced ??= [];
      outcome.sliced.push({ policy, limit, resetSeconds: state.resetSeconds });
    }
    if (granted && limit.unit === "tokens" && outcome.reservedTokens === 0) outcome.reservedTokens = limit.amount;
    if (granted ? isTighter(limit, state, outcome.tightest) : spent && takesLonger(limit, state, outcome.tightest)) {
      outcome.tightest = { limit: limit.max, state };
    }
  }
}

/** Of limits that had room, the one with the least share left. Money is told in words, and what is held now returns. */
function isTighter({ unit, soft, max }: LimitRequest, state: CounterState, than: LimitOutcome["tightest"]): boolean {
  if (unit === "usd" || unit === "concurrency" || soft) return false;
  return than === undefined || state.remaining / max < than.state.remaining / than.limit;
}

function takesLonger({ unit }: LimitRequest, state: CounterState, than: LimitOutcome["tightest"]): boolean {
  return unit !== "usd" && (than === undefined || state.resetSeconds > than.state.resetSeconds);
}

/** The request passes when all of the limits that refused it have room: coming back earlier would be in vain. */
function longestWait(states: readonly CounterState[], exhausted: readonly number[]): number {
  let longest = 1;
  for (const i of exhausted) longest = Math.max(longest, states[i]!.resetSeconds);
  return longest;
}

function noteUsd({ amount, price }: LimitRequest, enforced: boolean, outcome: Reserving): void {
  outcome.holdsUsd = true;
  if (enforced && outcome.reservedMicroUsd === 0) outcome.reservedMicroUsd = amount;
  if (price === undefined) return;
  const { input = 0, output = 0 } = outcome.assumedPrice ?? {};
  outcome.assumedPrice = { input: Math.max(input, price.input), output: Math.max(output, price.output) };
}

/** Notes the refusal of a limit without room. Money that is spent does not come back by waiting a little. */
function refuse(
  deps: GatewayDeps,
  owner: LimitOwner,
  { policy, limit, override }: Wanted,
  state: CounterState,
  waitSeconds: number,
  outcome: Reserving,
): void {
  if (policy.limitHit === undefined) return;
  const standing = standingOf(deps, owner, limit, state.used, state);
  const hit = policy.limitHit(limit, standing);
  // What no empty window has room for passes at no time.
  const passesLater = hit.status !== 402 && limit.amount <= limit.max;
  const headers = passesLater ? { "retry-after": String(waitSeconds), ...hit.headers } : hit.headers;
  outcome.told ??= [];
  outcome.told.push({ policy: policy.id, limit: limit.name, ...standing });
  const made = { ...hit, ...(headers && { headers }), ...(override !== undefined && { override }) };
  outcome.findings.push(toFinding(policy, made));
}

/** Notes what there is to say of a limit that had room. It says nothing while it is kept from refusing. */
function warn(
  deps: GatewayDeps,
  owner: LimitOwner,
  { policy, limit, override, amount }: Wanted,
  state: CounterState,
  outcome: Reserving,
): void {
  const standing = standingOf(deps, owner, limit, state.used - amount, state);
  const hit = policy.limitGranted!(limit, standing);
  if (hit === null || hit.effect !== "warn") return;
  outcome.told ??= [];
  outcome.told.push({ policy: policy.id, limit: limit.name, ...standing, granted: true });
  outcome.findings.push(toFinding(policy, { ...hit, ...(override !== undefined && { override }) }));
}

/** Only of windows that begin anew on a certain day is the day worth telling. */
function standingOf(
  deps: GatewayDeps,
  { timeZone }: LimitOwner,
  { window }: LimitRequest,
  used: number,
  { resetSeconds }: CounterState,
): LimitStanding {
  if (!("every" in window) || !wholeDays.has(window.every)) return { used, resetSeconds };
  const resetDate = localTime(deps.clock.now() + resetSeconds * 1000, timeZone).date;
  return { used, resetSeconds, resetDate };
}

const wholeDays: ReadonlySet<string> = new Set(["day", "week", "month"]);

/** One warning for each policy and way that its limits were answered without the store. */
function storeDownWarnings(wanted: readonly Wanted[]): Finding[] {
  const ways = new Map<string, Wanted>();
  for (const one of wanted) ways.set(`${one.policy.id} ${one.limit.onStoreDown}`, one);
  return [...ways.values()].map(({ policy, limit, override }) => {
    const [code, message] = storeDownCodes[limit.onStoreDown === "allow" ? "allow" : "local"];
    return { ...errorFinding({ ...policy, onError: "warn" }, { message, override }), code };
  });
}

const storeDownCodes = {
  local: ["limits_counted_locally", "the counter store is away: limits were counted in this process"],
  allow: ["limits_not_checked", "the counter store is away: limits were not checked"],
} as const;

/** A store that failed is not a rate limit that was hit: `deny` and `local` refuse as an error, `allow` lets pass. */
function unavailable(wanted: readonly Wanted[]): Finding[] {
  return wanted
    .filter(({ limit }) => limit.onStoreDown !== "allow")
    .map(({ policy, override }) => ({
      ...errorFinding({ ...policy, onError: "deny" }, { message: "a limit could not be checked", override }),
      code: "store_unavailable",
      status: 503,
    }));
}

/** The most that one request takes from a limit that never refuses, so that a few of them do not reach its maximum. */
const mostAtOnce = unlimited / 1e6;

/** What keeps a limit from refusing now. Which rule it would refuse by is asked only where something may. */
function overrideOf(policy: CompiledPolicy, limit: LimitRequest, facts: Facts): ActiveOverride | undefined {
  if (policy.override === undefined) return undefined;
  return policy.override(facts, policy.limitHit?.(limit, { used: limit.max, resetSeconds: 0 }).rule);
}

function want(
  policy: CompiledPolicy,
  limit: LimitRequest,
  override: string | undefined,
  facts: Facts,
  identity: Identity,
): Wanted {
  const { unit, window, onStoreDown } = limit;
  const key = keyOf(policy, limit, facts, identity);
  const max = limit.soft ? unlimited : limit.max;
  // A client may ask for more than counters can hold, which they would not answer for.
  const amount = Math.min(Math.ceil(limit.amount), limit.soft ? mostAtOnce : unlimited);
  const whole = limit.slice === undefined;
  return { policy, limit, override, key, unit, window, max, amount, whole, onStoreDown };
}

/**
 * Keys that depend on the caller alone, by caller, policy and limit: written once, because a text that is made anew is
 * also hashed anew wherever it is looked up. Weak: they go with the identity.
 */
const keysOf = new WeakMap<Identity, Map<CompiledPolicy, Map<string, string>>>();

function keyOf(policy: CompiledPolicy, limit: LimitRequest, facts: Facts, identity: Identity): string {
  const policies = entry(keysOf, identity, newMap<CompiledPolicy, Map<string, string>>);
  // A caller meets the policies of one revision at a time.
  if (policies.size > maxPolicies) policies.clear();
  const known = entry(policies, policy, newMap<string, string>);
  let key = known.get(limit.name);
  if (key !== undefined) return key;
  key = writeCounterKey(identity.org.id, policy.id, limit, facts);
  if (!limit.per.some((part) => perRequest.has(part))) known.set(limit.name, key);
  return key;
}

const maxPolicies = 256;

// Not written where it is used: that would be one more function for every limit of every request.
function newMap<K, V>(): Map<K, V> {
  return new Map();
}

/** Parts that can differ between two requests of one caller. */
const perRequest: ReadonlySet<LimitScope> = new Set(["user", "model", "provider"]);

/**
 * What a call used, by unit, for settling what it holds.
 *
 * Money is whole micro-dollars, rounded half up. Where the model has no price it is what the policies assume; where
 * none of them assumes one, what was reserved stays taken: what nobody knows is never nothing.
 */
export function actualAmounts(
  usage: TokenUsage,
  costNanoUsd: number | null,
  { holdsUsd, assumedPrice }: Pick<LimitOutcome, "holdsUsd" | "assumedPrice">,
): ActualAmounts {
  const prompt = counted(usage.promptTokens);
  const completion = counted(usage.completionTokens);
  const tokens = {
    tokens: counted(usage.totalTokens),
    prompt_tokens: prompt,
    completion_tokens: completion,
    concurrency: 0,
  };
  if (!holdsUsd) return tokens;
  if (costNanoUsd !== null) return { ...tokens, usd: counted(toMicroUsd(costNanoUsd)) };
  if (assumedPrice === undefined) return usage.totalTokens > 0 ? tokens : { ...tokens, usd: 0 };
  return { ...tokens, usd: counted(estimateMicroUsd(prompt, completion, assumedPrice)) };
}

/** Figures are the provider's word: what counters are told is whole, and no more than they can hold. */
function counted(amount: number): number {
  return Math.min(Math.ceil(amount), unlimited);
}
