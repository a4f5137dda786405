import type { CounterPage, InspectedCounter, InspectQuery, LimitUnit, LimitWindow } from "../../core/limits.ts";
import { calendarUnits, identityOf, type OrganisationKeys, type RedisCounter } from "./keys.ts";
import type { ScriptArgument } from "./script-command.ts";
import type { RunScript } from "./scripts.ts";

/** What scripts are told of time. */
export interface ScriptTime {
  /** The time, or '' for the server's own. */
  readonly given: string | number;
  /** What that is, as far as this process knows. */
  readonly now: number;
  readonly leaseMs: number;
}

const defaultLimit = 100;
/** Rounds of looking in one call, and most keys looked at in one. A store may hold millions of others. */
const maxRounds = 40;
const maxLook = 5_000;
/** Values that the script answers for each counter. */
const perCounter = 5;

/** One page of an organisation's counters; the cursor is Redis's own. */
export async function inspectCounters(
  run: RunScript,
  organisation: OrganisationKeys,
  { given, now, leaseMs }: ScriptTime,
  { prefix = "", cursor = "0", limit = defaultLimit }: InspectQuery = {},
): Promise<CounterPage> {
  const period = Math.floor(now / leaseMs);
  const keys = [organisation.openRequests(period), organisation.openRequests(period - 1)];
  const pattern = `${literally(organisation.noteOf(prefix))}*`;
  const windows = calendarUnits.flatMap((unit) => {
    const { start, end } = organisation.spanAt(now, unit);
    return [unit, start, end];
  });
  const counters: InspectedCounter[] = [];
  let at = /^\d+$/.test(cursor) ? cursor : "0";
  let look = limit;
  for (let round = 0; round < maxRounds && counters.length < limit; round += 1) {
    const args: ScriptArgument[] = [given, leaseMs, organisation.prefix, pattern, at, look, ...windows];
    const [next, ...found] = (await run("inspect", keys, args)) as [string, ...(string | number)[]];
    for (let i = 0; i < found.length; i += perCounter) counters.push(counterOf(found.slice(i, i + perCounter)));
    at = next;
    if (at === "0") return { counters, next: null };
    if (found.length === 0) look = Math.min(2 * look, maxLook);
  }
  return { counters, next: at };
}

/** Resets a counter; whether it was anything but zero. */
export async function resetCounter(
  run: RunScript,
  organisation: OrganisationKeys,
  { given, now, leaseMs }: ScriptTime,
  key: string,
): Promise<boolean> {
  const period = Math.floor(now / leaseMs);
  const spans = calendarUnits.map((unit) => organisation.spanAt(now, unit));
  const keys = [
    organisation.openRequests(period),
    organisation.openRequests(period - 1),
    organisation.nameOf("sliding", key),
    organisation.nameOf("held", key),
    organisation.noteOf(key),
    ...spans.map(({ start }) => organisation.nameOf("calendar", key, start)),
  ];
  const args = [given, leaseMs, identityOf(key), ...calendarUnits.flatMap((unit, i) => [unit, spans[i]!.end])];
  return (await run("reset", keys, args)) === 1;
}

/** What Redis keeps beside a counter for {@link inspectCounters}. */
export function noteOf({ unit, window, identity }: RedisCounter, max: number): string {
  return `${unit} ${"every" in window ? window.every : window.sliding} ${max} ${identity}`;
}

function counterOf([key, note, used, held, resetMs]: readonly (string | number)[]): InspectedCounter {
  const [unit, window, max] = String(note).split(" ");
  return {
    key: String(key),
    unit: unit as LimitUnit,
    window: windowOf(window!),
    ...{ used: Number(used), held: Number(held), max: Number(max) },
    resetSeconds: Math.max(1, Math.ceil(Number(resetMs) / 1000)),
  };
}

function windowOf(text: string): LimitWindow {
  const every = calendarUnits.find((unit) => unit === text);
  return every === undefined ? { sliding: Number(text) } : { every };
}

/** The text as a pattern of Redis's that matches it and nothing else. */
function literally(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, "\\$&");
}
