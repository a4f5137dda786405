import { expect, test } from "bun:test";
import type { Target } from "../core/ports.ts";
import { openaiPath } from "./openai-path.ts";

const target = (kind: Target["kind"], apiVersion?: string): Target => ({
  provider: "p",
  kind,
  model: "our/gpt",
  baseUrl: "https://x",
  authHeaders: {},
  takesUsageOption: true,
  ...(apiVersion !== undefined && { apiVersion }),
});

test.each([
  ["chat/completions", target("openai"), "", "/chat/completions"],
  ["chat/completions", target("openai"), "?beta=true&api-version=1", "/chat/completions?beta=true"],
  ["embeddings", target("openai"), "?api-version=1", "/embeddings"],
  [
    "chat/completions",
    target("azure"),
    "?api-version=1",
    "/openai/deployments/our%2Fgpt/chat/completions?api-version=1",
  ],
  ["completions", target("azure", "2024"), "", "/openai/deployments/our%2Fgpt/completions?api-version=2024"],
  ["completions", target("azure", "2024"), "?a=b", "/openai/deployments/our%2Fgpt/completions?a=b&api-version=2024"],
  ["completions", target("azure", "2024"), "?api-version=1", "/openai/deployments/our%2Fgpt/completions?api-version=1"],
  ["responses", target("azure", "2024"), "", "/openai/v1/responses"],
])("%s of %o with the query '%s' goes to %s", (name, to, query, path) => {
  expect(openaiPath(name, to, query)).toBe(path);
});
