/** What a replica remembers that another one can change. `organisation` stands for its teams as well. */
export const changeTopics = ["key", "application", "organisation", "model", "policy", "revision"] as const;

/** One of the {@link changeTopics}. */
export type ChangeTopic = (typeof changeTopics)[number];

/** What was changed of a topic: the ids, or `null` when it can be anything. */
export type ChangedSubjects = ReadonlySet<string> | null;

/**
 * Obeys what other replicas changed. Called with one batch at a time; what comes meanwhile waits, joined, for the next.
 * When it throws or rejects the same subjects come again later, so nothing may be dropped that could not be read anew.
 */
export type ChangeHandler = (subjects: ChangedSubjects) => void | Promise<void>;

/** How well this replica hears of the others. */
export interface ChangesHealth {
  readonly state: "ready" | "degraded";
  /** One sentence. */
  readonly detail: string;
}

/**
 * What the replicas of one deployment tell each other. A replica obeys its own changes as it makes them; here it hears of
 * those of the others, each at least once, usually within milliseconds and at the latest with the next poll.
 */
export interface Changes {
  /**
   * Tells the others of a change that was not stored together with its announcement. Resolves after the first attempt
   * and never rejects: it is tried again until the others can know.
   */
  publish(topic: ChangeTopic, subject: string): Promise<void>;
  /** Sets who obeys a topic; one handler each. */
  subscribe(topic: ChangeTopic, handler: ChangeHandler): void;
  health(): ChangesHealth;
  close(): Promise<void>;
}

/** Wakes the other replicas up, without saying why: what changed they read from the store that all share. */
export interface ChangeSignals {
  /** Wakes the others up. Never throws: a signal that is lost only delays. */
  send(): void;
  /** Sets what runs when another replica sent a signal, and whenever one may have been lost. */
  listen(onSignal: () => void): void;
  /** Where signals go through, for people, and whether they can arrive now. */
  readonly channel: { readonly name: string; readonly connected: boolean };
  close(): Promise<void>;
}

/** What is told of changes; kept apart from how metrics are stored. */
export interface ChangesMetrics {
  /** A topic whose changes by other replicas are obeyed now, or could not be. */
  change(topic: ChangeTopic, result: "applied" | "failed"): void;
  /** A look at the store that failed. */
  changePollFailed(): void;
}
