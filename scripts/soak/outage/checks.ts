import type { Fault } from "./faults.ts";
import type { OutageResult } from "./run.ts";

/** What waiting for Redis may add to an answer once it is known that Redis is away. */
const addedMs = 50;
/** Where it comes and goes, each time has to be found out anew, by waiting for as long as a command may take. */
const waveringMs = 100 + addedMs;

/** What must hold of every outage, and whether it does. */
export function checksOf(fault: Fault, result: OutageResult): readonly (readonly [what: string, ok: boolean])[] {
  const { wrong, before, away, counted, metrics, told } = result;
  const { opened, halfOpened, closed, fallbacks, dropped } = metrics;
  const examples = wrong.length === 0 ? "" : `; not so: ${wrong.length}, such as ${wrong.slice(0, 3).join("; ")}`;
  const added = away.p99 - before.p99;
  const fellBack = Object.values(fallbacks).every((count) => count > 0);
  const unnoticed = [
    "no breaker opens and nothing falls back",
    opened === 0 && Object.values(fallbacks).every((n) => n === 0),
  ] as const;
  const noticed = [
    "metrics and status tell of it",
    opened > 0 && halfOpened > 0 && closed > 0 && fellBack && told !== "",
  ] as const;
  return [
    [`every answer is as declared${examples}`, wrong.length === 0],
    [`p99 added while away: ${added.toFixed(0)} ms`, added < (fault.wavers ? waveringMs : addedMs)],
    ...Object.entries(counted).map(
      ([way, { requests, tokens }]) =>
        [
          `${way}: ${requests[0]} let pass and ${requests[1]} counted, ${tokens[0]} tokens and ${tokens[1]} counted`,
          requests[0] === requests[1] && tokens[0] === tokens[1],
        ] as const,
    ),
    ["nothing that was to be settled is dropped", dropped === 0],
    ...(fault.brief ? [] : [fault.harmless ? unnoticed : noticed]),
  ];
}
