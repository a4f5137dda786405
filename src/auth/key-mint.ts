import type { GatewayKey, KeyMint, Keys } from "../core/control.ts";
import type { Clock } from "../core/ports.ts";
import { formatKey, hashSecret, newKeyId, newSecret } from "./key-format.ts";

/** What a mint needs. */
export interface KeyMintOptions {
  readonly keys: Keys;
  readonly clock: Clock;
  /** Shared by every process of the deployment; makes the check characters of ids. */
  readonly checkSecret: string;
}

/** Makes gateway keys. Only the digest of the secret is stored. */
export function createKeyMint({ keys, clock, checkSecret }: KeyMintOptions): KeyMint {
  return {
    async mint({ application, env, name, expiresAt }) {
      const id = newKeyId(checkSecret);
      const secret = newSecret();
      const key: GatewayKey = {
        id,
        application,
        env,
        name,
        secretHash: hashSecret(secret).toString("hex"),
        lastFour: secret.slice(-4),
        createdAt: clock.now(),
        expiresAt,
        revokedAt: null,
        lastUsedAt: null,
      };
      await keys.insert(key);
      return { key, secret: formatKey({ id, secret }) };
    },
  };
}
