import type { Place } from "../share.ts";
import type { RunScript } from "./scripts.ts";

/** Settings of {@link createReplicas}. */
export interface ReplicasOptions {
  readonly run: RunScript;
  /** This replica's name, different from all others'. */
  readonly name: string;
  /** After how long a silence a replica counts as gone. */
  readonly silenceMs: number;
}

/** Knows how many replicas live. */
export interface Replicas {
  /** The last place known; before anything is known, that of the only one. */
  readonly place: Place;
  /** Says that this one lives and learns of the others. Rejects when Redis does not answer. */
  beat(): Promise<void>;
  /** Says that this one is gone. Rejects when Redis does not answer. */
  leave(): Promise<void>;
}

const key = "sluice:{replicas}";

/** Makes the register of live replicas, which all write to one sorted set by Redis's clock. */
export function createReplicas({ run, name, silenceMs }: ReplicasOptions): Replicas {
  let place: Place = { rank: 0, replicas: 1 };
  return {
    get place() {
      return place;
    },
    async beat() {
      const names = (await run("heartbeat", [key], [name, silenceMs])) as string[];
      place = { rank: Math.max(0, names.indexOf(name)), replicas: Math.max(1, names.length) };
    },
    async leave() {
      await run("leave", [key], [name]);
    },
  };
}
