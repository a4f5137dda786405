/**
 * Makes `schema/models.json`: the facts and figures of models that the gateway works with.
 *
 *   bun scripts/models.ts ../shared/models.json
 *
 * Run by whoever has newer figures; the result is committed, so that nothing but this repository is needed to build or run.
 */
import type { ModelRow } from "../src/upstream/models.ts";

/** A row of the collected figures; only what is used is named. */
interface Collected {
  readonly id: string;
  readonly provider: string;
  readonly upstreamModel: string;
  readonly mode: string;
  readonly contextWindow: number | null;
  readonly maxOutput: number | null;
  readonly inputPer1M: number | null;
  readonly outputPer1M: number | null;
  readonly cachedInputPer1M: number | null;
  readonly cacheWritePer1M: number | null;
  readonly cacheWrite1hPer1M: number | null;
  readonly reasoningOutputPer1M: number | null;
  readonly tiers: readonly {
    readonly aboveInputTokens: number;
    readonly inputPer1M: number;
    readonly outputPer1M: number;
    readonly cachedInputPer1M: number | null;
  }[];
  readonly encoding: ModelRow["encoding"];
  readonly source: string;
}

/**
 * Where figures come from: the beginning of a row's source, the name kept, and the date of the figures. The second is known
 * only to be newer than the first.
 */
const sources: readonly (readonly [start: string, name: string, date: string])[] = [
  ["asadahmad23cse/Zentris@db22ab44", "LiteLLM 1.83.2", "2026-05-18"],
  ["BerriAI/litellm@00035b69", "LiteLLM", "2026-05-18"],
  ["pydantic/genai-prices@47df840a", "genai-prices", "2026-08-21"],
];

/** The simulated provider's own model: it answers offline and really costs nothing. */
const echo: ModelRow = {
  id: "echo",
  provider: "echo",
  mode: "chat",
  encoding: "o200k_base",
  context: 128_000,
  maxOutput: 4_096,
  price: { input: 0, output: 0 },
  date: "2026-11-21",
  source: "sluice",
};

/**
 * Turns collected figures into the text of `schema/models.json`: one model a line, in the order they were collected.
 *
 * @throws Error when a row comes from a source whose date is not known
 */
export function modelsJson(collected: { readonly models: readonly Collected[] }): string {
  const rows = [echo, ...collected.models.map(toRow)];
  return `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`;
}

function toRow(model: Collected): ModelRow {
  const source = sources.find(([start]) => model.source.startsWith(start));
  if (source === undefined) throw new Error(`${model.id}: the date of the source is not known: ${model.source}`);
  return {
    id: model.id,
    provider: model.provider,
    ...(model.upstreamModel !== model.id && { upstreamModel: model.upstreamModel }),
    mode: model.mode,
    encoding: model.encoding,
    ...(model.contextWindow !== null && { context: model.contextWindow }),
    ...(model.maxOutput !== null && { maxOutput: model.maxOutput }),
    ...priceOf(model),
    date: source[2],
    source: source[1],
  };
}

/** Ranking is charged by the query, not by tokens. Where a completion has no price, as with embeddings, there is none. */
function priceOf(model: Collected): Pick<ModelRow, "price"> {
  if (model.inputPer1M === null || model.mode === "rerank") return {};
  const { inputPer1M: input, cachedInputPer1M: cachedInput, cacheWritePer1M: cacheWrite } = model;
  const tiers = model.tiers.map((tier) => ({
    above: tier.aboveInputTokens,
    input: tier.inputPer1M,
    output: tier.outputPer1M,
    ...(tier.cachedInputPer1M !== null && { cachedInput: tier.cachedInputPer1M }),
    // What is charged more for long prompts is charged more for writing them to the cache, in the same proportion.
    ...(cacheWrite !== null && { cacheWrite: Number(((cacheWrite * tier.inputPer1M) / input).toPrecision(9)) }),
  }));
  return {
    price: {
      input,
      output: model.outputPer1M ?? 0,
      ...(cachedInput !== null && { cachedInput }),
      ...(cacheWrite !== null && { cacheWrite }),
      ...(model.cacheWrite1hPer1M !== null && { cacheWriteLong: model.cacheWrite1hPer1M }),
      ...(model.reasoningOutputPer1M !== null && { reasoning: model.reasoningOutputPer1M }),
      ...(tiers.length > 0 && { tiers }),
    },
  };
}

if (import.meta.main) {
  const [from] = process.argv.slice(2);
  if (from === undefined) {
    console.error("usage: bun scripts/models.ts <collected figures>");
    process.exit(2);
  }
  await Bun.write(new URL("../schema/models.json", import.meta.url), modelsJson(await Bun.file(from).json()));
}
