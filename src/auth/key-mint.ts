import type { GatewayKey, KeyMint, KeyRequest, Keys, MintedKey } from "../core/keys.ts";
import type { Clock } from "../core/ports.ts";
import { unrestricted } from "../core/restrictions.ts";
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
  const make = ({
    application,
    env,
    name,
    expiresAt,
    restriction = unrestricted,
  }: Omit<KeyRequest, "actor">): MintedKey => {
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
      version: 1,
      restriction,
      replacedBy: "",
    };
    return { key, secret: formatKey({ id, secret }) };
  };

  return {
    async mint({ actor, ...request }) {
      const minted = make(request);
      await keys.insert(minted.key, actor);
      return minted;
    },

    async rotate(old, rotation) {
      const minted = make({ ...old, expiresAt: rotation.expiresAt });
      const changed = await keys.rotate(old.id, minted.key, rotation);
      return changed.outcome === "changed" ? { ...changed, value: { old: changed.value, minted } } : changed;
    },
  };
}
