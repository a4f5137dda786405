import type { AdminKey, AdminKeyMint, AdminKeys } from "../core/admin-keys.ts";
import type { Clock } from "../core/ports.ts";
import { formatAdminKey, hashSecret, newKeyId, newSecret } from "./key-format.ts";

/** What a mint of admin keys needs. */
export interface AdminKeyMintOptions {
  readonly keys: AdminKeys;
  readonly clock: Clock;
  /** Shared by every process of the deployment; makes the check characters of ids. */
  readonly checkSecret: string;
}

/** Makes admin keys. Only the digest of the secret is stored. */
export function createAdminKeyMint({ keys, clock, checkSecret }: AdminKeyMintOptions): AdminKeyMint {
  type Wanted = Pick<AdminKey, "name" | "role" | "organisation" | "expiresAt" | "createdBy" | "rotatedFrom">;
  const make = (wanted: Wanted) => {
    const id = newKeyId(checkSecret);
    const secret = newSecret();
    const key: AdminKey = {
      ...wanted,
      id,
      secretHash: hashSecret(secret).toString("hex"),
      lastFour: secret.slice(-4),
      createdAt: clock.now(),
      replacedBy: null,
      revokedAt: null,
      lastUsedAt: null,
    };
    return { key, secret: formatAdminKey({ id, secret }) };
  };

  return {
    async mint({ name, role, organisation, expiresAt, actor }) {
      const made = make({ name, role, organisation, expiresAt, createdBy: actor, rotatedFrom: null });
      await keys.insert(made.key, actor);
      return made;
    },
    async rotate(id, { until, expiresAt, actor }) {
      const before = await keys.find(id);
      if (before === null) return null;
      const { name, role, organisation } = before;
      const made = make({ name, role, organisation, expiresAt, createdBy: actor, rotatedFrom: id });
      return (await keys.rotate(id, made.key, until, actor)) ? made : null;
    },
  };
}
