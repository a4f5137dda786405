import type { ChangesHealth } from "../core/changes.ts";
import type { Readiness } from "../core/health.ts";
import type { Clock, Recorder, TargetStatus } from "../core/ports.ts";
import type { Status } from "../core/status.ts";
import type { CertificateHealth } from "./tls.ts";

/** How a part is, in its own words. */
interface PartHealth {
  readonly state: "ready" | "degraded";
  readonly detail: string;
}

/** The parts that are looked at. None is asked anything that takes time: each says what its last use has shown. */
export interface HealthSources {
  readonly version: string;
  readonly startedAt: number;
  readonly clock: Clock;
  readonly closing: () => boolean;
  /** The texts are empty when there is nothing to know; `outline` is as much of the problem as anyone may be told. */
  readonly policies: () => { readonly state: string; readonly problem: string; readonly outline: string };
  readonly database: () => PartHealth;
  /** Of the shared counters; `undefined` while counters are this process's own. */
  readonly redis: () => Readonly<{ state: string; detail: string; replicas: number }> | undefined;
  readonly replicas: () => ChangesHealth;
  readonly targets: () => readonly TargetStatus[];
  readonly recorder: Pick<Recorder, "dropped" | "accepting">;
  /** `undefined` while plain HTTP is served. */
  readonly certificate: () => CertificateHealth | undefined;
  /** What else there is to say in the status and is no trouble. */
  readonly notes: () => Status["parts"];
}

/** How the gateway is: in one word, and by its parts. */
export interface Health {
  /** With the parts that are not as they usually are. For operators: it names addresses, files and people. */
  readiness(): Readiness;
  /** The same for anyone: which parts they are, and of policies where they are wrong. */
  outline(): Readiness;
  /** With every part. */
  status(): Status;
}

/** What stands for what only operators are told. */
const elsewhere = "GET /admin/v1/status says more";

/** How long after the last lost record its log counts as degraded. */
const lossMs = 60_000;

/** Makes the one place that says how the gateway is. */
export function createHealth(sources: HealthSources): Health {
  const records = watchLosses(sources);

  /** Every part, in a fixed order. */
  const parts = (): Readiness["parts"] => {
    const { state, problem } = sources.policies();
    const redis = sources.redis();
    const certificate = sources.certificate();
    return [
      { name: "policies", state, problem },
      toPart("database", sources.database()),
      ...(redis === undefined ? [] : [toPart("redis", redis)]),
      toPart("replicas", sources.replicas()),
      toPart("upstream", upstreamHealth(sources.targets())),
      toPart("records", records()),
      ...(certificate === undefined ? [] : [toPart("tls", certificate)]),
    ];
  };

  const readiness = (): Readiness => {
    if (sources.closing()) {
      return { status: "unready", parts: [{ name: "server", state: "unready", problem: "shutting down" }] };
    }
    const unusual = parts().filter(({ state }) => state !== "ready");
    const states = unusual.map(({ state }) => state);
    const status = states.includes("invalid") ? "unready" : states.includes("degraded") ? "degraded" : "ready";
    return { status, parts: unusual };
  };

  return {
    readiness,
    outline() {
      const { status, parts: unusual } = readiness();
      const told = (name: string, problem: string) =>
        name === "policies" ? sources.policies().outline : name === "server" ? problem : elsewhere;
      return {
        status,
        parts: unusual.map(({ name, state, problem }) => ({ name, state, problem: told(name, problem) })),
      };
    },
    status() {
      const { status, parts: unusual } = readiness();
      const shown = sources.closing() ? unusual : parts();
      return {
        status: status === "unready" ? "not_ready" : status,
        version: sources.version,
        startedAt: sources.startedAt,
        replicas: sources.redis()?.replicas ?? null,
        parts: [
          ...shown.map(({ name, state, problem }) => ({ name, state, detail: problem })),
          ...describeTargets(sources.targets()),
          ...sources.notes(),
        ],
      };
    },
  };
}

function toPart(name: string, { state, detail }: { state: string; detail: string }): Readiness["parts"][number] {
  return { name, state, problem: detail };
}

/** Degraded before records are lost, and for a while after: nobody would see it otherwise. */
function watchLosses({ recorder, clock }: Pick<HealthSources, "recorder" | "clock">): () => PartHealth {
  let known = 0;
  let until = 0;
  return () => {
    const { usage, decision } = recorder.dropped;
    const total = usage + decision;
    if (total > known) until = clock.now() + lossMs;
    known = total;
    const lost = `${usage} usage and ${decision} decision records were lost since the start`;
    if (clock.now() < until) return { state: "degraded", detail: lost };
    if (!recorder.accepting) {
      const why = "the database does not take them, or nearly as many wait as may";
      return { state: "degraded", detail: `they wait to be stored: ${why}; ${lost}` };
    }
    return { state: "ready", detail: total === 0 ? "none was lost since the start" : lost };
  };
}

/** Degraded while a target is left alone: what it served goes elsewhere, or is refused. */
function upstreamHealth(targets: readonly TargetStatus[]): PartHealth {
  const open = targets.filter(({ state }) => state === "open").map(({ id }) => id);
  if (open.length > 0) return { state: "degraded", detail: `left alone for a while: ${open.join(", ")}` };
  return { state: "ready", detail: `${targets.length} ${targets.length === 1 ? "target was" : "targets were"} asked` };
}

/** The targets that were asked, as the admin API shows parts. */
function describeTargets(targets: readonly TargetStatus[]): Status["parts"] {
  return targets.map(({ id, state, inFlight, queued, attempts, failures }) => ({
    name: `upstream ${id}`,
    state: state === "closed" ? "ready" : state,
    detail: `${inFlight} in flight, ${queued} queued; ${failures} of ${attempts} attempts failed since the start`,
  }));
}
