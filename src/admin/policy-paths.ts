/** What may follow the id of a policy in a path. */
const afterId = "enable|disable|mode|params|versions|rollback|diff";
const patterns = [
  new RegExp(`^(/admin/v1/policies/)((?:org|teams|apps|db)/[^?]+?)(/(?:${afterId}))?(\\?.*)?$`),
  /^(\/admin\/v1\/applications\/[^/?]+\/policies\/)((?:org|teams|apps|db)\/[^?]+)()(\?.*)?$/,
  // Models of some vendors hold slashes, too.
  /^(\/admin\/v1\/models\/)([^?]+?)(\/(?:enable|disable))?(\?.*)?$/,
];

/**
 * The request with the slashes of an id escaped: people write `/policies/db/no-previews/enable` as they read it, and a
 * path parameter holds no slash.
 */
export function escapeIds(request: Request): Request {
  const at = request.url.indexOf("/admin/v1/");
  if (at < 0) return request;
  const path = request.url.slice(at);
  for (const pattern of patterns) {
    const [, before, id, after = "", query = ""] = pattern.exec(path) ?? [];
    if (before === undefined || id === undefined) continue;
    return new Request(request.url.slice(0, at) + before + id.replaceAll("/", "%2F") + after + query, request);
  }
  return request;
}
