import { t } from "elysia";
import { type GatewayKey, keyOrders, keyStatuses } from "../core/keys.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import {
  expiryInput,
  keySchema,
  mintedSchema,
  mintInput,
  mintKey,
  readExpiry,
  rotatedSchema,
  showKey,
  showMinted,
} from "./key-view.ts";
import { actorOf } from "./operator.ts";
import { settled } from "./policy-input.ts";
import { problems } from "./problems.ts";
import { confine, emptyPage, reachedApplication, reachedKey, resolveReached } from "./reach.ts";
import { readRestriction, restrictionInput } from "./restrictions.ts";
import {
  defined,
  found,
  idParams,
  ifMatchHeaders,
  line,
  listOf,
  listQuery,
  oneOf,
  readIfMatch,
  routes,
  showPage,
  sortedBy,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

/** How long a rotated key goes on when nothing is said: long enough for a deployment, short enough to be an end. */
const defaultOverlapSeconds = 86_400;

const mintSchema = t.Object(
  {
    application: t.String({ minLength: 1, maxLength: 128, description: "Id or name of the application." }),
    ...mintInput,
  },
  { additionalProperties: false, examples: [{ application: "chat", env: "prod", name: "backend" }] },
);

const applicationMintSchema = t.Object(mintInput, {
  additionalProperties: false,
  examples: [{ env: "prod", name: "backend", surfaces: ["chat", "responses"], models: ["gpt-4o*"] }],
});

const changeSchema = t.Object(
  { name: t.Optional(line(128, "For people.")), expires_at: t.Optional(expiryInput), ...restrictionInput },
  { additionalProperties: false, minProperties: 1, examples: [{ models: ["gpt-4o*"], networks: null }] },
);

const rotateSchema = t.Object(
  {
    overlap_seconds: t.Optional(
      t.Integer({
        minimum: 0,
        maximum: 2_592_000,
        description:
          "How long the old key goes on beside the new one; a day when absent, at most 30. 0 ends it at once.",
      }),
    ),
    expires_at: t.Optional(expiryInput),
  },
  { additionalProperties: false, examples: [{ overlap_seconds: 3600 }] },
);

const listFilters = {
  env: t.Optional(t.String({ description: "Only for this environment." })),
  status: t.Optional(oneOf(keyStatuses, { description: "Only those that are so now." })),
  sort: sortedBy(keyOrders),
};

const tags = ["Keys"];

/** `/keys`, and `/applications/{id}/keys`. */
export function keyRoutes(deps: AdminDeps) {
  const show = (key: GatewayKey) => showKey(key, deps.clock.now());

  const revoke = async (request: Request, id: string) => {
    await reachedKey(deps, request, id);
    const key = found(await deps.keys.revoke(id, deps.clock.now(), actorOf(request)), "key", id);
    deps.keyCache.invalidate(id);
    return show(key);
  };

  return routes("")
    .get(
      "/keys",
      async ({ query, request }) => {
        const organisation = confine(request, query.organisation);
        if (organisation === null) return emptyPage;
        await deps.keyCache.flush();
        const { application, env, status, sort: order } = query;
        const filter = defined({ organisation, application, env, status, order });
        return showPage(await deps.keys.list(toPageRequest(query), filter), show);
      },
      {
        query: listQuery({
          application: t.Optional(t.String({ description: "Only those of this application id." })),
          organisation: t.Optional(t.String({ description: "Only of this organisation, by its id." })),
          ...listFilters,
        }),
        response: { 200: listOf(keySchema), ...problems() },
        detail: needing("policy:read", { tags, summary: "List gateway keys", operationId: "listKeys" }),
      },
    )
    .post(
      "/keys",
      async ({ body, set, request }) => {
        const application = await resolveReached(deps, request, body.application);
        if (application === null) {
          throw new SluiceError("invalid_input", { problem: `There is no application '${body.application}'.` });
        }
        return mintKey(deps, application, body, { request, set });
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
      "/keys/:id",
      async ({ params: { id }, set, request }) => {
        await deps.keyCache.flush();
        const key = await reachedKey(deps, request, id);
        set.headers.etag = toEtag(key.version);
        return show(key);
      },
      {
        params: idParams,
        response: { 200: keySchema, ...problems(404) },
        detail: needing("policy:read", { tags, summary: "Read a gateway key", operationId: "readKey" }),
      },
    )
    .patch(
      "/keys/:id",
      async ({ params: { id }, body, headers, set, request }) => {
        await reachedKey(deps, request, id);
        const ifMatch = headers["if-match"];
        const change = defined({
          name: body.name,
          expiresAt: body.expires_at === undefined ? undefined : readExpiry(body.expires_at, deps.clock.now()),
          restriction: readRestriction(body),
        });
        const changed = await deps.keys.update(id, change, readIfMatch(ifMatch), actorOf(request));
        const key = settled(changed, "key", id, ifMatch);
        deps.keyCache.invalidate(id);
        set.headers.etag = toEtag(key.version);
        return show(key);
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: changeSchema,
        response: { 200: keySchema, ...problems(404, 409, 412, 413) },
        detail: needing("key:write", {
          tags,
          summary: "Change a gateway key",
          description: "What it may be used for, its name and when it ends; obeyed at once. Its secret stays.",
          operationId: "changeKey",
        }),
      },
    )
    .post(
      "/keys/:id/rotate",
      async ({ params: { id }, body, headers, set, request }) => {
        const old = await reachedKey(deps, request, id);
        const now = deps.clock.now();
        // Without a word on it, the new one lives as long as the old one was to.
        const lasting = old.expiresAt === null ? null : now + (old.expiresAt - old.createdAt);
        const rotated = await deps.mint.rotate(old, {
          until: now + (body?.overlap_seconds ?? defaultOverlapSeconds) * 1000,
          expiresAt: body?.expires_at === undefined ? lasting : readExpiry(body.expires_at, now),
          version: readIfMatch(headers["if-match"]),
          actor: actorOf(request),
        });
        const { old: replaced, minted } = settled(rotated, "key", id, headers["if-match"]);
        deps.keyCache.invalidate(id);
        deps.keyCache.invalidate(minted.key.id);
        set.status = 201;
        set.headers.etag = toEtag(minted.key.version);
        set.headers.location = `/admin/v1/keys/${minted.key.id}`;
        return { ...showMinted(minted, now), replaces: show(replaced) };
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: t.Optional(rotateSchema),
        response: { 201: rotatedSchema, ...problems(404, 409, 412, 413) },
        detail: needing("key:write", {
          tags,
          summary: "Rotate a gateway key",
          description:
            "Mints a key for the same application and environment, held to the same. Both work until the overlap ends; then the old one is refused, on every replica at that moment.",
          operationId: "rotateKey",
        }),
      },
    )
    .post("/keys/:id/revoke", ({ params, request }) => revoke(request, params.id), {
      params: idParams,
      response: { 200: keySchema, ...problems(404, 413) },
      detail: needing("key:write", {
        tags,
        summary: "Revoke a gateway key",
        description: "At once and for ever. Revoking again changes nothing.",
        operationId: "revokeKey",
      }),
    })
    .delete("/keys/:id", ({ params, request }) => revoke(request, params.id), {
      params: idParams,
      response: { 200: keySchema, ...problems(404) },
      detail: needing("key:write", { tags, summary: "Revoke a gateway key, as DELETE", operationId: "deleteKey" }),
    })
    .get(
      "/applications/:id/keys",
      async ({ params: { id }, query, request }) => {
        await reachedApplication(deps, request, id);
        await deps.keyCache.flush();
        const { env, status, sort: order } = query;
        const filter = defined({ application: id, env, status, order });
        return showPage(await deps.keys.list(toPageRequest(query), filter), show);
      },
      {
        params: idParams,
        query: listQuery(listFilters),
        response: { 200: listOf(keySchema), ...problems(404) },
        detail: needing("policy:read", {
          tags,
          summary: "List the gateway keys of an application",
          operationId: "listApplicationKeys",
        }),
      },
    )
    .post(
      "/applications/:id/keys",
      async ({ params: { id }, body, set, request }) =>
        mintKey(deps, await reachedApplication(deps, request, id), body ?? {}, { request, set }),
      {
        params: idParams,
        body: t.Optional(applicationMintSchema),
        response: { 201: mintedSchema, ...problems(404, 413) },
        detail: needing("key:write", {
          tags,
          summary: "Mint a gateway key for an application",
          description: "The answer holds the key, which cannot be read again.",
          operationId: "mintApplicationKey",
        }),
      },
    );
}
