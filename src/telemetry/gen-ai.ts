import type { Attributes } from "@opentelemetry/api";
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_CHOICE_COUNT,
  ATTR_GEN_AI_REQUEST_MAX_TOKENS,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_REQUEST_STREAM,
  ATTR_GEN_AI_REQUEST_TEMPERATURE,
  ATTR_GEN_AI_RESPONSE_FINISH_REASONS,
  ATTR_GEN_AI_RESPONSE_MODEL,
  ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  ATTR_HTTP_REQUEST_RESEND_COUNT,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  GEN_AI_OPERATION_NAME_VALUE_CHAT,
  GEN_AI_OPERATION_NAME_VALUE_EMBEDDINGS,
  GEN_AI_OPERATION_NAME_VALUE_GENERATE_CONTENT,
  GEN_AI_OPERATION_NAME_VALUE_TEXT_COMPLETION,
  GEN_AI_PROVIDER_NAME_VALUE_ANTHROPIC,
  GEN_AI_PROVIDER_NAME_VALUE_AZURE_AI_OPENAI,
  GEN_AI_PROVIDER_NAME_VALUE_COHERE,
  GEN_AI_PROVIDER_NAME_VALUE_GCP_GEMINI,
  GEN_AI_PROVIDER_NAME_VALUE_OPENAI,
} from "@opentelemetry/semantic-conventions/incubating";
import type { Surface } from "../core/phases.ts";
import type { RoutedTarget, Target } from "../core/ports.ts";
import type { TracedEnd } from "../core/tracing.ts";

/** Counting tokens is no operation that the conventions name; they let others be called by names of one's own. */
const countTokens = "count_tokens";

const operations: Readonly<Record<Surface, string>> = {
  chat: GEN_AI_OPERATION_NAME_VALUE_CHAT,
  completions: GEN_AI_OPERATION_NAME_VALUE_TEXT_COMPLETION,
  responses: GEN_AI_OPERATION_NAME_VALUE_CHAT,
  embeddings: GEN_AI_OPERATION_NAME_VALUE_EMBEDDINGS,
  messages: GEN_AI_OPERATION_NAME_VALUE_CHAT,
  count_tokens: countTokens,
  gemini: GEN_AI_OPERATION_NAME_VALUE_GENERATE_CONTENT,
  "gemini-count-tokens": countTokens,
  "gemini-embeddings": GEN_AI_OPERATION_NAME_VALUE_EMBEDDINGS,
  cohere: GEN_AI_OPERATION_NAME_VALUE_CHAT,
  "cohere-embeddings": GEN_AI_OPERATION_NAME_VALUE_EMBEDDINGS,
  "azure-chat": GEN_AI_OPERATION_NAME_VALUE_CHAT,
  "azure-completions": GEN_AI_OPERATION_NAME_VALUE_TEXT_COMPLETION,
  "azure-embeddings": GEN_AI_OPERATION_NAME_VALUE_EMBEDDINGS,
};

/** By wire format, as the conventions want it: what is asked in OpenAI's format is told as OpenAI's. */
const providers: Readonly<Record<Target["kind"], string>> = {
  openai: GEN_AI_PROVIDER_NAME_VALUE_OPENAI,
  azure: GEN_AI_PROVIDER_NAME_VALUE_AZURE_AI_OPENAI,
  anthropic: GEN_AI_PROVIDER_NAME_VALUE_ANTHROPIC,
  gemini: GEN_AI_PROVIDER_NAME_VALUE_GCP_GEMINI,
  cohere: GEN_AI_PROVIDER_NAME_VALUE_COHERE,
  echo: "echo",
};

/** The name of the span of an attempt. */
export function attemptName(surface: Surface, { model }: Target): string {
  return `${operations[surface]} ${model}`;
}

