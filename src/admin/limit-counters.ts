import { type CounterKey, readCounterKey } from "../core/counter-keys.ts";
import type { InspectedCounter, LimitUnit } from "../core/limits.ts";
import type { Page } from "../core/resources.ts";
import type { Organisation } from "../core/tenants.ts";
import type { AdminDeps } from "./deps.ts";

/** A counter with what its key says. */
export interface ReadCounter {
  readonly key: CounterKey;
  readonly counter: InspectedCounter;
}

/** One look at the counters of an organisation, or of one policy there. */
export async function countersOf(
  { counters }: Pick<AdminDeps, "counters">,
  { id, timeZone }: Pick<Organisation, "id" | "timeZone">,
  query: { readonly policy?: string | undefined; readonly cursor: string | null; readonly limit: number },
): Promise<{ readonly counters: readonly ReadCounter[]; readonly next: string | null }> {
  const { policy, cursor, limit } = query;
  const prefix = policy === undefined ? `${id}|` : `${id}|${policy}|`;
  const page = await counters.inspect({ id, timeZone }, { prefix, limit, ...(cursor !== null && { cursor }) });
  const read = page.counters.flatMap((counter) => {
    const key = readCounterKey(counter.key);
    return key === null ? [] : [{ key, counter }];
  });
  return { counters: read, next: page.next };
}

/** Every organisation, in the order of their ids. */
export async function allOrganisations({
  organisations,
}: Pick<AdminDeps, "organisations">): Promise<readonly Organisation[]> {
  const all: Organisation[] = [];
  let after: string | null = null;
  do {
    const page: Page<Organisation> = await organisations.list({ limit: 200, after });
    all.push(...page.data);
    after = page.next;
  } while (after !== null);
  return all;
}

/** An amount as people read it: money is counted in whole micro-dollars and shown in dollars. */
export function readableAmount(unit: LimitUnit, amount: number): number {
  return unit === "usd" ? amount / 1e6 : amount;
}
