import {
  type CatalogueOptions,
  type ModelConfig,
  type ProviderConfig,
  type RoutingProblem,
  routingProblems,
  type TargetConfig,
} from "../upstream/catalogue.ts";
import { type FileNode, nodeAt } from "./file.ts";
import {
  type Entries,
  entriesByKey,
  type Found,
  findValue,
  position,
  type SettingRow,
  type Sources,
  toRow,
} from "./load.ts";
import { readPrice } from "./prices.ts";
import { choice, integer, type Setting, seconds, text, toggle } from "./setting.ts";
import { vendors } from "./vendors.ts";

/** Providers that need no entry in the file: the environment is enough. */
export const namedProviders = ["openai", "anthropic", "azure", "gemini", "cohere"] as const;

/** What a provider's entry may hold. */
export const providerFields = {
  kind: {
    type: choice("openai", "azure", "anthropic", "gemini", "cohere", "echo"),
    default: undefined,
    doc: "The wire format it speaks. Needed unless the provider is called by its kind, or by one of the vendors below.",
  },
  base_url: {
    type: text,
    default: undefined,
    doc: "Its address, as the official SDKs take it: OpenAI's ends in /v1, the others' do not. The vendor's own when unset; Azure's is the resource's endpoint.",
  },
  api_key: {
    type: text,
    default: undefined,
    secret: true,
    doc: "The key that Sluice sends to it. Never leaves the process for anywhere else.",
  },
  api_version: {
    type: text,
    default: undefined,
    doc: "The api-version that kind azure is asked with, for calls that bring none of their own.",
  },
  include_usage: {
    type: toggle,
    default: undefined,
    doc: "Whether streams are asked for their usage with stream_options. Unset: unless the model's vendor tells it unasked.",
  },
  connect_timeout_seconds: {
    type: seconds,
    default: undefined,
    doc: "Longest time that a connection to it may take to be made. Unset, as for all below: as under upstream.",
  },
  first_byte_timeout_seconds: {
    type: seconds,
    default: undefined,
    doc: "Longest wait for the beginning of an answer of its, whatever is asked for.",
  },
  idle_timeout_seconds: {
    type: seconds,
    default: undefined,
    doc: "Longest silence in the middle of an answer of its.",
  },
  total_timeout_seconds: {
    type: seconds,
    default: undefined,
    doc: "Longest time of a whole call, further attempts included.",
  },
  retries: { type: integer(0, 10), default: undefined, doc: "Further attempts at one target after a failed one." },
  max_in_flight: {
    type: integer(1, 1_000_000),
    default: undefined,
    doc: "Most calls that are under way at one of its targets.",
  },
} satisfies Record<string, Setting>;

/** What one target of a model may hold. */
export const targetFields = {
  provider: { type: text, default: undefined, doc: "Name of a configured provider, or echo." },
  model: { type: text, default: undefined, doc: "The model's name at that provider; the same name when unset." },
  priority: { type: integer(1, 1_000), default: 1, doc: "Lower goes first." },
  weight: {
    type: integer(0, 1_000),
    default: 100,
    doc: "Share among targets of the same priority; with 0 it is asked when the others failed.",
  },
  reasoning: {
    type: toggle,
    default: undefined,
    doc: "Whether the model may think for minutes before its first word: it is given the longest time. Unset: as its name says.",
  },
} satisfies Record<string, Setting>;

/** What a model's entry may hold beside its targets and its price. */
export const modelFields = {
  unpriced: {
    type: choice("ok"),
    default: undefined,
    doc: "Says that it is known and fine that the model has no price.",
  },
} satisfies Record<string, Setting>;

const modelKeys = ["targets", "price", ...Object.keys(modelFields)];

/** The providers and models that are configured, and a row for each of their settings. */
export interface Routing extends CatalogueOptions {
  readonly rows: readonly SettingRow[];
}

