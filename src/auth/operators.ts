import type { Operator, OperatorDirectory } from "../core/operators.ts";
import type { Logger } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import type { AdminKeyring } from "./admin-keyring.ts";
import type { FailedAttempts } from "./failed-attempts.ts";
import type { Tokens } from "./tokens.ts";

/** What operators are known by. */
export interface OperatorOptions {
  /** The key that the deployment has from its configuration or its data directory. */
  readonly adminKey: ConfiguredKey;
  readonly keyring: Pick<AdminKeyring, "identify">;
  /** Absent: no tokens are accepted. */
  readonly tokens?: Tokens | undefined;
  readonly attempts: FailedAttempts;
  readonly logger: Logger;
}

/** The configured admin key. */
export interface ConfiguredKey {
  /** Whether so short a secret could be found by trying. */
  readonly guessable: boolean;
  /** Compares in constant time. */
  identify(presented: string): Operator | null;
}

/**
 * Knows operators by the one scheme there is: `authorization: Bearer` with an admin key or a token.
 *
 * Who is valid is never kept waiting by others' failures, not even by those from the same address, with one exception: a
 * configured key that is short enough to be guessed is not looked at while its address has failed too often. Whatever
 * else is accepted cannot be guessed, so that looking at it gives nothing away.
 */
export function createOperators({ adminKey, keyring, tokens, attempts, logger }: OperatorOptions): OperatorDirectory {
  return {
    async identify(authorization, address) {
      const [, presented] = /^bearer +(\S+)\s*$/i.exec(authorization ?? "") ?? [];
      // Nothing was tried.
      if (presented === undefined) return null;
      let problem: string | undefined;
      const refused = (reason: string) => {
        problem = reason;
      };
      const known = (await keyring.identify(presented)) ?? (await tokens?.identify(presented, refused)) ?? null;
      if (known !== null) return known;
      const seconds = attempts.wait(address);
      if (seconds === 0 || !adminKey.guessable) {
        const holder = adminKey.identify(presented);
        if (holder !== null) return holder;
      }
      if (seconds > 0) throw new SluiceError("too_many_failures", { seconds });
      attempts.note(address);
      // Only of attempts that count: the log takes no more of them than the address has.
      if (problem !== undefined) logger.warn({ reason: problem, address }, "a token (JWT) of an operator was refused");
      if (attempts.wait(address) > 0) {
        logger.warn({ address }, "an address has sent too many credentials that are not valid: it is made to wait");
      }
      return null;
    },
  };
}
