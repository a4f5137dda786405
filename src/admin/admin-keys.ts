import { t } from "elysia";
import type { AdminKey } from "../core/admin-keys.ts";
import { roleScopes, roles } from "../core/operators.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { readExpiry, statusOf } from "./key-view.ts";
import { actorOf, operatorOf, reaches } from "./operator.ts";
import { problems } from "./problems.ts";
import {
  defined,
  found,
  idParams,
  listOf,
  listQuery,
  maybeTime,
  nameText,
  oneOf,
  routes,
  type Shown,
  showMaybeTime,
  showPage,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const role = oneOf(roles, { description: "What it may do." });

const keyMembers = {
  id: t.String(),
  name: t.String(),
  role,
  organisation: t.Union([t.String(), t.Null()], {
    description: "The one organisation whose things it sees and changes; null for all.",
  }),
  last_four: t.String({ description: "The end of the secret." }),
  status: oneOf(["active", "expired", "revoked"]),
  created_by: t.String({ description: "The operator who made it." }),
  rotated_from: t.Union([t.String(), t.Null()], { description: "The key that it took the place of." }),
  replaced_by: t.Union([t.String(), t.Null()], { description: "The key that took its place." }),
  created_at: time("When it was made."),
  expires_at: maybeTime("From when on it is refused; null for never."),
  revoked_at: maybeTime("When it was revoked; null if it was not."),
  last_used_at: maybeTime("When it was last used, to about a minute; null if it never was."),
};

const keyExample = {
  id: "q7d2m5x8k1pza4bc",
  name: "on call",
  role: "operator",
  organisation: null,
  last_four: "x9Qe",
  status: "active",
  created_by: "admin-key",
  rotated_from: null,
  replaced_by: null,
  created_at: "2026-01-01T00:00:00.000Z",
  expires_at: "2026-04-01T00:00:00.000Z",
  revoked_at: null,
  last_used_at: null,
} as const;

const keySchema = t.Object(keyMembers, { examples: [keyExample] });

const mintedSchema = t.Object(
  { ...keyMembers, key: t.String({ description: "The whole key. It is shown this once and not kept." }) },
  { examples: [{ ...keyExample, key: "sla_<id>_<secret>" }] },
);

const expiry = t.Optional(t.Union([t.String({ description: "A date, or a date and time with a zone." }), t.Null()]));

const mintSchema = t.Object(
  {
    name: nameText("For people: whose it is, or what for."),
    role,
    organisation: t.Optional(
      t.Union([t.String({ minLength: 1, maxLength: 128 }), t.Null()], {
        description: "The one organisation that it is for; when absent that of who makes it, and null is all.",
      }),
    ),
    expires_at: expiry,
  },
  { additionalProperties: false, examples: [{ name: "on call", role: "operator", expires_at: "2126-04-01" }] },
);

const rotateSchema = t.Object(
  {
    overlap_seconds: t.Optional(
      t.Integer({
        minimum: 0,
        maximum: 2_592_000,
        description: "How long the key itself stays good; 0, at once no more, when absent. At most 30 days.",
      }),
    ),
    expires_at: expiry,
  },
  { additionalProperties: false, examples: [{ overlap_seconds: 3600 }] },
);

const tags = ["Operators"];

/** `/admin-keys`. */
export function adminKeyRoutes(deps: AdminDeps) {
  const show = (key: AdminKey): Shown<typeof keySchema> => ({
    id: key.id,
    name: key.name,
    role: key.role,
    organisation: key.organisation,
    last_four: key.lastFour,
    status: statusOf(key, deps.clock.now()),
    created_by: key.createdBy,
    rotated_from: key.rotatedFrom,
    replaced_by: key.replacedBy,
    created_at: showTime(key.createdAt),
    expires_at: showMaybeTime(key.expiresAt),
    revoked_at: showMaybeTime(key.revokedAt),
    last_used_at: showMaybeTime(key.lastUsedAt),
  });

  /** A key that the operator may know of. Those for all organisations are not for who is of one. */
  const find = async (request: Request, id: string): Promise<AdminKey> => {
    const key = await deps.adminKeys.find(id);
    const known = key !== null && mayKnow(request, key) ? key : null;
    return found(known, "admin key", id);
  };

  const revoke = async (request: Request, id: string) => {
    await find(request, id);
    const actor = actorOf(request);
    const revoked = found(await deps.adminKeys.revoke(id, deps.clock.now(), actor), "admin key", id);
    deps.logger.warn({ key: id, actor }, "an admin key was revoked");
    return show(revoked);
  };

  return routes("/admin-keys")
    .get(
      "",
      async ({ query, request }) => {
        await deps.flushAdminKeys();
        const own = operatorOf(request).organisation;
        const { organisation = own ?? undefined } = query;
        if (organisation !== undefined && !reaches(request, organisation)) return { data: [], next: null };
        return showPage(await deps.adminKeys.list(toPageRequest(query), defined({ organisation })), show);
      },
      {
        query: listQuery({
          organisation: t.Optional(t.String({ description: "Only those for this organisation." })),
        }),
        response: { 200: listOf(keySchema), ...problems() },
        detail: needing("audit:read", {
          tags,
          summary: "List admin keys",
          description: "Not among them is the key of the configuration or of the data folder.",
          operationId: "listAdminKeys",
        }),
      },
    )
    .post(
      "",
      async ({ body, set, request }) => {
        const own = operatorOf(request).organisation;
        const organisation = body.organisation === undefined ? own : body.organisation;
        if (own !== null && organisation !== own) {
          throw new SluiceError("insufficient_scope", { problem: `It makes keys for '${own}' alone` });
        }
        if (organisation !== null && (await deps.organisations.find(organisation)) === null) {
          throw new SluiceError("invalid_input", { problem: `There is no organisation '${organisation}'.` });
        }
        holdToOwnScopes(request, body.role);
        const { key, secret } = await deps.adminKeyMint.mint({
          name: body.name.trim(),
          role: body.role,
          organisation,
          expiresAt: readExpiry(body.expires_at ?? null, deps.clock.now()),
          actor: actorOf(request),
        });
        deps.logger.warn({ key: key.id, role: key.role, organisation, actor: key.createdBy }, "an admin key was made");
        set.status = 201;
        set.headers.location = `/admin/v1/admin-keys/${key.id}`;
        return { ...show(key), key: secret };
      },
      {
        body: mintSchema,
        response: { 201: mintedSchema, ...problems(413) },
        detail: needing("system:write", {
          tags,
          summary: "Mint an admin key",
          description:
            "Nobody makes a key that may do more than he may. The answer holds the key, which cannot be read again.",
          operationId: "mintAdminKey",
        }),
      },
    )
    .get(
      "/:id",
      async ({ params: { id }, request }) => {
        await deps.flushAdminKeys();
        return show(await find(request, id));
      },
      {
        params: idParams,
        response: { 200: keySchema, ...problems(404) },
        detail: needing("audit:read", { tags, summary: "Read an admin key", operationId: "readAdminKey" }),
      },
    )
    .post(
      "/:id/rotate",
      async ({ params: { id }, body, set, request }) => {
        const before = await find(request, id);
        holdToOwnScopes(request, before.role);
        const now = deps.clock.now();
        if (statusOf(before, now) !== "active") {
          throw new SluiceError("conflict", { problem: `The admin key '${id}' is not active; mint a new one.` });
        }
        const rotated = await deps.adminKeyMint.rotate(id, {
          until: now + (body?.overlap_seconds ?? 0) * 1000,
          expiresAt: body?.expires_at === undefined ? before.expiresAt : readExpiry(body.expires_at, now),
          actor: actorOf(request),
        });
        if (rotated === null) {
          throw new SluiceError("conflict", {
            problem: `The admin key '${id}' was revoked or has a successor already.`,
          });
        }
        deps.logger.warn({ key: id, successor: rotated.key.id, actor: actorOf(request) }, "an admin key was rotated");
        set.status = 201;
        set.headers.location = `/admin/v1/admin-keys/${rotated.key.id}`;
        return { ...show(rotated.key), key: rotated.secret };
      },
      {
        params: idParams,
        body: t.Optional(rotateSchema),
        response: { 201: mintedSchema, ...problems(404, 409, 413) },
        detail: needing("system:write", {
          tags,
          summary: "Rotate an admin key",
          description:
            "Makes a successor with the same name, role, organisation and, unless said otherwise, expiry. Both are good for the overlap.",
          operationId: "rotateAdminKey",
        }),
      },
    )
    .post("/:id/revoke", ({ params, request }) => revoke(request, params.id), {
      params: idParams,
      response: { 200: keySchema, ...problems(404, 413) },
      detail: needing("system:write", {
        tags,
        summary: "Revoke an admin key",
        description: "At once on every replica, and for ever. Revoking again changes nothing.",
        operationId: "revokeAdminKey",
      }),
    })
    .delete("/:id", ({ params, request }) => revoke(request, params.id), {
      params: idParams,
      response: { 200: keySchema, ...problems(404) },
      detail: needing("system:write", {
        tags,
        summary: "Revoke an admin key, as DELETE",
        operationId: "deleteAdminKey",
      }),
    });
}

function mayKnow(request: Request, { organisation }: AdminKey): boolean {
  return organisation === null ? operatorOf(request).organisation === null : reaches(request, organisation);
}

/** Who could make a key that may do more than he may could do everything. */
function holdToOwnScopes(request: Request, role: AdminKey["role"]): void {
  const { scopes } = operatorOf(request);
  const more = roleScopes[role].filter((scope) => !scopes.has(scope));
  if (more.length === 0) return;
  throw new SluiceError("insufficient_scope", {
    problem: `The role '${role}' may do what it may not: ${more.join(", ")}`,
  });
}
