import pino from "pino";
import type { Logger } from "../core/ports.ts";
import { createRedactor, redactFields, secretsIn } from "./redact.ts";

/** How a logger writes. */
export interface LoggerOptions {
  readonly level: string;
  /** Values that are in no line, whatever they look like. */
  readonly secrets?: Iterable<string>;
  /** Takes the lines; standard error when absent, so that standard output stays free for what programs read. */
  readonly destination?: { write(line: string): void };
}

/** A logger that can be told of secrets that were made after it. */
export interface RedactingLogger extends Logger {
  /** From now on this is in no line. */
  conceal(secret: string): void;
}

/**
 * A logger that writes one JSON object a line.
 *
 * Errors are written with name, code, message and stack; causes too. What is or looks like a secret is replaced: fields by
 * their names, at any depth, and in every text by what it says.
 */
export function createLogger({ level, secrets = [], destination }: LoggerOptions): RedactingLogger {
  const known = new Set([...secrets].flatMap(secretsIn));
  const redact = createRedactor(() => known);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // What is logged is plain already; looked at as an error once more it would be of the type Object.
      serializers: { err: (err) => err },
      formatters: { log: (fields) => redactFields(fields, redact) as Record<string, unknown> },
      hooks: {
        logMethod([fields, message, ...rest], method) {
          method.apply(this, [fields, typeof message === "string" ? redact(message) : message, ...rest]);
        },
      },
    },
    destination ?? pino.destination({ fd: 2, sync: false }),
  );
  const conceal = (secret: string) => {
    for (const one of secretsIn(secret)) known.add(one);
  };
  return Object.assign(logger, { conceal });
}
