import type { Facts } from "./facts.ts";
import type { LimitRequest, LimitScope, LimitUnit } from "./limits.ts";
import { hashName } from "./name-hash.ts";

/** What a counter's key says of it. */
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
      per[scope] = readPart(text);
    } catch {
      return null;
    }
    end = part.lastIndex;
  }
  return end === key.length ? { org, policy, name, unit, window, per } : null;
}

/** The name in a part, quoted or not. @throws SyntaxError */
function readPart(text: string): string {
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}

/** A key that {@link readCounterKey} reads, as records hold it: what stands there for an end user stands in place of the name. */
export function maskCounterKey(key: string): string {
  const start = head.exec(key)![0].length;
  const masked = key
    .slice(start)
    .replace(part, (whole, scope: string, text: string) =>
      scope === "user" ? `|user="${hashCounted(readPart(text))}"` : whole,
    );
  return key.slice(0, start) + masked;
}

/** {@link hashName} of a user as a key names them: a name that is too long is there as its hash already. */
export function hashCounted(user: string): string {
  return longName.test(user) ? user.slice(longPrefix.length, longPrefix.length + 32) : hashName(user);
}

/** The key of the counter that a request takes a limit from: what {@link readCounterKey} reads. */
export function writeCounterKey(
  org: string,
  policy: string,
  { name, unit, window, per }: Pick<LimitRequest, "name" | "unit" | "window" | "per">,
  facts: Facts,
): string {
  let key = `${org}|${policy}|${name}|${unit}|${"every" in window ? window.every : window.sliding}`;
  for (const scope of per) key += `|${scope}=${partOf(scope, facts)}`;
  return key;
}

// What a client chooses is quoted, so that no user name can spell another counter's key.
function partOf(scope: LimitScope, facts: Facts): string {
  switch (scope) {
    case "org":
      return facts.org.id;
    case "team":
      return facts.team.id;
    case "app":
      return facts.app.id;
    case "env":
      return facts.app.env;
    case "key":
      return facts.key.id;
    case "user":
      return JSON.stringify(bounded(facts.user.id));
    case "model":
      return JSON.stringify(facts.request.model.toLowerCase());
    case "provider":
      return facts.request.provider;
  }
}

const longPrefix = "sha256:";
const longName = /^sha256:[0-9a-f]{64}$/;

/** Counters are kept by the million: a name may be long, its place in a key may not. */
function bounded(name: string): string {
  return name.length <= 256 ? name : `${longPrefix}${Bun.SHA256.hash(name, "hex")}`;
}
