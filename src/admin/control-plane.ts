import { type AnyElysia, Elysia } from "elysia";
import { createAdmin } from "./admin.ts";
import type { AdminDeps } from "./deps.ts";
import { createDocs } from "./docs.ts";
import { escapeIds } from "./policy-paths.ts";

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
  return new Elysia()
    .all("/admin/v1", ({ request }) => admin.handle(request), handOver)
    .all("/admin/v1/*", ({ request }) => admin.handle(escapeIds(request)), handOver)
    .all("/docs", ({ request }) => docs.handle(request), handOver)
    .all("/docs/*", ({ request }) => docs.handle(request), handOver);
}
