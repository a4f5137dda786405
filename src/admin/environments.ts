import { t } from "elysia";
import type { EnvironmentConfig } from "../core/environments.ts";
import { unrestricted } from "../core/restrictions.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf } from "./operator.ts";
import { settled } from "./policy-input.ts";
import { problems } from "./problems.ts";
import { reachedApplication } from "./reach.ts";
import { readRestriction, restrictionInput, restrictionMembers, showRestriction } from "./restrictions.ts";
import {
  found,
  idParams,
  ifMatchHeaders,
  labelsSchema,
  listOf,
  listQuery,
  readIfMatch,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

/** The name of an environment. */
export const envText = (description: string) => t.String({ pattern: "^[a-z0-9][a-z0-9_-]{0,31}$", description });

const members = {
  labels: labelsSchema,
  disabled: t.Boolean({ description: "Whether its keys are refused." }),
  strict: t.Boolean({ description: "Whether calls that could not be recorded are refused." }),
  keep_text: t.Boolean({ description: "Whether records may keep texts of prompts, which they otherwise never do." }),
};

const configSchema = t.Object(
  {
    application: t.String(),
    env: t.String(),
    ...members,
    ...restrictionMembers,
    created_at: time("When it was first set."),
    updated_at: time("When it was last set."),
  },
  {
    examples: [
      {
        application: "chat",
        env: "dev",
        labels: { tier: "free" },
        disabled: false,
        strict: false,
        keep_text: false,
        surfaces: null,
        models: ["gpt-4o-mini", "echo"],
        networks: null,
        created_at: "2026-01-01T00:00:00.000Z",
        updated_at: "2026-01-01T00:00:00.000Z",
      },
    ],
  },
);

const putSchema = t.Object(
  {
    labels: t.Optional(members.labels),
    disabled: t.Optional(members.disabled),
    strict: t.Optional(members.strict),
    keep_text: t.Optional(members.keep_text),
    ...restrictionInput,
  },
  { additionalProperties: false, examples: [{ labels: { tier: "free" }, models: ["gpt-4o-mini", "echo"] }] },
);

const oneParams = t.Object({ id: idParams.properties.id, env: envText("The environment, as keys name it.") });
const tags = ["Applications"];

/** `/applications/{id}/configs`. */
export function environmentRoutes(deps: AdminDeps) {
  return routes("/applications")
    .get(
      "/:id/configs",
      async ({ params: { id }, query, request }) => {
        await reachedApplication(deps, request, id);
        return showPage(await deps.environments.list(id, toPageRequest(query)), show);
      },
      {
        params: idParams,
        query: listQuery({}),
        response: { 200: listOf(configSchema), ...problems(404) },
        detail: needing("policy:read", {
          tags,
          summary: "List the environments of an application that are configured",
          operationId: "listConfigs",
        }),
      },
    )
    .get(
      "/:id/configs/:env",
      async ({ params: { id, env }, set, request }) => {
        await reachedApplication(deps, request, id);
        const config = found(await deps.environments.find(id, env), "config", `${id} ${env}`);
        set.headers.etag = toEtag(config.version);
        return show(config);
      },
      {
        params: oneParams,
        response: { 200: configSchema, ...problems(404) },
        detail: needing("policy:read", {
          tags,
          summary: "Read what an application is in an environment",
          operationId: "readConfig",
        }),
      },
    )
    .put(
      "/:id/configs/:env",
      async ({ params: { id, env }, body, headers, set, request }) => {
        await reachedApplication(deps, request, id);
        const ifMatch = headers["if-match"];
        const settings = {
          labels: body.labels ?? {},
          disabled: body.disabled ?? false,
          strict: body.strict ?? false,
          keepsText: body.keep_text ?? false,
          ...unrestricted,
          ...readRestriction(body),
        };
        const put = await deps.environments.put(id, env, settings, readIfMatch(ifMatch), actorOf(request));
        const config = settled(put, "config", `${id} ${env}`, ifMatch);
        deps.keyCache.invalidateApplication(id);
        set.headers.etag = toEtag(config.version);
        return show(config);
      },
      {
        params: oneParams,
        headers: ifMatchHeaders,
        body: putSchema,
        response: { 200: configSchema, ...problems(404, 412, 413) },
        detail: needing("app:write", {
          tags,
          summary: "Set what an application is in an environment",
          description:
            "All of it: what is left out is as the application is. Its keys of that environment obey at once. Labels are laid over the application's, where policies read them as app.labels; what a key may be used for is what both it and its environment allow.",
          operationId: "putConfig",
        }),
      },
    )
    .delete(
      "/:id/configs/:env",
      async ({ params: { id, env }, headers, set, request }) => {
        await reachedApplication(deps, request, id);
        const ifMatch = headers["if-match"];
        const removed = await deps.environments.remove(id, env, readIfMatch(ifMatch), actorOf(request));
        settled(removed, "config", `${id} ${env}`, ifMatch);
        deps.keyCache.invalidateApplication(id);
        set.status = 204;
      },
      {
        params: oneParams,
        headers: ifMatchHeaders,
        response: { 204: t.Void({ description: "It is taken away." }), ...problems(404, 412) },
        detail: needing("app:write", {
          tags,
          summary: "Take away what an application is in an environment",
          description: "It is then there as everywhere. Keys of the environment go on.",
          operationId: "deleteConfig",
        }),
      },
    );
}

function show(config: EnvironmentConfig): Shown<typeof configSchema> {
  return {
    application: config.application,
    env: config.env,
    labels: { ...config.labels },
    disabled: config.disabled,
    strict: config.strict,
    keep_text: config.keepsText,
    ...showRestriction(config),
    created_at: showTime(config.createdAt),
    updated_at: showTime(config.updatedAt),
  };
}
