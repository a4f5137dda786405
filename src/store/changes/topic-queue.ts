import type { ChangedSubjects, ChangeHandler, ChangesMetrics, ChangeTopic } from "../../core/changes.ts";
import type { Logger } from "../../core/ports.ts";

/** The changes of one topic that wait to be obeyed. Topics do not wait for each other. */
export interface TopicQueue {
  readonly topic: ChangeTopic;
  /** Why the last attempt failed; empty when it did not. */
  readonly problem: string;
  /** Sets who obeys; what waits already is begun with. */
  obeyWith(handler: ChangeHandler): void;
  /** Adds what changed and, unless an attempt is running, begins one. */
  add(subjects: ChangedSubjects): void;
  /** Tries again what failed. */
  retry(): void;
  /** Resolves when no attempt runs. */
  idle(): Promise<void>;
}

/** Most ids that are kept apart; of more than that, everything of the topic is taken for changed. */
const maxSubjects = 1_000;

/** Makes the queue of one topic: bounded, and with one attempt at a time however many changes come. */
export function createTopicQueue(options: {
  readonly topic: ChangeTopic;
  readonly logger: Logger;
  readonly metrics: ChangesMetrics;
}): TopicQueue {
  const { topic, logger, metrics } = options;
  let handler: ChangeHandler | undefined;
  /** `undefined` while nothing waits. */
  let waiting: Set<string> | null | undefined;
  let running: Promise<void> | undefined;
  let problem = "";

  function add(subjects: ChangedSubjects): void {
    if (subjects === null || waiting === null) waiting = null;
    else {
      waiting ??= new Set();
      for (const subject of subjects) waiting.add(subject);
      if (waiting.size > maxSubjects) waiting = null;
    }
  }

  function begin(): void {
    if (running !== undefined || waiting === undefined || handler === undefined) return;
    running = obey(handler).finally(() => {
      running = undefined;
      if (problem === "") begin();
    });
  }

  async function obey(act: ChangeHandler): Promise<void> {
    const subjects = waiting!;
    waiting = undefined;
    try {
      await act(subjects);
      problem = "";
      metrics.change(topic, "applied");
    } catch (error) {
      add(subjects);
      metrics.change(topic, "failed");
      if (problem === "") logger.error({ err: error, topic }, "a change of another replica could not be obeyed yet");
      problem = error instanceof Error ? error.message : String(error);
    }
  }

  return {
    topic,
    get problem() {
      return problem;
    },
    obeyWith(next) {
      handler = next;
      begin();
    },
    add(subjects) {
      add(subjects);
      begin();
    },
    retry: begin,
    async idle() {
      await running;
    },
  };
}
