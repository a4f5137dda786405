import type { AuditEntry } from "./audit.ts";
import type { Decision } from "./decision.ts";
import type { PolicyProblem } from "./policy-directory.ts";
import type { DecisionRow, UsageRow } from "./ports.ts";

/** What can be followed: decisions, changes in the control plane, loads of the policies, and how the gateway is. */
export const activityKinds = ["decision", "change", "policies", "status"] as const;

/** One of the {@link activityKinds}. */
export type ActivityKind = (typeof activityKinds)[number];

/** A decision as it is followed. Refers to what is being recorded: it costs nothing to make. */
export type LiveDecision = Pick<
  DecisionRow,
  "requestId" | "ts" | "phase" | "revision" | "org" | "app" | "env" | "key" | "model" | "micros"
> & { readonly surface: UsageRow["surface"]; readonly decision: Decision };

/** An attempt to load the policies. */
export interface PolicyLoad {
  readonly result: string;
  /** Of the set that is live after it. */
  readonly revision: string;
  readonly problems: readonly PolicyProblem[];
}

/** How ready the gateway is, from now on. */
export interface LiveStatus {
  readonly status: string;
  readonly parts: readonly { readonly name: string; readonly state: string; readonly problem: string }[];
}

/** Something that just happened. */
export type ActivityEvent =
  | { readonly kind: "decision"; readonly at: number; readonly decision: LiveDecision }
  | { readonly kind: "change"; readonly at: number; readonly entry: AuditEntry }
  | { readonly kind: "policies"; readonly at: number; readonly load: PolicyLoad }
  | { readonly kind: "status"; readonly at: number; readonly now: LiveStatus };

/** An event with its name in the feed, which says nothing of how much else there was. */
export interface NamedEvent {
  readonly id: string;
  readonly event: ActivityEvent;
}

/** Why events may be missing between those that a follower saw before and those that come now. */
export type ActivityGap = "unknown_id";

/** One reader of the feed. */
export interface Follower {
  /** What it missed since the event it named, if anything. */
  readonly gap: ActivityGap | null;
  /** The events that wait for it, oldest first; it has them then. */
  take(): readonly NamedEvent[];
  /** Where to go on after what is taken: id of the newest event, wanted or not, or of the place before the first. */
  readonly newest: string;
  /** Sets what is called when events wait that did not, and once when the follower is dropped. */
  onReady(ready: () => void): void;
  /** It did not keep up, or the feed was closed: nothing more comes. */
  readonly ended: "slow" | "closed" | null;
  /** Idempotent. */
  leave(): void;
}

/**
 * What happens now, for those who look on. Nobody is waited for: a follower for whom too many events wait is dropped. The
 * newest events are kept for a while, bounded, so that one who was cut off can go on where it was.
 */
export interface Activity {
  /**
   * @param wants which events it is told of
   * @param after id of the last event it saw; `null` for what comes from now on
   * @throws SluiceError `too_many_followers`
   */
  follow(wants: (event: ActivityEvent) => boolean, after: string | null): Follower;
}

/** Who tells the feed. Telling costs one look at `wanted` while nobody follows. */
export interface ActivitySink {
  readonly wanted: boolean;
  tell(event: ActivityEvent): void;
}
