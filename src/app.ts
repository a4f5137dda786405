import { type AnyElysia, Elysia } from "elysia";
import { createClientAddress } from "./core/client-address.ts";
import type { Readiness } from "./core/health.ts";
import { receivedRequest } from "./core/plain-request.ts";
import type { Catalogue, KeyDirectory, Logger } from "./core/ports.ts";
import type { WireFormat } from "./core/wire.ts";
import { errorCatalogue, fillPlaceholders } from "./errors.ts";
import type { Gateway } from "./gateway/gateway.ts";
import { modelRoutes, surfaceRoutes } from "./gateway/routes.ts";

/** What the application is made of: ready objects, never URLs. */
export interface AppDeps {
  /** The wire formats whose paths are served. */
  readonly formats: readonly WireFormat[];
  readonly gateway: Gateway;
  readonly catalogue: Catalogue;
  readonly keys: KeyDirectory;
  readonly readiness: () => Readiness;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** The admin API and its documentation, mounted as they are. */
  readonly admin: AnyElysia;
  readonly logger: Logger;
  /** Networks of the proxies before the gateway, whose `x-forwarded-for` is believed. */
  readonly trustedProxies: readonly string[];
}

/** Makes the Elysia application. It listens on nothing yet. */
export function createApp(deps: AppDeps) {
  const clientAddress = createClientAddress(deps.trustedProxies);
  const addressOf = (request: Request) =>
    clientAddress(request, app.server?.requestIP(receivedRequest(request))?.address ?? "");
  const routes = surfaceRoutes(deps.formats, deps.gateway, addressOf);
  const app: Elysia = new Elysia({ name: "sluice", normalize: false, serve: { routes } });
  return app
    .onError(({ code, error, request }) => {
      const { pathname } = new URL(request.url);
      if (code === "NOT_FOUND") return unknownRoute(request.method, pathname);
      const id = `err_${Bun.randomUUIDv7("base64url")}`;
      deps.logger.error({ err: error, id, path: pathname }, "a request failed unexpectedly");
      return problem("internal", { id });
    })
    .get("/healthz", () => Response.json({ status: "ok" }), { detail: { hide: true } })
    .get(
      "/readyz",
      () => {
        const readiness = deps.readiness();
        return Response.json(readiness, { status: readiness.status === "unready" ? 503 : 200 });
      },
      { detail: { hide: true } },
    )
    .get(
      "/metrics",
      async () => new Response(await deps.metrics.text(), { headers: { "content-type": deps.metrics.contentType } }),
      { detail: { hide: true } },
    )
    .use(modelRoutes(deps.catalogue, deps.keys, addressOf))
    .use(deps.admin);
}

/** An SDK pointed at a path that is not there shows its user the message, so it has the shape SDKs read. */
function unknownRoute(method: string, path: string): Response {
  if (!path.startsWith("/v1/")) return problem("unknown_route", { method, path });
  const [status, template] = errorCatalogue.unknown_route;
  const message = fillPlaceholders(template, { method, path });
  return Response.json(
    { type: "error", error: { type: "not_found_error", message, code: "unknown_route", param: null } },
    { status },
  );
}

function problem(code: "unknown_route" | "internal", details: Record<string, string>): Response {
  const [status, template] = errorCatalogue[code];
  const body = { type: "about:blank", title: code, status, detail: fillPlaceholders(template, details), code };
  return Response.json(body, { status, headers: { "content-type": "application/problem+json" } });
}
