import { type Detector, FactFailure } from "../core/detectors.ts";
import { type FactName, type Facts, failFact } from "../core/facts.ts";
import type { Content } from "../core/policy.ts";
import type { RuleSet } from "../core/snapshot.ts";
import type { GatewayDeps } from "./deps.ts";

/** Is told how long a detector took, and why it found nothing out. */
export interface DetectionListener {
  took(facts: readonly FactName[], seconds: number): void;
  failed(detector: string, failure: FactFailure): void;
}

/** Counts what detectors take and logs what they fail at. Nothing of what they looked at is told. */
export function detectionListener({ metrics, logger }: Pick<GatewayDeps, "metrics" | "logger">): DetectionListener {
  return {
    took: (facts, seconds) => facts.forEach((fact) => void metrics.factFound(fact, seconds)),
    failed(detector, { reason, cause }) {
      // The message of what was thrown may repeat the prompt.
      const thrown = cause instanceof Error ? { thrown: cause.name } : {};
      logger.warn({ detector, reason, ...thrown }, "facts of a prompt could not be found out");
    },
  };
}

/**
 * Finds out the facts in a prompt's words that rules in scope read. What cannot be found out fails when it is read, and
 * so becomes the `onError` of the policies that read it. Never rejects.
 *
 * To be called only where there are detectors: everybody else need not wait.
 */
export async function addContentFacts(
  facts: Facts,
  { detectors }: Pick<RuleSet, "detectors">,
  content: Content,
  listener?: DetectionListener,
): Promise<void> {
  await Promise.all(detectors.map((detector) => addFactsOf(detector, facts, content, listener)));
}

async function addFactsOf(
  detector: Detector,
  facts: Facts,
  content: Content,
  listener: DetectionListener | undefined,
): Promise<void> {
  const from = performance.now();
  try {
    const found = await detector.detect(content);
    for (const fact of detector.provides) {
      const [root, field] = rootOf(facts, fact);
      root[field] = found[fact as keyof typeof found];
    }
  } catch (error) {
    const failure = error instanceof FactFailure ? error : new FactFailure("failed", { cause: error });
    for (const fact of detector.provides) failFact(...rootOf(facts, fact), fact, failure.reason);
    listener?.failed(detector.name, failure);
  }
  listener?.took(detector.provides, (performance.now() - from) / 1000);
}

/** The root of a fact, this request's own, and the fact's name in it. */
function rootOf(facts: Facts, fact: FactName): [Record<string, unknown>, string] {
  const [root, field] = fact.split(".") as [string, string];
  const roots = facts as unknown as Record<string, Record<string, unknown>>;
  // What is not known yet is shared by all requests. A copy by descriptors: reading what it copies may fail.
  const own = Object.defineProperties({}, Object.getOwnPropertyDescriptors(roots[root]!)) as Record<string, unknown>;
  roots[root] = own;
  return [own, field];
}

/** Takes over what was found out of the same words before. */
export function keepContentFacts(facts: Facts, before: Facts): void {
  facts.pii = before.pii;
  facts.secrets = before.secrets;
  facts.injection = before.injection;
}