/** Reads `providers` and `models`. Every problem of theirs is reported, each where it stands. */
export function readRouting(sources: Sources): Routing {
  const rows: SettingRow[] = [];
  const origins = new Map<string, Found>();
  const providers = readProviders(sources, rows, origins);
  const models = readModels(sources, rows);
  const known = { providers, models };
  for (const problem of routingProblems(known)) {
    sources.problems.push({
      where: placeOf(problem, sources, origins),
      message: `${problem.path.join(".")} ${problem.message}`,
    });
  }
  return { ...known, rows };
}

function readProviders(sources: Sources, rows: SettingRow[], origins: Map<string, Found>) {
  const { file, problems } = sources;
  const section = nodeAt(file?.root ?? null, ["providers"]);
  const written = sectionEntries(section, "providers", sources);
  const providers = new Map<string, ProviderConfig>();
  for (const name of new Set([...written.keys(), ...namedProviders])) {
    const registry = Object.fromEntries(
      Object.entries(providerFields).map(([field, setting]) => [`providers.${name}.${field}`, setting]),
    );
    const node = written.get(name);
    const entries: Entries =
      node === undefined || file === null
        ? new Map()
        : entriesByKey(file, node, registry, [], problems, `providers.${name}.`);
    const values: Record<string, unknown> = {};
    for (const [key, setting] of Object.entries(registry)) {
      const found = findValue(key, setting, sources, entries);
      if (found.origin === "default") continue;
      origins.set(key, found);
      rows.push(toRow(key, setting, found));
      if (found.value !== undefined) values[key.slice(key.lastIndexOf(".") + 1)] = found.value;
    }
    // A version alone makes no provider: other programs of the same environment name it too.
    if (node === undefined && values.api_key === undefined && values.base_url === undefined) continue;
    const vendor = Object.hasOwn(vendors, name) ? vendors[name] : undefined;
    const kind = values.kind ?? providerFields.kind.type.fromText(name) ?? (vendor && "openai");
    if (vendor !== undefined && kind === "openai" && !origins.has(`providers.${name}.base_url`)) {
      if (vendor.baseUrl !== undefined) {
        values.base_url = vendor.baseUrl;
        if (vendor.tellsUsage) values.include_usage ??= false;
      } else {
        const where = node === undefined || file === null ? name : position(file, node);
        problems.push({ where, message: `providers.${name}.base_url is missing: ${vendor.note}` });
      }
    }
    if (kind === undefined && !origins.has(`providers.${name}.kind`)) {
      const where = node === undefined || file === null ? name : position(file, node);
      problems.push({ where, message: `providers.${name} needs a kind: ${providerFields.kind.type.accepts}` });
    }
    // One whose kind is wrong is there all the same: models that name it are not to be blamed for that.
    providers.set(name, { ...values, kind: kind ?? "openai" } as ProviderConfig);
  }
  return providers;
}

function readModels(sources: Sources, rows: SettingRow[]) {
  const { file, problems } = sources;
  const models = new Map<string, ModelConfig>();
  const written = sectionEntries(nodeAt(file?.root ?? null, ["models"]), "models", sources);
  for (const [name, node] of written) {
    if (file === null) break;
    const before = problems.length;
    const extra = node.kind === "map" ? [...node.entries].find(([key]) => !modelKeys.includes(key)) : undefined;
    if (extra !== undefined) {
      problems.push({
        where: position(file, extra[1]),
        message: `unknown key 'models.${name}.${extra[0]}'; known: ${modelKeys.join(", ")}`,
      });
    }
    const model = { ...readTargets(name, node, sources, rows), ...readMoney(name, node, sources, rows) };
    // With a broken part there is a problem already; a second about the rest would only mislead.
    if (problems.length === before) models.set(name, { ...model, where: position(file, node) });
  }
  return models;
}

