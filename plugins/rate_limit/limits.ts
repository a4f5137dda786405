import {
  type ConfigNote,
  type LimitScope,
  type LimitWindow,
  type OnStoreDown,
  PluginConfigError,
} from "../../src/sdk/index.ts";

const units = ["requests", "tokens", "prompt_tokens", "completion_tokens"] as const;

/** The units this plugin limits. */
export type RateUnit = (typeof units)[number];

type Amounts = { readonly [U in RateUnit]?: number };
type Window = Amounts & {
  readonly every?: Extract<LimitWindow, { every: unknown }>["every"];
  readonly sliding?: number;
};

/** A limit but for the amount that each request takes from it. */
export interface RateLimit {
  /** Where in the config it is set. */
  readonly path: string;
  readonly name: string;
  readonly per: readonly LimitScope[];
  readonly unit: RateUnit;
  readonly window: LimitWindow;
  readonly max: number;
  readonly onStoreDown: OnStoreDown;
}

/**
 * The limits that a config stands for, however it is written.
 *
 * @throws PluginConfigError for a window without a length or without a limit, and for a limit that is set twice
 */
export function toLimits(config: {
  readonly requests_per_minute?: number;
  readonly tokens_per_minute?: number;
  readonly windows?: readonly Window[];
  readonly per: readonly LimitScope[];
  readonly onStoreDown: OnStoreDown;
}): RateLimit[] {
  const { requests_per_minute, tokens_per_minute, windows = [], per, onStoreDown } = config;
  const limits = new Map<string, RateLimit>();
  const add = (path: string, window: LimitWindow, unit: RateUnit, max: number | undefined) => {
    if (max === undefined) return;
    const name = `${unit}/${"every" in window ? window.every : `${window.sliding}s`}`;
    if (limits.has(name)) throw new PluginConfigError(path, `a limit of ${name} is already set`);
    limits.set(name, { path, name, per, unit, window, max, onStoreDown });
  };
  add("requests_per_minute", { every: "minute" }, "requests", requests_per_minute);
  add("tokens_per_minute", { every: "minute" }, "tokens", tokens_per_minute);
  for (const [i, window] of windows.entries()) {
    const path = `windows.${i}`;
    const before = limits.size;
    for (const unit of units) add(`${path}.${unit}`, lengthOf(window, path), unit, window[unit]);
    if (limits.size === before) throw new PluginConfigError(path, `set at least one of ${units.join(", ")}`);
  }
  return [...limits.values()];
}

/**
 * What of a config can make no difference: a limit that a longer window never lets be reached.
 *
 * @throws PluginConfigError for a default or a slice that is more than a window holds: nothing would ever pass
 */
export function checkLimits(
  limits: readonly RateLimit[],
  assumed: number | undefined,
  slice: number | undefined,
): readonly ConfigNote[] {
  const tokens = limits.filter(hasCompletion);
  const tooSmall = slice === undefined ? undefined : tokens.find(({ max }) => slice > max);
  if (tooSmall !== undefined) {
    const message = `a streamed answer takes ${slice} tokens at a time and could never pass: ${tooSmall.max} ${words(tooSmall.unit)} are allowed per ${lengthWords(tooSmall.window)}`;
    throw new PluginConfigError("slice_completion_tokens", message);
  }
  const full = assumed === undefined ? undefined : tokens.find(({ max }) => assumed > max);
  if (full !== undefined) {
    const message = `a request that names no maximum takes ${assumed} tokens and could never pass: ${full.max} ${words(full.unit)} are allowed per ${lengthWords(full.window)}`;
    throw new PluginConfigError("default_completion_tokens", message);
  }
  const idle = slice !== undefined && tokens.length === 0;
  const notes = idle ? [{ path: "slice_completion_tokens", message: "no limit here counts completion tokens" }] : [];
  const unreached = limits.flatMap((limit) => {
    const longer = limits.find(
      (other) => other.unit === limit.unit && other.max <= limit.max && isInside(limit.window, other.window),
    );
    if (longer === undefined) return [];
    const message = `${limit.max} ${words(limit.unit)} per ${lengthWords(limit.window)} are never reached: ${longer.max} are allowed per ${lengthWords(longer.window)}`;
    return [{ path: limit.path, message }];
  });
  return [...unreached, ...notes];
}

/** Whether what a model writes is counted. */
export function hasCompletion({ unit }: Pick<RateLimit, "unit">): boolean {
  return unit === "tokens" || unit === "completion_tokens";
}

const calendar = ["second", "minute", "hour", "day", "week"] as const;

/** Whether every window of one kind lies within one of the other: not a week within a month, whose ends differ. */
function isInside(inner: LimitWindow, outer: LimitWindow): boolean {
  if ("sliding" in inner && "sliding" in outer) return inner.sliding < outer.sliding;
  if (!("every" in inner && "every" in outer)) return false;
  const [a, b] = [inner.every, outer.every];
  if (b === "month") return ["second", "minute", "hour", "day"].includes(a);
  const [at, by] = [calendar.indexOf(a as never), calendar.indexOf(b as never)];
  return at >= 0 && at < by;
}

function words(unit: RateUnit): string {
  return unit.replace("_", " ");
}

function lengthWords(window: LimitWindow): string {
  return "every" in window ? window.every : `${window.sliding} s`;
}

function lengthOf({ every, sliding }: Window, path: string): LimitWindow {
  if (every !== undefined && sliding === undefined) return { every };
  if (sliding !== undefined && every === undefined) return { sliding };
  throw new PluginConfigError(path, "set either every or sliding");
}

/** What a request may take. */
export interface Demand {
  readonly prompt: number;
  readonly completion: number;
  /** Whether the completion is as much as the model could write, because nobody named a maximum. */
  readonly isOpen: boolean;
  /** Completion tokens that it reserves at a time; 0 when it reserves all of them at once. */
  readonly slice: number;
}

/**
 * What a request takes from a limit. An open completion takes at most what an empty window has room for: the model's
 * own maximum can be larger than the window, and every request would be refused.
 */
export function amountOf({ unit, max }: RateLimit, { prompt, completion, isOpen, slice }: Demand): number {
  const written = (taken: number) => {
    if (slice > 0) return slice;
    return isOpen ? Math.min(completion, Math.max(0, max - taken)) : completion;
  };
  switch (unit) {
    case "requests":
      return 1;
    case "prompt_tokens":
      return prompt;
    case "completion_tokens":
      return written(0);
    case "tokens":
      return prompt + written(prompt);
  }
}
