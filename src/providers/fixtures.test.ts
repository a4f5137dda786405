import { anthropicCountTokens } from "./anthropic-count-tokens/format.ts";
import { takeEventDeltas, takeMessageDeltas } from "./anthropic-messages/answer.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { azureChat, azureCompletions, azureEmbeddings } from "./azure/format.ts";
import { testFixtures } from "./fixtures.conformance.ts";
import { takeChatDeltas } from "./openai-chat/answer.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { openaiCompletions } from "./openai-completions/format.ts";
import { openaiEmbeddings } from "./openai-embeddings/format.ts";
import { takeOutput } from "./openai-responses/answer.ts";
import { openaiResponses } from "./openai-responses/format.ts";
import { takeResponsesDeltas } from "./openai-responses/stream.ts";

const chat = { takeWhole: takeChatDeltas, takeEvent: takeChatDeltas };
const none = { takeWhole: () => undefined, takeEvent: () => undefined };
const providers = ["azure"];

testFixtures([
  { apis: ["chat", "openai-compat"], format: openaiChat, withholds: true, ...chat },
  { apis: ["completions"], format: openaiCompletions, withholds: true, ...chat },
  { apis: ["responses"], format: openaiResponses, takeWhole: takeOutput, takeEvent: takeResponsesDeltas },
  { apis: ["embeddings"], format: openaiEmbeddings, ...none },
  { apis: ["messages"], format: anthropicMessages, takeWhole: takeMessageDeltas, takeEvent: takeEventDeltas },
  { apis: ["count_tokens"], format: anthropicCountTokens, ...none },
  { apis: ["chat"], providers, format: azureChat, withholds: true, ...chat },
  { apis: ["completions"], providers, format: azureCompletions, withholds: true, ...chat },
  { apis: ["embeddings"], providers, format: azureEmbeddings, ...none },
]);
