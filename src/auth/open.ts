import type { AdminKeyMint, AdminKeys } from "../core/admin-keys.ts";
import type { OperatorDirectory } from "../core/operators.ts";
import type { Clock, Logger } from "../core/ports.ts";
import { createConfiguredKey } from "./admin-key.ts";
import { createAdminKeyMint } from "./admin-key-mint.ts";
import { createAdminKeyring } from "./admin-keyring.ts";
import { createFailedAttempts } from "./failed-attempts.ts";
import { createOperators } from "./operators.ts";
import type { TokenClaims, Tokens } from "./tokens.ts";

/** How operators get in. */
export interface OperatorAccessOptions {
  readonly keys: AdminKeys;
  /** Shared by every process of the deployment. */
  readonly checkSecret: string;
  /** The configured key. */
  readonly adminKey: string;
  readonly failedAttemptsPerMinute: number;
  /** Absent: no tokens are accepted. */
  readonly tokens?: TokenSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** As the configuration says it. With neither secret nor URL no tokens are accepted. */
export interface TokenSettings {
  readonly secret?: string | undefined;
  readonly jwksUrl?: string | undefined;
  readonly jwksTimeoutMs: number;
  readonly jwksMaxAgeMs: number;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly claims: TokenClaims;
  readonly organisationRequired: boolean;
}

/** The ways in for operators. */
export interface OperatorAccess {
  readonly operators: OperatorDirectory;
  readonly mint: AdminKeyMint;
  /** Stores the last-used times of admin keys noted so far. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens every way in that is configured.
 *
 * @throws TokenSettingError when the secret of tokens is too short
 */
export async function openOperatorAccess(options: OperatorAccessOptions): Promise<OperatorAccess> {
  const { keys, checkSecret, clock, logger } = options;
  const keyring = createAdminKeyring({ keys, clock, logger, checkSecret });
  const operators = createOperators({
    adminKey: createConfiguredKey(options.adminKey),
    keyring,
    tokens: await openTokens(options),
    attempts: createFailedAttempts({ clock, perMinute: options.failedAttemptsPerMinute }),
    logger,
  });
  return {
    operators,
    mint: createAdminKeyMint({ keys, clock, checkSecret }),
    flush: keyring.flush,
    close: keyring.close,
  };
}

async function openTokens({ tokens, clock, logger }: OperatorAccessOptions): Promise<Tokens | undefined> {
  if (tokens?.secret === undefined && tokens?.jwksUrl === undefined) return undefined;
  const { secret, jwksUrl, jwksTimeoutMs, jwksMaxAgeMs, issuer, audience, claims, organisationRequired } = tokens;
  // Loaded only where they are used.
  const { createTokens } = await import("./tokens.ts");
  const jwks =
    jwksUrl === undefined
      ? undefined
      : (await import("./jwks.ts")).createJwks({
          url: new URL(jwksUrl),
          clock,
          logger,
          timeoutMs: jwksTimeoutMs,
          maxAgeMs: jwksMaxAgeMs,
        });
  return createTokens({ clock, secret, jwks, issuer, audience, claims, organisationRequired });
}
