/** A vendor that speaks OpenAI's format: what a provider of its name is, where the configuration does not say otherwise. */
export interface Vendor {
  readonly title: string;
  /** Absent where the address differs between customers. */
  readonly baseUrl?: string;
  /** Its streams tell their usage whether or not they are asked, and some of these vendors refuse to be asked. */
  readonly tellsUsage: boolean;
  /** What is particular about it. */
  readonly note: string;
}

/** The vendors that a provider may be called by, so that it needs no more than a key. */
export const vendors: Readonly<Record<string, Vendor>> = {
  mistral: {
    title: "Mistral",
    baseUrl: "https://api.mistral.ai/v1",
    tellsUsage: true,
    note: "Contents that are lists of parts are read, thinking among them; calls without an index are told apart by their ids.",
  },
  groq: {
    title: "Groq",
    baseUrl: "https://api.groq.com/openai/v1",
    tellsUsage: true,
    note: "Usage is read from `x_groq` as well, and counted once; `event: error` ends a stream as failed.",
  },
  deepseek: {
    title: "DeepSeek",
    baseUrl: "https://api.deepseek.com",
    tellsUsage: true,
    note: "Usage that grows from event to event counts once, the last; comments and blank lines keep the stream alive.",
  },
  xai: {
    title: "xAI",
    baseUrl: "https://api.x.ai/v1",
    tellsUsage: false,
    note: "Reasoning that chat counts beside the completion is added to it; errors with status 200 are told as errors.",
  },
  openrouter: {
    title: "OpenRouter",
    baseUrl: "https://openrouter.ai/api/v1",
    tellsUsage: true,
    note: "`models` that name others than `model`, and `preset`, are refused: fall back by targets. Suffixes such as `:online` are part of a model's name.",
  },
  together: {
    title: "Together",
    baseUrl: "https://api.together.xyz/v1",
    tellsUsage: true,
    note: "The text that stands beside each delta is kept to what went out.",
  },
  perplexity: {
    title: "Perplexity",
    baseUrl: "https://api.perplexity.ai",
    tellsUsage: true,
    note: "Usage is on every event, whole so far; streams end without `[DONE]`. Fees per search are not in it.",
  },
  cerebras: {
    title: "Cerebras",
    baseUrl: "https://api.cerebras.ai/v1",
    tellsUsage: false,
    note: "",
  },
  moonshot: {
    title: "Moonshot",
    baseUrl: "https://api.moonshot.ai/v1",
    tellsUsage: false,
    note: "",
  },
  bedrock: {
    title: "Amazon Bedrock",
    tellsUsage: false,
    note: "its compatible endpoint, https://bedrock-runtime.REGION.amazonaws.com/openai/v1, which takes a Bedrock key",
  },
};
