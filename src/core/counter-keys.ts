import type { LimitScope, LimitUnit } from "./limits.ts";

/** What a counter's key says of it. The data plane writes keys; this reads them. */
export interface CounterKey {
  readonly org: string;
  readonly policy: string;
  /** Of the limit inside its policy. */
  readonly name: string;
  readonly unit: LimitUnit;
  /** `day` and its like, or the seconds of a sliding window. */
  readonly window: string;
  /** Whose counter it is. A name that is too long for a key is there as `sha256:…`. */
  readonly per: Readonly<Partial<Record<LimitScope, string>>>;
}

const head =
  /^([^|]*)\|([^|]*)\|(.*?)\|(requests|tokens|prompt_tokens|completion_tokens|usd|concurrency)\|([a-z0-9]+)/s;
// What clients choose is quoted, so it can hold anything.
const part = /\|(org|team|app|env|key|user|model|provider)=("(?:[^"\\]|\\.)*"|[^|]*)/gsy;

/** Reads `org|policy|limit|unit|window|part=value…`; `null` for what is no key of a counter. */
export function readCounterKey(key: string): CounterKey | null {
  const found = head.exec(key);
  if (found === null) return null;
  const [start, org, policy, name, unit, window] = found as unknown as [
    string,
    string,
    string,
    string,
    LimitUnit,
    string,
  ];
  const per: Partial<Record<LimitScope, string>> = {};
  part.lastIndex = start.length;
  let end = start.length;
  for (let match = part.exec(key); match !== null; match = part.exec(key)) {
    const [, scope, text] = match as unknown as [string, LimitScope, string];
    try {
      per[scope] = text.startsWith('"') ? (JSON.parse(text) as string) : text;
    } catch {
      return null;
    }
    end = part.lastIndex;
  }
  return end === key.length ? { org, policy, name, unit, window, per } : null;
}