/** What is known of an attempt when it begins. `number` is 1 for the first one of its call. */
export function attemptAttributes(surface: Surface, target: RoutedTarget, number: number): Attributes {
  return {
    [ATTR_GEN_AI_OPERATION_NAME]: operations[surface],
    [ATTR_GEN_AI_PROVIDER_NAME]: providers[target.kind],
    [ATTR_GEN_AI_REQUEST_MODEL]: target.model,
    ...serverAttributes(target.baseUrl),
    ...(number > 1 && { [ATTR_HTTP_REQUEST_RESEND_COUNT]: number - 1 }),
    "sluice.target": target.id,
    "sluice.provider": target.provider,
    "sluice.attempt": number,
  };
}

/** The simulated provider has no server. */
function serverAttributes(baseUrl: string): Attributes {
  if (!URL.canParse(baseUrl)) return {};
  const { hostname, port, protocol } = new URL(baseUrl);
  if (hostname === "") return {};
  return { [ATTR_SERVER_ADDRESS]: hostname, [ATTR_SERVER_PORT]: Number(port || (protocol === "http:" ? 80 : 443)) };
}

/** How an attempt that failed is told; `kind` as it is counted. */
export function failureAttributes(kind: string): Attributes {
  const status = /^status_(\d+)$/.exec(kind)?.[1];
  if (status === undefined) return { [ATTR_ERROR_TYPE]: kind };
  return { [ATTR_ERROR_TYPE]: status, [ATTR_HTTP_RESPONSE_STATUS_CODE]: Number(status) };
}

/**
 * What an answer came to: for the attempt that got it, and for the call.
 *
 * @param sinceMs when the span in question began, in milliseconds after the call did
 */
export function answerAttributes({ row, view, finishReason }: TracedEnd, sinceMs: number): Attributes {
  const { usage } = row;
  return {
    [ATTR_GEN_AI_REQUEST_STREAM]: row.stream,
    ...(view !== undefined && {
      ...(view.maxTokensRequested > 0 && { [ATTR_GEN_AI_REQUEST_MAX_TOKENS]: view.maxTokensRequested }),
      ...(view.temperature !== undefined && { [ATTR_GEN_AI_REQUEST_TEMPERATURE]: view.temperature }),
      ...(view.choices > 1 && { [ATTR_GEN_AI_REQUEST_CHOICE_COUNT]: view.choices }),
    }),
    ...(row.servedModel !== "" && { [ATTR_GEN_AI_RESPONSE_MODEL]: row.servedModel }),
    ...(finishReason !== "" && { [ATTR_GEN_AI_RESPONSE_FINISH_REASONS]: [finishReason] }),
    [ATTR_GEN_AI_USAGE_INPUT_TOKENS]: usage.promptTokens,
    [ATTR_GEN_AI_USAGE_OUTPUT_TOKENS]: usage.completionTokens,
    ...(usage.cachedTokens !== null && { [ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS]: usage.cachedTokens }),
    ...(usage.cacheWriteTokens !== null && {
      [ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS]: usage.cacheWriteTokens,
    }),
    ...(usage.reasoningTokens !== null && { [ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS]: usage.reasoningTokens }),
    ...(row.stream && { [ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK]: (row.ttftMs - sinceMs) / 1000 }),
  };
}

/** What the call itself is about; the model is the one that the client named. */
export function callAttributes({ row, revision }: TracedEnd): Attributes {
  return {
    [ATTR_GEN_AI_OPERATION_NAME]: row.surface === "models" ? "models" : operations[row.surface],
    ...(row.model !== "" && { [ATTR_GEN_AI_REQUEST_MODEL]: row.model }),
    [ATTR_HTTP_RESPONSE_STATUS_CODE]: row.status,
    ...(row.status >= 500 && { [ATTR_ERROR_TYPE]: row.code }),
    "sluice.org": row.org,
    "sluice.team": row.team,
    "sluice.app": row.app,
    "sluice.env": row.env,
    "sluice.key": row.key,
    "sluice.provider": row.provider,
    "sluice.decision": row.decision,
    "sluice.code": row.code,
    "sluice.revision": revision,
    "sluice.usage.provenance": row.provenance,
    ...(row.costNanoUsd !== null && { "sluice.cost_usd": row.costNanoUsd / 1e9 }),
  };
}
