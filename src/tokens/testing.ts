/** For the tests of this folder: models and request views made of their parts. */
import type { ModelInfo } from "../core/ports.ts";
import type { PromptPart, RequestView } from "../core/wire.ts";

/** A model without a price. */
export function model(id: string, encoding: ModelInfo["encoding"]): ModelInfo {
  return { id, provider: "test", encoding, maxOutput: 4096, price: null };
}

export const gpt4o = model("gpt-4o", "o200k_base");
export const gpt4 = model("gpt-4", "cl100k_base");
export const sonnet = model("claude-sonnet-4-5", "none");

/** A message of texts. */
export function message(role: string, ...texts: string[]): PromptPart {
  return { kind: "message", role, texts, images: [] };
}

/** A message that names its author. */
export function named(role: string, name: string, text: string): PromptPart {
  return { kind: "message", role, named: true, texts: [name, text], images: [] };
}

/** A tool by its definition. */
export function tool(definition: object): PromptPart {
  return { kind: "tool", role: "", texts: [JSON.stringify(definition)], images: [] };
}

/** A request of these parts. */
export function view(...parts: PromptPart[]): RequestView {
  return {
    surface: "chat",
    raw: new Uint8Array(),
    body: {},
    model: "gpt-4o",
    stream: false,
    messageCount: parts.length,
    toolCount: parts.filter((part) => part.kind === "tool").length,
    maxTokensRequested: 0,
    choices: 1,
    temperature: undefined,
    user: "",
    roles: () => parts.map((part) => part.role),
    toolNames: () => [],
    imageCount: () => parts.reduce((sum, part) => sum + part.images.length, 0),
    characters: () => parts.flatMap((part) => part.texts).join("").length,
    parts: () => parts,
  };
}
