import { t } from "elysia";
import type { GatewayKey } from "../core/control.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import {
  defined,
  found,
  idParams,
  line,
  listOf,
  listQuery,
  maybeTime,
  oneOf,
  readTime,
  routes,
  type Shown,
  showMaybeTime,
  showPage,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const keyMembers = {
  id: t.String(),
  application: t.String(),
  env: t.String(),
  name: t.String(),
  last_four: t.String({ description: "The end of the key, to tell it from others." }),
  status: oneOf(["active", "expired", "revoked"]),
  created_at: time("When it was minted."),
  expires_at: maybeTime("From when on it is refused; null for never."),
  revoked_at: maybeTime("When it was revoked; null if it was not."),
  last_used_at: maybeTime("When it was last used, to about a minute; null if it never was."),
};

const keyExample = {
  id: "k3v9q0x2pzm7a1bc",
  application: "chat",
  env: "prod",
  name: "backend",
  last_four: "x9Qe",
  status: "active",
  created_at: "2026-01-01T00:00:00.000Z",
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
} as const;

const keySchema = t.Object(keyMembers, { examples: [keyExample] });

const mintedSchema = t.Object(
  { ...keyMembers, key: t.String({ description: "The whole key. It is shown this once and not kept." }) },
  { examples: [{ ...keyExample, key: "slc_<id>_<secret>" }] },
);

const mintSchema = t.Object(
  {
    application: t.String({ minLength: 1, maxLength: 128, description: "Id or name of the application." }),
    env: t.Optional(
      t.String({
        pattern: "^[a-z0-9][a-z0-9_-]{0,31}$",
        description: "The environment that policies see; prod when absent, as the one with the strictest policies.",
      }),
    ),
    name: t.Optional(line(128, "For people.")),
    expires_at: t.Optional(t.Union([t.String({ description: "A date, or a date and time with a zone." }), t.Null()])),
  },
  { additionalProperties: false, examples: [{ application: "chat", env: "prod", name: "backend" }] },
);

const tags = ["Keys"];

/** `/keys`. */
export function keyRoutes(deps: AdminDeps) {
  const show = (key: GatewayKey): Shown<typeof keySchema> => ({
    id: key.id,
    application: key.application,
    env: key.env,
    name: key.name,
    last_four: key.lastFour,
    status: statusOf(key, deps.clock.now()),
    created_at: showTime(key.createdAt),
    expires_at: showMaybeTime(key.expiresAt),
    revoked_at: showMaybeTime(key.revokedAt),
    last_used_at: showMaybeTime(key.lastUsedAt),
  });

  const revoke = async (id: string, request: Request) => {
    const key = found(await deps.keys.revoke(id, deps.clock.now(), actorOf(request)), "key", id);
    deps.keyCache.invalidate(id);
    return show(key);
  };

  return routes("/keys")
    .get(
      "",
      async ({ query }) => {
        await deps.keyCache.flush();
        const filter = defined({ application: query.application });
        return showPage(await deps.keys.list(toPageRequest(query), filter), show);
      },
      {
        query: listQuery({ application: t.Optional(t.String({ description: "Only those of this application id." })) }),
        response: { 200: listOf(keySchema), ...problems() },
        detail: needing("policy:read", { tags, summary: "List gateway keys", operationId: "listKeys" }),
      },
    )
    .post(
      "",
      async ({ body, set, request }) => {
        const application = await deps.applications.resolve(body.application);
        if (application === null) {
          throw new SluiceError("invalid_input", { problem: `There is no application '${body.application}'.` });
        }
        const expiresAt = readExpiry(body.expires_at ?? null, deps.clock.now());
        const { key, secret } = await deps.mint.mint({
          application: application.id,
          env: body.env ?? "prod",
          name: body.name ?? "",
          expiresAt,
          actor: actorOf(request),
        });
        // Someone may have tried the id in vain before it was there.
        deps.keyCache.invalidate(key.id);
        set.status = 201;
        set.headers.location = `/admin/v1/keys/${key.id}`;
        return { ...show(key), key: secret };
      },
      {
        body: mintSchema,
        response: { 201: mintedSchema, ...problems(413) },
        detail: needing("key:write", {
          tags,
          summary: "Mint a gateway key",
          description: "The answer holds the key, which cannot be read again.",
          operationId: "mintKey",
        }),
      },
    )
    .get(
      "/:id",
      async ({ params: { id } }) => {
        await deps.keyCache.flush();
        return show(found(await deps.keys.find(id), "key", id));
      },
      {
        params: idParams,
        response: { 200: keySchema, ...problems(404) },
        detail: needing("policy:read", { tags, summary: "Read a gateway key", operationId: "readKey" }),
      },
    )
    .post("/:id/revoke", ({ params, request }) => revoke(params.id, request), {
      params: idParams,
      response: { 200: keySchema, ...problems(404, 413) },
      detail: needing("key:write", {
        tags,
        summary: "Revoke a gateway key",
        description: "At once and for ever. Revoking again changes nothing.",
        operationId: "revokeKey",
      }),
    })
    .delete("/:id", ({ params, request }) => revoke(params.id, request), {
      params: idParams,
      response: { 200: keySchema, ...problems(404) },
      detail: needing("key:write", { tags, summary: "Revoke a gateway key, as DELETE", operationId: "deleteKey" }),
    });
}

function readExpiry(text: string | null, now: number): number | null {
  if (text === null) return null;
  const expiresAt = readTime("expires_at", text);
  if (expiresAt <= now) {
    throw new SluiceError("invalid_input", { problem: `'expires_at' is ${showTime(expiresAt)}, which is past.` });
  }
  return expiresAt;
}

function statusOf(key: GatewayKey, now: number): "active" | "expired" | "revoked" {
  if (key.revokedAt !== null) return "revoked";
  return key.expiresAt !== null && key.expiresAt <= now ? "expired" : "active";
}
