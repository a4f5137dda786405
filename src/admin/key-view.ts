import { t } from "elysia";
import { type GatewayKey, type KeyStatus, keyStatuses, type MintedKey } from "../core/keys.ts";
import { unrestricted } from "../core/restrictions.ts";
import type { Application } from "../core/tenants.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { envText } from "./environments.ts";
import { actorOf } from "./operator.ts";
import { readRestriction, restrictionInput, restrictionMembers, showRestriction } from "./restrictions.ts";
import { line, maybeTime, oneOf, readTime, type Shown, showMaybeTime, showTime, time, toEtag } from "./schemas.ts";

const keyMembers = {
  id: t.String(),
  application: t.String(),
  env: t.String(),
  name: t.String(),
  last_four: t.String({ description: "The end of the key, to tell it from others." }),
  status: oneOf(keyStatuses),
  ...restrictionMembers,
  replaced_by: t.Union([t.String(), t.Null()], {
    description: "Id of the key that took its place when it was rotated; null when none did.",
  }),
  created_at: time("When it was minted."),
  expires_at: maybeTime("From when on it is refused; null for never."),
  revoked_at: maybeTime("When it was revoked; null if it was not."),
  last_used_at: maybeTime("When it was last used, to about a minute; null if it never was."),
};

/** An example of a key. */
export const keyExample = {
  id: "k3v9q0x2pzm7a1bc",
  application: "chat",
  env: "prod",
  name: "backend",
  last_four: "x9Qe",
  status: "active",
  surfaces: ["chat", "responses"],
  models: ["gpt-4o*"],
  networks: null,
  replaced_by: null,
  created_at: "2026-01-01T00:00:00.000Z",
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
} as const;

/** A key as it is shown. */
export const keySchema = t.Object(keyMembers, { examples: [keyExample] });

const secret = t.String({ description: "The whole key. It is shown this once and not kept." });

/** A key that was just minted. */
export const mintedSchema = t.Object(
  { ...keyMembers, key: secret },
  { examples: [{ ...keyExample, key: "slc_<id>_<secret>" }] },
);

/** A key that was minted in the place of another one. */
export const rotatedSchema = t.Object(
  { ...keyMembers, key: secret, replaces: keySchema },
  {
    examples: [
      {
        ...keyExample,
        id: "m8w2r5t1qza4b7cd",
        key: "slc_<id>_<secret>",
        replaces: { ...keyExample, replaced_by: "m8w2r5t1qza4b7cd", expires_at: "2026-02-01T12:00:00.000Z" },
      },
    ],
  },
);

/** When a key ends. */
export const expiryInput = t.Union([t.String({ description: "A date, or a date and time with a zone." }), t.Null()]);

/** What a new key can be. */
export const mintInput = {
  env: t.Optional(
    envText("The environment that policies see; prod when absent, as the one with the strictest policies."),
  ),
  name: t.Optional(line(128, "For people.")),
  expires_at: t.Optional(expiryInput),
  ...restrictionInput,
};

const mintInputSchema = t.Object(mintInput);

/** Mints a key for an application, and answers it with its secret. */
export async function mintKey(
  deps: AdminDeps,
  application: Application,
  body: Shown<typeof mintInputSchema>,
  { request, set }: { readonly request: Request; readonly set: { status?: unknown; headers: Record<string, unknown> } },
): Promise<Shown<typeof mintedSchema>> {
  const minted = await deps.mint.mint({
    application: application.id,
    env: body.env ?? "prod",
    name: body.name ?? "",
    expiresAt: readExpiry(body.expires_at ?? null, deps.clock.now()),
    restriction: { ...unrestricted, ...readRestriction(body) },
    actor: actorOf(request),
  });
  // Someone may have tried the id in vain before it was there.
  deps.keyCache.invalidate(minted.key.id);
  set.status = 201;
  set.headers.etag = toEtag(minted.key.version);
  set.headers.location = `/admin/v1/keys/${minted.key.id}`;
  return showMinted(minted, deps.clock.now());
}

/** A key as it is shown the one time that its secret is. */
export function showMinted({ key, secret }: MintedKey, now: number): Shown<typeof mintedSchema> {
  return { ...showKey(key, now), key: secret };
}

/** A key as it is shown. */
export function showKey(key: GatewayKey, now: number): Shown<typeof keySchema> {
  return {
    id: key.id,
    application: key.application,
    env: key.env,
    name: key.name,
    last_four: key.lastFour,
    status: statusOf(key, now),
    ...showRestriction(key.restriction),
    replaced_by: key.replacedBy === "" ? null : key.replacedBy,
    created_at: showTime(key.createdAt),
    expires_at: showMaybeTime(key.expiresAt),
    revoked_at: showMaybeTime(key.revokedAt),
    last_used_at: showMaybeTime(key.lastUsedAt),
  };
}

/**
 * When a key ends.
 *
 * @throws SluiceError `invalid_input` for what is no time, or past
 */
export function readExpiry(text: string | null, now: number): number | null {
  if (text === null) return null;
  const expiresAt = readTime("expires_at", text);
  if (expiresAt <= now) {
    throw new SluiceError("invalid_input", { problem: `'expires_at' is ${showTime(expiresAt)}, which is past.` });
  }
  return expiresAt;
}

/** What a key of either kind is now. */
export function statusOf(key: Pick<GatewayKey, "revokedAt" | "expiresAt">, now: number): KeyStatus {
  if (key.revokedAt !== null) return "revoked";
  return key.expiresAt !== null && key.expiresAt <= now ? "expired" : "active";
}
