/** The points of a request at which the engine is asked, in order. */
export const phases = ["request", "stream", "response", "usage"] as const;

/** One of the {@link phases}. */
export type Phase = (typeof phases)[number];

/** The client-facing wire formats that a policy can be scoped to. */
export const surfaces = [
  "chat",
  "completions",
  "responses",
  "embeddings",
  "messages",
  "count_tokens",
  "gemini",
  "gemini-count-tokens",
  "gemini-embeddings",
  "cohere",
  "cohere-embeddings",
  "azure-chat",
  "azure-completions",
  "azure-embeddings",
] as const;

/** One of the {@link surfaces}. */
export type Surface = (typeof surfaces)[number];

/** Surfaces that only tell how many tokens a prompt would have: nothing is used, and nothing is paid for. */
export const countingSurfaces: ReadonlySet<Surface> = new Set<Surface>(["count_tokens", "gemini-count-tokens"]);
