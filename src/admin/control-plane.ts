import { type AnyElysia, Elysia } from "elysia";
import { createClientAddress } from "../core/client-address.ts";
import { receivedRequest } from "../core/plain-request.ts";
import { createAdmin } from "./admin.ts";
import type { AdminDeps } from "./deps.ts";
import { createDocs } from "./docs.ts";
import { rememberAddress } from "./operator.ts";
import { escapeIds } from "./policy-paths.ts";

/** What is asked of the server that a request came to. */
interface Server {
  requestIP(request: Request): { readonly address: string } | null;
}

/**
 * The admin API and its documentation, to be put into the application.
 *
 * They run as applications of their own that are only handed their requests: no hook, error handler or setting of the
 * surrounding application reaches into them, and none of theirs can cost the gateway's requests anything.
 */
export function createControlPlane(deps: AdminDeps, version: string): AnyElysia {
  const admin = createAdmin(deps);
  const docs = createDocs(admin, version);
  const handOver = { parse: "none", detail: { hide: true } } as const;
  const clientAddress = createClientAddress(deps.trustedProxies);
  const answer = (request: Request, server: Server | null) => {
    const handed = escapeIds(request);
    rememberAddress(handed, clientAddress(request, server?.requestIP(receivedRequest(request))?.address ?? ""));
    return admin.handle(handed);
  };
  return new Elysia()
    .all("/admin/v1", ({ request, server }) => answer(request, server), handOver)
    .all("/admin/v1/*", ({ request, server }) => answer(request, server), handOver)
    .all("/docs", ({ request }) => docs.handle(request), handOver)
    .all("/docs/*", ({ request }) => docs.handle(request), handOver);
}
