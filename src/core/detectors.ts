import type { DetectedFacts, FactName } from "./facts.ts";
import type { Content } from "./policy.ts";

/**
 * Finds facts out of the words of a prompt. It brings its own time-out and its own breaker: what it does not find out in
 * time, or fails at, is an error and never a value.
 */
export interface Detector {
  /** The policy type that it is. */
  readonly name: string;
  /** What it finds out, all of it each time. */
  readonly provides: readonly FactName[];
  /**
   * Looks at a prompt. Waited for only while some rule in scope reads one of its facts.
   *
   * @throws FactFailure whatever goes wrong
   */
  detect(content: Content): Promise<DetectedFacts>;
}

/** Why a detector found nothing out, without a word of what it looked at. */
export class FactFailure extends Error {
  /** Such as timeout. */
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    super(`facts cannot be had: ${reason}`, options);
    this.name = "FactFailure";
    this.reason = reason;
  }
}

/** Which detectors find out the facts that rules read. */
export type DetectorsOf = (reads: ReadonlySet<FactName>) => readonly Detector[];

/** For sets without detectors. */
export const noDetectors: DetectorsOf = () => none;
const none: readonly Detector[] = Object.freeze([]);
