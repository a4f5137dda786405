/** What decisions can be counted by. `policy` and `rule` are those of the reason that explains it; times are UTC. */
export const decisionGroups = [
  "decision",
  "outcome",
  "code",
  "policy",
  "rule",
  "phase",
  "org",
  "app",
  "env",
  "key",
  "surface",
  "model",
  "revision",
  "day",
  "hour",
] as const;

/** One of the {@link decisionGroups}. */
export type DecisionGroup = (typeof decisionGroups)[number];

/** How many decisions of a group there are, by what they came to. */
export interface DecisionTotals {
  /** The values it stands for. `day` and `hour` are ISO 8601. */
  readonly group: Readonly<Partial<Record<DecisionGroup, string>>>;
  readonly decisions: number;
  readonly allowed: number;
  readonly warned: number;
  readonly modified: number;
  readonly denied: number;
  /** Those in which a policy could not be evaluated, whatever they came to. */
  readonly withErrors: number;
  /** Mean and longest evaluation, in microseconds; 0 where there is no decision. */
  readonly meanMicros: number;
  readonly maxMicros: number;
}
