import pino from "pino";
import type { Logger } from "../core/ports.ts";

/** Field names whose values are never written, wherever they stand. */
const secretFields = ["authorization", "apiKey", "api_key", "key", "secret", "token", "password", "cookie"];

/**
 * A logger that writes one JSON object a line to standard error, so that standard output stays free for what
 * programs read (`sluice ready …`).
 *
 * Errors are written with name, code, message and stack; causes too. Fields that could hold a secret are replaced.
 */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" },
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    pino.destination({ fd: 2, sync: false }),
  );
}
