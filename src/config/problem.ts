/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  /** `sluice.config.yaml:3:7`, `SLUICE_PORT` or `--port`. */
  readonly where: string;
  /** What was received and what is accepted; never a secret. */
  readonly message: string;
}

/** The configuration cannot be used. The message lists every problem, a line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ where, message }) => `  ${where}  ${message}`);
    super(
      `The configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${lines.join("\n")}`,
    );
    this.problems = problems;
  }
}

const maxShown = 60;

/** A received value for a message, cut to a length; of a secret only that there was one. */
export function shown(value: unknown, secret: boolean): string {
  if (secret) return "a value that is not shown";
  const text = typeof value === "string" ? `'${value}'` : (JSON.stringify(value) ?? String(value));
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}
