import type { Target } from "../core/ports.ts";

/**
 * Where a target takes an OpenAI body: Azure's resources name the deployment and the version of the API in the URL.
 *
 * @param name of the call, such as `chat/completions`
 * @param query of the client's call
 */
export function openaiPath(name: string, target: Target, query: string): string {
  if (target.kind !== "azure") return `/${name}${withoutVersion(query)}`;
  // Responses are newer than the paths of deployments: the body names the deployment, and no version is needed.
  if (name === "responses") return `/openai/v1/responses${withoutVersion(query)}`;
  const version = target.apiVersion ?? "";
  const told = /[?&]api-version=/.test(query) || version === "";
  const versioned = told ? query : `${query === "" ? "?" : `${query}&`}api-version=${encodeURIComponent(version)}`;
  return `/openai/deployments/${encodeURIComponent(target.model)}/${name}${versioned}`;
}

/** Azure's clients name a version that other vendors do not know. */
function withoutVersion(query: string): string {
  if (!query.includes("api-version=")) return query;
  const kept = query
    .slice(1)
    .split("&")
    .filter((pair) => !pair.startsWith("api-version="));
  return kept.length === 0 ? "" : `?${kept.join("&")}`;
}
