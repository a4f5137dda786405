import type { WireFormat } from "../core/wire.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { openaiChat } from "./openai-chat/format.ts";

/** Every wire format that Sluice speaks. */
export const wireFormats: readonly WireFormat[] = [openaiChat, anthropicMessages];
