import type { Surface } from "../core/phases.ts";

/** Members of OpenAI's bodies that more than one surface has. */
const shared =
  "model stream stream_options temperature top_p user metadata service_tier store safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options tools tool_choice parallel_tool_calls top_logprobs";
const chat = `${shared} messages max_tokens max_completion_tokens n stop seed functions function_call response_format reasoning_effort verbosity logit_bias logprobs frequency_penalty presence_penalty modalities audio prediction web_search_options moderation`;
const completions =
  "model prompt suffix max_tokens temperature top_p n stream stream_options logprobs echo stop presence_penalty frequency_penalty best_of logit_bias user seed";
const embeddings = "model input dimensions encoding_format user";
const responses = `${shared} input instructions max_output_tokens max_tool_calls reasoning text include previous_response_id conversation background truncation context_management prompt moderation`;
const messages =
  "model messages max_tokens system stop_sequences stream temperature top_p top_k tools tool_choice thinking output_config output_format metadata service_tier container context_management mcp_servers cache_control inference_geo fallbacks betas";

/** Google's names; their other spelling, with underscores, is the same field. */
const gemini =
  "model contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent serviceTier labels store modelArmorConfig";
const geminiCount = `${gemini} generateContentRequest`;
const geminiEmbeddings = "model content taskType title outputDimensionality requests embedContentConfig";
const cohere =
  "model messages stream tools strict_tools tool_choice documents citation_options response_format safety_mode max_tokens stop_sequences temperature k p seed frequency_penalty presence_penalty logprobs thinking priority";
const cohereEmbeddings =
  "model texts images inputs input_type embedding_types output_dimension max_tokens truncate priority";

const known: Readonly<Record<Surface, ReadonlySet<string>>> = {
  chat: fields(chat),
  "azure-chat": fields(`${chat} data_sources`),
  completions: fields(completions),
  "azure-completions": fields(completions),
  embeddings: fields(embeddings),
  "azure-embeddings": fields(`${embeddings} input_type`),
  responses: fields(responses),
  messages: fields(messages),
  count_tokens: fields(messages),
  gemini: fields(gemini),
  "gemini-count-tokens": fields(geminiCount),
  "gemini-embeddings": fields(geminiEmbeddings),
  cohere: fields(cohere),
  "cohere-embeddings": fields(cohereEmbeddings),
};

/**
 * How many members of a body are not known on its surface. They go to the provider as they came: that they are counted
 * tells when a vendor's format has grown past this list.
 */
export function unknownFields(surface: Surface, body: object): number {
  const names = known[surface];
  let count = 0;
  for (const name in body) if (!names.has(name)) count += 1;
  return count;
}

function fields(names: string): ReadonlySet<string> {
  const both = (name: string) => [name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
  return new Set(names.split(" ").flatMap(both));
}
