import type { Target } from "../core/ports.ts";

/** Where the vendors' own APIs are, by the convention of their SDKs: OpenAI's ends in `/v1`, Anthropic's does not. */
export const defaultBaseUrls: Readonly<Record<Exclude<Target["kind"], "echo">, string>> = {
  openai: "https://api.openai.com/v1",
  azure: "https://RESOURCE.openai.azure.com",
  anthropic: "https://api.anthropic.com",
  gemini: "https://generativelanguage.googleapis.com",
  cohere: "https://api.cohere.com",
};

/** What is added to a base URL, and does not belong into it. */
const addedPaths: { readonly [Kind in keyof typeof defaultBaseUrls]?: string } = {
  azure: "/openai",
  anthropic: "/v1",
  gemini: "/v1beta",
  cohere: "/v2",
};

/**
 * Reads a provider's base URL, without slashes at its end.
 *
 * @throws RangeError that says what was received and what is accepted; what could be a password is not repeated
 */
export function parseBaseUrl(kind: keyof typeof defaultBaseUrls, text: string): string {
  const url = URL.parse(text);
  if (text.includes("@")) {
    throw new RangeError("must not hold credentials or '@'; the provider's key belongs in api_key");
  }
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new RangeError(`must be an http or https URL such as ${defaultBaseUrls[kind]}; received '${text}'`);
  }
  if (url.search !== "" || url.hash !== "") {
    throw new RangeError("must end with its path: no '?' and no '#'");
  }
  const base = url.origin + url.pathname.replace(/\/+$/, "");
  const added = addedPaths[kind];
  if (added !== undefined && base.endsWith(added)) {
    throw new RangeError(`must not end in ${added}, which is added: ${base.slice(0, -added.length)}`);
  }
  return base;
}
