import { randomBytes } from "node:crypto";
import type { Activity, ActivityEvent, ActivitySink, Follower, NamedEvent } from "../core/activity.ts";
import type { Logger } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";

/** How a feed works. */
export interface ActivityOptions {
  readonly logger: Logger;
  /** Events that are kept for those who were cut off. */
  readonly kept?: number;
  /** Most events that wait for one follower. */
  readonly maxWaiting?: number;
  readonly maxFollowers?: number;
  /** How long events are kept after the last follower left. */
  readonly lingerMs?: number;
  /** Told when there is somebody to be told again, and when there is nobody any more. */
  readonly onWanted?: (wanted: boolean) => void;
}

/** A feed, with the side that tells it. */
export interface ActivityFeed extends Activity, ActivitySink {
  readonly followers: number;
  /** Ends every follower. */
  close(): void;
}

/** Makes a feed of what happens. It remembers nothing, and costs nothing, until somebody follows. */
export function createActivity({
  logger,
  kept = 2048,
  maxWaiting = 4096,
  maxFollowers = 100,
  lingerMs = 120_000,
  onWanted = () => undefined,
}: ActivityOptions): ActivityFeed {
  const followers = new Set<Reader>();
  /** A ring: `count` events were ever kept since it was last emptied. */
  const ring: NamedEvent[] = [];
  let count = 0;
  /** A place before the first event. */
  let beginning = "";
  let newest = "";
  let lingering: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const want = (wanted: boolean) => {
    if (feed.wanted === wanted) return;
    feed.wanted = wanted;
    // What comes while nobody is told is not kept: nobody may take what is left for all there was.
    ring.length = 0;
    count = 0;
    beginning = makeId();
    newest = beginning;
    onWanted(wanted);
  };

  const left = (reader: Reader) => {
    if (!followers.delete(reader) || followers.size > 0) return;
    lingering = setTimeout(() => want(false), lingerMs);
    lingering.unref();
  };

  /** The events after that one; `null` when it is not kept any more. */
  const since = (id: string): readonly NamedEvent[] | null => {
    const oldestFirst = count <= kept ? ring : [...ring.slice(count % kept), ...ring.slice(0, count % kept)];
    if (id === beginning) return count <= kept ? oldestFirst : null;
    const at = oldestFirst.findLastIndex((one) => one.id === id);
    return at === -1 ? null : oldestFirst.slice(at + 1);
  };

  const feed = {
    wanted: false,
    get followers() {
      return followers.size;
    },

    tell(event: ActivityEvent) {
      if (!feed.wanted) return;
      const named = { id: makeId(), event };
      ring[count % kept] = named;
      count += 1;
      newest = named.id;
      for (const reader of followers) {
        if (reader.wants(event) && reader.offer(named) > maxWaiting) {
          left(reader);
          reader.end("slow");
          logger.warn({ waiting: maxWaiting }, "a follower of the activity did not keep up and was dropped");
        }
      }
    },

    follow(wants: Reader["wants"], after: string | null): Follower {
      if (closed || followers.size >= maxFollowers) throw new SluiceError("too_many_followers", { max: maxFollowers });
      clearTimeout(lingering);
      const missed = after === null ? [] : since(after);
      want(true);
      const waiting = (missed ?? []).filter(({ event }) => wants(event));
      const reader = new Reader(wants, waiting, missed === null ? "unknown_id" : null, () => newest, left);
      followers.add(reader);
      return reader;
    },

    close() {
      closed = true;
      clearTimeout(lingering);
      for (const reader of [...followers]) {
        left(reader);
        reader.end("closed");
      }
      clearTimeout(lingering);
      want(false);
    },
  };
  return feed;
}

/** Says nothing of how many there were: a follower may be shown only some of them. */
function makeId(): string {
  return randomBytes(9).toString("base64url");
}

class Reader implements Follower {
  readonly wants: (event: ActivityEvent) => boolean;
  readonly gap: Follower["gap"];
  ended: Follower["ended"] = null;
  #waiting: NamedEvent[];
  #ready: () => void = () => undefined;
  readonly #newest: () => string;
  readonly #left: (reader: Reader) => void;

  constructor(
    wants: Reader["wants"],
    waiting: NamedEvent[],
    gap: Follower["gap"],
    newest: () => string,
    left: (reader: Reader) => void,
  ) {
    this.wants = wants;
    this.#waiting = waiting;
    this.gap = gap;
    this.#newest = newest;
    this.#left = left;
  }

  get newest(): string {
    return this.#newest();
  }

  /** Answers how many events wait now. */
  offer(event: NamedEvent): number {
    const waiting = this.#waiting.push(event);
    if (waiting === 1) this.#ready();
    return waiting;
  }

  take(): readonly NamedEvent[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  onReady(ready: () => void): void {
    this.#ready = ready;
  }

  end(how: "slow" | "closed"): void {
    if (this.ended !== null) return;
    this.ended = how;
    // What waits is let go of at once: the reader may be there for long.
    this.#waiting = [];
    this.#ready();
  }

  leave(): void {
    if (this.ended !== null) return;
    this.ended = "closed";
    this.#waiting = [];
    this.#left(this);
  }
}
