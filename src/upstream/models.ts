import rows from "../../schema/models.json" with { type: "json" };
import type { ModelInfo, ModelPrice } from "../core/ports.ts";

/** One line of `schema/models.json`. What is absent is not known. */
export interface ModelRow {
  readonly id: string;
  readonly provider: string;
  /** The name at the provider, where it is not the id. */
  readonly upstreamModel?: string;
  /** `chat`, `responses`, `embedding`, `image_generation` or `rerank`. */
  readonly mode: string;
  readonly encoding: ModelInfo["encoding"];
  /** Most tokens of prompt and answer together. */
  readonly context?: number;
  readonly maxOutput?: number;
  /** USD per 1,000,000 tokens; a part without a price of its own is absent. */
  readonly price?: {
    readonly input: number;
    readonly output: number;
    readonly cachedInput?: number;
    readonly cacheWrite?: number;
    readonly cacheWriteLong?: number;
    readonly reasoning?: number;
    /** What the whole call costs where its prompt has more than so many tokens. */
    readonly tiers?: readonly {
      readonly above: number;
      readonly input: number;
      readonly output: number;
      readonly cachedInput?: number;
      readonly cacheWrite?: number;
    }[];
  };
  /** The date of the figures, YYYY-MM-DD, and who collected them. */
  readonly date: string;
  readonly source: string;
}

/** What is known of a model, by whatever name it was asked for. */
export interface KnownModel extends ModelInfo {
  /** The name at the provider. */
  readonly upstreamModel: string;
  readonly mode: string;
}

/**
 * Assumed where no vendor's maximum is known. The largest that several vendors publish: with less, a request that names no
 * maximum could slip under a cap.
 */
export const assumedMaxOutput = 128_000;

/** Snapshot names end in a date or in `latest`: gpt-4o-2024-08-06, claude-sonnet-4-5-20250929, claude-3-7-sonnet-latest. */
const snapshot = /[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/;

/** By the beginning of a name, the first that fits: vendor and encoding. After tiktoken's own table. */
const families: readonly (readonly [start: RegExp, provider: string, encoding: ModelInfo["encoding"]])[] = [
  [/^(?:ft:)?gpt-(?:3|4(?![o.\d]))/, "openai", "cl100k_base"],
  [/^text-embedding-(?:3|ada)/, "openai", "cl100k_base"],
  [/^(?:ft:)?(?:gpt-|chatgpt-|o\d)/, "openai", "o200k_base"],
  [/^claude-/, "anthropic", "none"],
  [/^gemini-/, "google", "none"],
  [/^(?:mistral|magistral|codestral|devstral|ministral|pixtral)-/, "mistral", "none"],
  [/^(?:command|embed|rerank)-/, "cohere", "none"],
  [/^deepseek-/, "deepseek", "none"],
  [/^grok-/, "xai", "none"],
];

/** Parts of a price that a list leaves out. */
const unlisted = { cachedInput: null, cacheWrite: null } as const;

const known = new Map<string, KnownModel>();
/** Models that are listed by a snapshot only, under the name without its date. */
const undated = new Map<string, KnownModel>();

/** Vendors whose streams tell their usage unasked; some of them refuse to be asked. */
const tellUsageUnasked = new Set(["mistral", "deepseek", "groq", "openrouter", "perplexity", "together"]);
/** The names that only such vendors use. */
const unasked = new Set<string>();

for (const row of rows as readonly ModelRow[]) {
  const model = toModel(row);
  if (tellUsageUnasked.has(model.provider)) unasked.add(model.upstreamModel.toLowerCase());
  known.set(model.id.toLowerCase(), model);
  const base = model.id.toLowerCase().replace(snapshot, "");
  if (!undated.has(base)) undated.set(base, model);
}

/**
 * What is known of a model name: by its exact id, else as a dated snapshot of one (and the other way round), else by its
 * family, which tells vendor and encoding but no price. Case does not matter.
 *
 * @returns `null` for a name of no known family
 */
export function findModel(name: string): KnownModel | null {
  const id = name.toLowerCase();
  const exact = known.get(id);
  if (exact !== undefined) return exact;
  const base = id.replace(snapshot, "");
  const dated = known.get(base) ?? undated.get(base);
  if (dated !== undefined) return { ...dated, id: name, upstreamModel: name };
  const family = families.find(([start]) => start.test(id));
  if (family === undefined) return null;
  const [, provider, encoding] = family;
  return {
    id: name,
    provider,
    encoding,
    maxOutput: assumedMaxOutput,
    price: null,
    upstreamModel: name,
    mode: id.startsWith("text-embedding") || id.startsWith("embed-") ? "embedding" : "chat",
  };
}

/** Whether a model of this very name is listed. */
export function isListed(name: string): boolean {
  return known.has(name.toLowerCase());
}

/** Whether a model of this name tells the usage of its streams without `stream_options.include_usage`. */
export function tellsUsageUnasked(name: string): boolean {
  return unasked.has(name.toLowerCase()) || tellUsageUnasked.has(findModel(name)?.provider ?? "");
}

/** Names that vendors have switched off, and that policies and clients still hold. */
const retired = [
  ..."text-ada-001 text-babbage-001 text-curie-001 text-davinci-001 text-davinci-002 text-davinci-003".split(" "),
  ..."code-davinci-002 gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-16k gpt-3.5-turbo-16k-0613".split(" "),
  ..."gpt-4-0314 gpt-4-32k gpt-4-32k-0314 gpt-4-32k-0613 gpt-4-vision-preview gpt-4-1106-vision-preview".split(" "),
  ..."claude-1 claude-1.0 claude-1.2 claude-1.3 claude-instant-1 claude-instant-1.1 claude-instant-1.2".split(" "),
  ..."claude-2 claude-2.0 claude-2.1 claude-3-sonnet-20240229 claude-3-opus-20240229 claude-3-5-sonnet-20240620".split(
    " ",
  ),
  ..."gemini-pro gemini-pro-vision gemini-1.0-pro gemini-1.0-pro-vision text-bison-001 chat-bison-001".split(" "),
];

/** Every model name that is known: of `schema/models.json`, as their providers call them, and of those that are gone. */
export function knownModelNames(): readonly string[] {
  const current = [...known.values()].flatMap(({ id, upstreamModel }) => [id, upstreamModel]);
  return [...new Set([...current, ...undated.keys(), ...retired])];
}

/** The models of a provider that answer chats, in the order of the list. */
export function modelsOf(provider: string): readonly KnownModel[] {
  return [...known.values()].filter((model) => model.provider === provider && model.mode === "chat");
}

function toModel(row: ModelRow): KnownModel {
  return {
    id: row.id,
    provider: row.provider,
    encoding: row.encoding,
    maxOutput: row.maxOutput ?? assumedMaxOutput,
    price: row.price === undefined ? null : toPrice(row.price, row.date),
    upstreamModel: row.upstreamModel ?? row.id,
    mode: row.mode,
  };
}

function toPrice({ tiers, ...price }: NonNullable<ModelRow["price"]>, date: string): ModelPrice {
  return { ...unlisted, ...price, date, ...(tiers && { tiers: tiers.map((tier) => ({ ...unlisted, ...tier })) }) };
}
