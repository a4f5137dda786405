import {
  type ConfigNote,
  type DearestRates,
  estimateMicroUsd,
  type LimitScope,
  type OnStoreDown,
  PluginConfigError,
} from "../../src/sdk/index.ts";

const periods = ["day", "week", "month"] as const;
type Period = (typeof periods)[number];
type Unit = "usd" | "tokens";

type Amounts = { readonly [K in `${Unit}_per_${Period}`]?: number };

/** A budget of one period, but for the amount that each request takes from it. */
export interface Budget {
  /** Where in the config it is set. */
  readonly path: string;
  readonly name: string;
  readonly per: readonly LimitScope[];
  readonly unit: Unit;
  readonly window: { readonly every: Period };
  /** Usd in whole micro-dollars. */
  readonly max: number;
  readonly onStoreDown: OnStoreDown;
}

/** The budgets that a config stands for. */
export function toBudgets(
  config: Amounts & { readonly per: readonly LimitScope[]; readonly onStoreDown: OnStoreDown },
): readonly Budget[] {
  const { per, onStoreDown } = config;
  return (["usd", "tokens"] as const).flatMap((unit) =>
    periods.flatMap((every) => {
      const path = `${unit}_per_${every}` as const;
      const amount = config[path];
      if (amount === undefined) return [];
      const max = unit === "usd" ? Math.round(amount * 1e6) : amount;
      return [{ path, name: `${unit}/${every}`, per, unit, window: { every }, max, onStoreDown }];
    }),
  );
}

/**
 * What of a config can make no difference: a budget that a longer period's never lets be reached.
 *
 * @throws PluginConfigError for a default or a slice that is more than a budget: nothing would ever pass
 */
export function checkBudgets(
  budgets: readonly Budget[],
  config: { readonly default_completion_tokens?: number; readonly slice_completion_tokens?: number },
): readonly ConfigNote[] {
  for (const path of ["default_completion_tokens", "slice_completion_tokens"] as const) {
    const taken = config[path];
    const full = budgets.find(({ unit, max }) => unit === "tokens" && taken !== undefined && taken > max);
    if (full === undefined) continue;
    const message = `${taken} tokens are more than a ${full.window.every}'s budget of ${full.max}: nothing would ever pass`;
    throw new PluginConfigError(path, message);
  }
  return budgets.flatMap(({ path, unit, window, max }) => {
    const longer = budgets.find((other) => other.unit === unit && other.max <= max && isInside(window, other.window));
    return longer === undefined
      ? []
      : [{ path, message: `never reached: the ${longer.window.every}'s budget is no larger` }];
  });
}

/** A month cuts the week that it begins or ends in. */
function isInside({ every }: Budget["window"], { every: other }: Budget["window"]): boolean {
  return every === "day" && other !== "day";
}

/** What a request may take. */
export interface Demand {
  readonly prompt: number;
  readonly completion: number;
  /** Whether the completion is as much as the model could write, because nobody named a maximum. */
  readonly isOpen: boolean;
  /** The model's price, or what is assumed of it; absent where money is not counted. */
  readonly rates: DearestRates | undefined;
}

/**
 * What a request takes from a budget. One without a maximum takes at most what an empty period has room for: the model's
 * own maximum can be dearer than the budget, and every request would be refused.
 */
export function amountOf({ unit, max }: Pick<Budget, "unit" | "max">, demand: Demand): number {
  const { prompt, completion, isOpen } = demand;
  const all = inUnit(unit, demand, prompt, completion);
  return isOpen && all > max ? Math.max(max, inUnit(unit, demand, prompt, 0)) : all;
}

/** So many tokens in the unit of a budget. */
export function inUnit(unit: Unit, { rates }: Pick<Demand, "rates">, prompt: number, completion: number): number {
  return unit === "tokens" ? prompt + completion : estimateMicroUsd(prompt, completion, rates!);
}
