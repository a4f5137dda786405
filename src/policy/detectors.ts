import CircuitBreaker from "opossum";
import { type Detector, type DetectorsOf, FactFailure } from "../core/detectors.ts";
import {
  type DetectedFactName,
  type DetectedFacts,
  type FactName,
  type FactSpec,
  factCatalogue,
} from "../core/facts.ts";
import type { Content } from "../core/policy.ts";
import {
  type CompileCel,
  ConfigErrors,
  type InstantiatedDetector,
  instantiateDetector,
} from "../registry/instantiate.ts";
import type { Plugin } from "../sdk/plugin.ts";
import type { PluginDirectory } from "./plugin.ts";

/** What the manifest says of a detector. */
export interface DetectorSettings {
  /** Most milliseconds that a request waits for it; {@link defaultTimeoutMs} when absent. */
  readonly timeout_ms?: number;
  /** The config of the policy type. */
  readonly with?: unknown;
}

/** Most milliseconds that a request waits for a detector of which the manifest says nothing else. */
export const defaultTimeoutMs = 1_000;

/** After so long an open breaker lets one request try. */
const openMs = 10_000;

/** The detectors of one policies folder: of the policy types that provide facts, each made when it is first needed. */
export interface Detectors {
  readonly of: DetectorsOf;
  /** Why nothing finds out a detected fact; `null` when something does. */
  whyNot(fact: FactName): string | null;
  /** All that a fact can hold, where its detector says so. */
  valuesOf(fact: DetectedFactName): readonly string[] | undefined;
  /** Gives back what they took. */
  dispose(): void;
}

/**
 * Makes the detectors of a registry's policy types.
 *
 * @param settings by policy type
 * @param cel lends them the host's CEL compiler
 */
export function createDetectors(
  registry: PluginDirectory,
  settings: Readonly<Record<string, DetectorSettings>>,
  cel: CompileCel,
): Detectors {
  const providers = new Map<FactName, Plugin>();
  for (const name of registry.names()) {
    const plugin = registry.get(name)!;
    for (const fact of Object.keys(plugin.provides ?? {})) providers.set(fact as FactName, plugin);
  }
  const made = new Map<string, GuardedDetector | ConfigErrors>();
  const detectorOf = (plugin: Plugin): GuardedDetector | ConfigErrors => {
    const known = made.get(plugin.name);
    if (known !== undefined) return known;
    const detector = makeDetector(plugin, settings[plugin.name] ?? {}, cel, registry);
    made.set(plugin.name, detector);
    return detector;
  };
  return {
    of(reads) {
      const found = new Set<Detector>();
      for (const fact of reads) {
        const plugin = providers.get(fact);
        const detector = plugin && detectorOf(plugin);
        if (detector instanceof GuardedDetector) found.add(detector);
      }
      return [...found];
    },
    whyNot(fact) {
      const plugin = providers.get(fact);
      if (plugin === undefined) return "no policy type provides it";
      const detector = detectorOf(plugin);
      if (detector instanceof GuardedDetector) return null;
      const said = detector.errors.map(({ message }) => message).join(", ");
      return settings[plugin.name] === undefined
        ? `the policy type '${plugin.name}' needs a config; give it in the manifest's facts.${plugin.name}.with (${said})`
        : `the manifest's config of '${plugin.name}' is refused: ${said}`;
    },
    valuesOf: (fact) => providers.get(fact)?.provides?.[fact]?.values,
    dispose() {
      for (const detector of made.values()) if (detector instanceof GuardedDetector) detector.dispose();
      made.clear();
    },
  };
}

function makeDetector(
  plugin: Plugin,
  { timeout_ms = defaultTimeoutMs, with: config = {} }: DetectorSettings,
  cel: CompileCel,
  registry: PluginDirectory,
): GuardedDetector | ConfigErrors {
  try {
    return new GuardedDetector(plugin, instantiateDetector(plugin, config, cel, registry), timeout_ms);
  } catch (error) {
    if (error instanceof ConfigErrors) return error;
    throw error;
  }
}

/** A detector with its time-out and its breaker, that takes nothing for an answer but what is one. */
class GuardedDetector implements Detector {
  readonly name: string;
  readonly provides: readonly FactName[];
  readonly #instance: InstantiatedDetector;
  readonly #circuit: CircuitBreaker<[Content], DetectedFacts>;
  readonly #timeoutMs: number;

  constructor(plugin: Plugin, instance: InstantiatedDetector, timeoutMs: number) {
    this.name = plugin.name;
    this.provides = Object.keys(plugin.provides ?? {}) as FactName[];
    this.#instance = instance;
    this.#timeoutMs = timeoutMs;
    this.#circuit = new CircuitBreaker((content: Content) => this.#find(content), {
      timeout: false,
      // opossum opens above this, not at it.
      errorThresholdPercentage: 59.999,
      volumeThreshold: 3,
      resetTimeout: openMs,
      rollingCountTimeout: 10_000,
      rollingCountBuckets: 10,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      // What a detector says of a prompt, such as that it is too long, says nothing of the detector.
      errorFilter: (error) => error instanceof FactFailure && error.reason !== timedOut,
    });
  }

  async detect(content: Content): Promise<DetectedFacts> {
    try {
      return await this.#circuit.fire(content);
    } catch (cause) {
      if (cause instanceof FactFailure) throw cause;
      const { code } = Object(cause) as { readonly code?: unknown };
      throw new FactFailure(code === "EOPENBREAKER" ? "breaker open" : "failed", { cause });
    }
  }

  dispose(): void {
    this.#circuit.shutdown();
    this.#instance.dispose?.();
  }

  async #find(content: Content): Promise<DetectedFacts> {
    const abort = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new FactFailure(timedOut)), this.#timeoutMs);
    try {
      const found = await Promise.race([this.#instance.facts(content, abort.signal), late.promise]);
      for (const fact of this.provides) checkValue(fact, (found as Readonly<Record<string, unknown>>)[fact]);
      return found;
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }
}

const timedOut = "timeout";

/** @throws TypeError for what is not a value of this fact */
function checkValue(fact: FactName, value: unknown): void {
  const { type, max, range: [least, most] = [0, Number.POSITIVE_INFINITY] }: FactSpec = factCatalogue[fact];
  const fits =
    type === "list<string>"
      ? Array.isArray(value) && value.length <= max! && value.every((text) => typeof text === "string")
      : typeof value === "number" &&
        value >= least &&
        value <= most &&
        (type === "int" ? Number.isSafeInteger(value) : Number.isFinite(value));
  if (!fits) throw new TypeError(`a detector found no value of ${fact}`);
}
