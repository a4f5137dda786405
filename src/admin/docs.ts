import { type AnyElysia, Elysia } from "elysia";
import { createOpenApiDocument } from "./openapi.ts";

// The page and everything it loads come from here, so that it works with no network; the policy holds it to that.
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice admin API</title>
<link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
`;

const startScript = `window.ui = SwaggerUIBundle({
  url: "/docs/json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  tryItOutEnabled: true,
});
`;

const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const assetTypes: Readonly<Record<string, string>> = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

/**
 * `/docs`, the page on which people read and try the admin API, and `/docs/json`, its OpenAPI document. Both are open:
 * they tell what can be asked, and asking wants a key.
 */
export function createDocs(admin: AnyElysia, version: string) {
  // Made once, and kept as text: anybody can ask for it, and it is large.
  let document: Promise<string> | undefined;
  const hidden = { detail: { hide: true } } as const;
  const sendPage = () =>
    send(page, "text/html; charset=utf-8", {
      "content-security-policy": contentPolicy,
      "referrer-policy": "no-referrer",
    });

  return new Elysia({ prefix: "/docs" })
    .get("", sendPage, hidden)
    .get(
      "/json",
      async () => {
        document ??= createOpenApiDocument(admin, version).then((made) => JSON.stringify(made));
        return send(await document, "application/json");
      },
      hidden,
    )
    .get("/assets/start.js", () => send(startScript, "text/javascript; charset=utf-8"), hidden)
    .get(
      "/assets/:file",
      ({ params: { file } }) => {
        const type = Object.hasOwn(assetTypes, file) ? assetTypes[file] : undefined;
        if (type === undefined) return new Response("not found", { status: 404 });
        return send(Bun.file(Bun.resolveSync(`swagger-ui-dist/${file}`, import.meta.dir)), type);
      },
      hidden,
    );
}

function send(body: string | Blob, type: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, {
    headers: { "content-type": type, "x-content-type-options": "nosniff", "cache-control": "no-cache", ...headers },
  });
}
