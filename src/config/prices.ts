import type { ModelPrice } from "../core/ports.ts";
import type { FileNode } from "./file.ts";
import { entriesByKey, findValue, position, type Sources } from "./load.ts";
import { day, type Setting, usd } from "./setting.ts";

/** What a model's price may hold. */
export const priceFields = {
  input: { type: usd, default: undefined, doc: "Of the prompt." },
  output: { type: usd, default: undefined, doc: "Of the completion." },
  cached_input: { type: usd, default: undefined, doc: "Of what is read from the provider's cache; unset, as input." },
  cache_write: { type: usd, default: undefined, doc: "Of what is written to it; unset, as input." },
  cache_write_long: {
    type: usd,
    default: undefined,
    doc: "Of what is written to be kept for an hour; unset, as cache_write.",
  },
  reasoning: { type: usd, default: undefined, doc: "Of reasoning; unset, as output." },
  date: { type: day, default: undefined, doc: "When the figures were collected." },
} satisfies Record<string, Setting>;

/** The date of a price that does not say one: records tell that it came from the configuration. */
const undatedPrice = "configured";

/** Reads `models.<name>.price`; `undefined` after noting what is wrong with it. */
export function readPrice(node: FileNode, path: string, sources: Sources): ModelPrice | undefined {
  const { file, problems } = sources;
  if (file === null) return undefined;
  const before = problems.length;
  const prefix = `${path}.`;
  const registry = Object.fromEntries(Object.entries(priceFields).map(([field, one]) => [prefix + field, one]));
  const entries = entriesByKey(file, node, registry, [], problems, prefix);
  const value = <F extends keyof typeof priceFields>(field: F) =>
    findValue(prefix + field, priceFields[field], sources, entries).value as
      | (F extends "date" ? string : number)
      | undefined;
  const [input, output, cacheWriteLong, reasoning] = [
    value("input"),
    value("output"),
    value("cache_write_long"),
    value("reasoning"),
  ];
  if (problems.length > before) return undefined;
  if (input === undefined || output === undefined) {
    problems.push({
      where: position(file, node),
      message: `${prefix}${input === undefined ? "input" : "output"} is missing; a price has input and output`,
    });
    return undefined;
  }
  return {
    input,
    output,
    cachedInput: value("cached_input") ?? null,
    cacheWrite: value("cache_write") ?? null,
    ...(cacheWriteLong !== undefined && { cacheWriteLong }),
    ...(reasoning !== undefined && { reasoning }),
    date: value("date") ?? undatedPrice,
  };
}