/** Where a model's requests go. One that is known by its name needs no targets to be given a price. */
function readTargets(name: string, node: FileNode, sources: Sources, rows: SettingRow[]): Pick<ModelConfig, "targets"> {
  const { file, problems } = sources;
  const path = `models.${name}.targets`;
  const list = node.kind === "map" ? node.entries.get("targets")?.node : undefined;
  const isPriced = node.kind === "map" && (node.entries.has("price") || node.entries.has("unpriced"));
  if (file === null || (list === undefined && isPriced)) return {};
  if (list?.kind !== "list") {
    const message = `${path} must be a list of targets, each with a provider and a model`;
    problems.push({ where: position(file, list ?? node), message });
    return {};
  }
  const targets = list.items.flatMap((item, i) => readTarget(item, `${path}.${i}.`, name, sources) ?? []);
  rows.push({
    key: path,
    value: targets.map((target) => `${target.provider}/${target.model}`).join(","),
    origin: "file",
    source: `file ${file.label}:${node.line}`,
    secret: false,
    doc: "Where requests for this model go.",
  });
  return { targets };
}

/** What a model costs, and whether it is fine that nobody knows. */
function readMoney(
  name: string,
  node: FileNode,
  sources: Sources,
  rows: SettingRow[],
): Pick<ModelConfig, "price" | "unpriced"> {
  const { file, problems } = sources;
  if (node.kind !== "map" || file === null) return {};
  const path = `models.${name}.price`;
  const written = node.entries.get("price");
  const price = written && readPrice(written.node, path, sources);
  if (price !== undefined) {
    const source = `file ${file.label}:${written!.line}`;
    const value = `${price.input} in, ${price.output} out`;
    rows.push({ key: path, value, origin: "file", source, secret: false, doc: "US dollars per 1,000,000 tokens." });
  }
  const key = `models.${name}.unpriced`;
  const waiver = node.entries.get("unpriced");
  if (waiver === undefined) return price === undefined ? {} : { price };
  const found = findValue(key, modelFields.unpriced, sources, new Map([[key, waiver]]));
  rows.push(toRow(key, modelFields.unpriced, found));
  if (price !== undefined) {
    problems.push({ where: found.where, message: `${key} is set beside a price; only one of them may be` });
  }
  return found.value === "ok" ? { unpriced: "ok" } : {};
}

function readTarget(item: FileNode, prefix: string, name: string, sources: Sources): TargetConfig | undefined {
  const { file, problems } = sources;
  if (file === null) return undefined;
  const before = problems.length;
  const registry = Object.fromEntries(
    Object.entries(targetFields).map(([field, setting]) => [prefix + field, setting]),
  );
  const entries = entriesByKey(file, item, registry, [], problems, prefix);
  const value = (field: keyof typeof targetFields) =>
    findValue(prefix + field, targetFields[field], sources, entries).value;
  const target = {
    provider: value("provider"),
    model: value("model") ?? name,
    priority: value("priority"),
    weight: value("weight"),
    ...(value("reasoning") !== undefined && { reasoning: value("reasoning") }),
  };
  if (problems.length > before) return undefined;
  if (target.provider !== undefined) return target as TargetConfig;
  problems.push({ where: position(file, item), message: `${prefix}provider is missing` });
  return undefined;
}

/** The entries of `providers` or `models` by name. */
function sectionEntries(section: FileNode | null, name: string, sources: Sources): ReadonlyMap<string, FileNode> {
  if (section === null || sources.file === null) return new Map();
  if (section.kind === "map") return new Map([...section.entries].map(([key, entry]) => [key, entry.node]));
  if (section.kind === "list" || section.value !== null) {
    sources.problems.push({
      where: position(sources.file, section),
      message: `${name} must be a map from names to settings`,
    });
  }
  return new Map();
}

/** Where the value that a problem is about was written. */
function placeOf({ path }: RoutingProblem, { file }: Sources, origins: ReadonlyMap<string, Found>): string {
  const found = origins.get(path.join("."));
  if (found !== undefined) return found.where;
  for (let length = path.length; length > 0; length -= 1) {
    const node = nodeAt(file?.root ?? null, path.slice(0, length));
    if (node !== null && file !== null) return position(file, node);
  }
  return path.join(".");
}
