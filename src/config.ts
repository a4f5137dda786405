import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type ConfigFile, parseConfigFile } from "./config/file.ts";
import { entriesByKey, findValue, type SettingRow, type Sources, toRow } from "./config/load.ts";
import { ConfigError, type ConfigProblem } from "./config/problem.ts";
import { type Routing, readRouting } from "./config/routing.ts";
import {
  choice,
  flagName,
  headerNames,
  integer,
  path,
  type Setting,
  type SettingType,
  seconds,
  text,
  toggle,
} from "./config/setting.ts";
import { readEnv, readFlags } from "./config/sources.ts";
import { parseRedisUrl, redisUrlForms } from "./limits/redis/url.ts";

export type { ConfigProblem, SettingRow };
export { ConfigError };

function setting<T>(declared: Setting<T>): Setting<T> {
  return declared;
}

/** A setting that has a default is always there. */
function required<T>(declared: Setting<T> & { readonly default: T }): Setting<T> & { readonly default: T } {
  return declared;
}

/** Where Redis is. */
const redisUrl: SettingType<string> = {
  ...text,
  accepts: redisUrlForms,
  fromText: (value) => (parseRedisUrl(value) === undefined ? undefined : value),
  fromValue: (value) => (typeof value === "string" ? redisUrl.fromText(value) : undefined),
};

/**
 * Every setting that stands on its own, by its name in the file. The schema, `.env.example` and the reference are made from
 * this and the two tables below.
 */
export const settings = {
  config: required({
    type: path,
    default: "./sluice.config.yaml",
    inFile: false,
    doc: "The configuration file. The default one may be absent.",
  }),
  host: required({
    type: text,
    default: "127.0.0.1",
    doc: "Address to listen on; 0.0.0.0 is every one of the machine.",
  }),
  port: required({ type: integer(0, 65_535), default: 8787, doc: "Port to listen on; 0 picks a free one." }),
  data_dir: required({
    type: path,
    default: "./data",
    doc: "Folder of the database, the admin key and the policy sets that were live; made when it is absent.",
  }),
  policies_dir: required({
    type: path,
    default: "./policies",
    doc: "Folder of the policy files; watched for changes.",
  }),
  plugins_dir: required({ type: path, default: "./plugins", doc: "Folder of the plugins, each a folder of its own." }),
  allow_empty: required({
    type: toggle,
    default: false,
    doc: "Whether to become ready without any valid policy: every request then passes.",
  }),
  admin_key: setting({
    type: text,
    default: undefined,
    secret: true,
    doc: "The key of the admin API. Unset: the one in the data folder, which the first start makes and prints.",
  }),
  max_body_bytes: required({
    type: integer(1_024, 1_073_741_824),
    default: 33_554_432,
    doc: "Largest request body, after decompression. The default, 32 MiB, is the most that Anthropic takes.",
  }),
  policy_headers: required({
    type: headerNames,
    default: [] as readonly string[],
    doc: "Request headers that policies may read as request.headers.",
  }),
  record_facts_percent: required({
    type: integer(0, 100),
    default: 0,
    doc: "Of the decisions in which no rule fired, how many in a hundred are recorded with what the rules read. All others are.",
  }),
  log_level: required({
    type: choice("trace", "debug", "info", "warn", "error", "fatal", "silent"),
    default: "info",
    doc: "Least important level that is logged, to standard error.",
  }),
  shutdown_grace_seconds: required({
    type: seconds,
    default: 25,
    doc: "How long running answers and streams may take to finish after SIGTERM. Kubernetes kills after 30.",
  }),
  redis_url: setting({
    type: redisUrl,
    default: undefined,
    secret: true,
    doc: "Where the counters of limits are shared by all replicas. Unset: each process counts alone.",
  }),
  "redis.command_timeout_seconds": required({
    type: seconds,
    default: 0.1,
    doc: "Longest wait for an answer of Redis's; after it the limits in question are answered as their onStoreDown says.",
  }),
  "redis.circuit_breaker_enabled": required({
    type: toggle,
    default: true,
    env: "REDIS_CIRCUIT_BREAKER_ENABLED",
    doc: "Whether Redis is left alone for a while when 60 % of at least 3 commands within two seconds fail.",
  }),
  "redis.breaker_open_seconds": required({
    type: seconds,
    default: 30,
    doc: "How long Redis is left alone before it is tried again.",
  }),
  "redis.hold_seconds": required({
    type: integer(3, 3600),
    default: 60,
    doc: "After how long places under `concurrency` return that a crashed replica held. Live ones renew theirs.",
  }),
  "upstream.connect_timeout_seconds": required({
    type: seconds,
    default: 10,
    doc: "Longest time that a connection to a provider may take to be made.",
  }),
  "replicas.poll_seconds": required({
    type: seconds,
    default: 1,
    doc: "How often the database is looked at for what other replicas changed. With Redis they tell it at once as well.",
  }),
  "upstream.first_byte_timeout_seconds": required({
    type: seconds,
    default: 1200,
    doc: "Longest wait for the beginning of a provider's answer, whatever is asked for: as long as models that think for minutes need. The three below make it shorter.",
  }),
  "upstream.stream_timeout_seconds": required({
    type: seconds,
    default: 120,
    doc: "Longest wait for the first event of a stream, of models that do not think first.",
  }),
  "upstream.chat_timeout_seconds": required({
    type: seconds,
    default: 600,
    doc: "Longest wait for an answer that is no stream, of models that do not think first. The official SDKs wait as long.",
  }),
  "upstream.embedding_timeout_seconds": required({
    type: seconds,
    default: 60,
    doc: "Longest wait for embeddings and for counts of tokens.",
  }),
  "upstream.idle_timeout_seconds": required({
    type: seconds,
    default: 300,
    doc: "Longest silence in the middle of a provider's answer.",
  }),
  "upstream.reasoning_idle_timeout_seconds": required({
    type: seconds,
    default: 900,
    doc: "The same, of models that may think for minutes between two words.",
  }),
  "upstream.total_timeout_seconds": required({
    type: seconds,
    default: 3600,
    doc: "Longest time of a call, from its first attempt to the last byte of the answer.",
  }),
  "upstream.retries": required({
    type: integer(0, 10),
    default: 2,
    doc: "Further attempts at one target after a failed one: when it cannot be reached, and after 429, 500, 502, 503, 504 and 529.",
  }),
  "upstream.retry_budget_seconds": required({
    type: seconds,
    default: 300,
    doc: "No attempt, at whatever target, begins later than this after the first.",
  }),
  "upstream.retry_base_seconds": required({
    type: seconds,
    default: 0.5,
    doc: "The first wait between attempts is drawn from nothing to this; the bound doubles each time.",
  }),
  "upstream.retry_max_wait_seconds": required({
    type: seconds,
    default: 8,
    doc: "Longest wait between attempts. A provider that asks for more is left for the next target, or its answer passed on.",
  }),
  "upstream.max_in_flight": required({
    type: integer(1, 1_000_000),
    default: 2000,
    doc: "Most calls that are under way at one target; others wait for their turn.",
  }),
  "upstream.max_queue": required({
    type: integer(0, 1_000_000),
    default: 1000,
    doc: "Most calls that wait for their turn at one target; others go to the next one, or are answered with 503.",
  }),
  "upstream.queue_timeout_seconds": required({
    type: seconds,
    default: 5,
    doc: "Longest wait for a turn.",
  }),
  "upstream.breaker_enabled": required({
    type: toggle,
    default: true,
    doc: "Whether a target that fails too often is left alone for a while.",
  }),
  "upstream.breaker_failure_percent": required({
    type: integer(1, 100),
    default: 50,
    doc: "Of how many attempts in a hundred must fail for that: not answered, or with 500, 502, 503, 504 or 529.",
  }),
  "upstream.breaker_min_calls": required({
    type: integer(1, 1_000_000),
    default: 20,
    doc: "How many attempts it takes in the window for that.",
  }),
  "upstream.breaker_window_seconds": required({
    type: seconds,
    default: 10,
    doc: "The time in which attempts are counted.",
  }),
  "upstream.breaker_open_seconds": required({
    type: seconds,
    default: 15,
    doc: "How long a target is left alone before one call tries it again.",
  }),
};

/** Settings of providers that the environment alone can configure. Beside them the file may name any provider. */
export const providerSettings: Readonly<Record<string, Setting>> = {
  "providers.openai.api_key": {
    type: text,
    default: undefined,
    env: "OPENAI_API_KEY",
    secret: true,
    doc: "OpenAI's key. With it the vendor's models can be asked for by their own names.",
  },
  "providers.openai.base_url": {
    type: text,
    default: undefined,
    env: "OPENAI_BASE_URL",
    doc: "Another address for the provider openai, ending in /v1.",
  },
  "providers.anthropic.api_key": {
    type: text,
    default: undefined,
    env: "ANTHROPIC_API_KEY",
    secret: true,
    doc: "Anthropic's key. With it the vendor's models can be asked for by their own names.",
  },
  "providers.anthropic.base_url": {
    type: text,
    default: undefined,
    env: "ANTHROPIC_BASE_URL",
    doc: "Another address for the provider anthropic, without /v1.",
  },
  "providers.azure.api_key": {
    type: text,
    default: undefined,
    env: "AZURE_OPENAI_API_KEY",
    secret: true,
    doc: "The key of a resource of Azure OpenAI. Its deployments can be asked for by their names on the paths below /azure.",
  },
  "providers.azure.base_url": {
    type: text,
    default: undefined,
    env: "AZURE_OPENAI_ENDPOINT",
    doc: "The resource's endpoint, such as https://NAME.openai.azure.com.",
  },
  "providers.azure.api_version": {
    type: text,
    default: undefined,
    env: "OPENAI_API_VERSION",
    doc: "The version of Azure's API, for calls that name none.",
  },
  "providers.gemini.api_key": {
    type: text,
    default: undefined,
    env: "GEMINI_API_KEY",
    secret: true,
    doc: "The key of Google's Gemini API. With it the vendor's models can be asked for by their own names.",
  },
  "providers.gemini.base_url": {
    type: text,
    default: undefined,
    env: "GOOGLE_GEMINI_BASE_URL",
    doc: "Another address for the provider gemini, without /v1beta.",
  },
  "providers.cohere.api_key": {
    type: text,
    default: undefined,
    env: "CO_API_KEY",
    secret: true,
    doc: "Cohere's key. With it the vendor's models can be asked for by their own names.",
  },
  "providers.cohere.base_url": {
    type: text,
    default: undefined,
    env: "CO_API_URL",
    doc: "Another address for the provider cohere, without /v2.",
  },
};

function later(unsupported: string, env?: string): Setting {
  return { type: text, default: undefined, unsupported, ...(env !== undefined && { env }), doc: unsupported };
}

/** Settings that are planned. Setting one is an error, so that nobody believes in something that is not there. */
export const laterSettings: Readonly<Record<string, Setting>> = {
  database_url: later("records are kept in SQLite in the data folder; PostgreSQL comes later"),
  jwt_secret: { ...later("the admin API takes the admin key; tokens come later"), secret: true },
  jwks_url: later("the admin API takes the admin key; tokens come later"),
};

/** Variables that other programs use too. Where they are set Sluice only says that it does nothing with them. */
const laterVariables: Readonly<Record<string, string>> = {
  OTEL_EXPORTER_OTLP_ENDPOINT: "traces are not exported by this version",
};

type ValueOf<S> = S extends { readonly type: SettingType<infer T>; readonly default: infer D }
  ? undefined extends D
    ? T | undefined
    : T
  : never;
type Head<K> = K extends `${infer H}.${string}` ? H : K;
type Values<F> = {
  readonly [H in Head<keyof F>]: H extends keyof F
    ? ValueOf<F[H]>
    : { readonly [K in keyof F as K extends `${H & string}.${infer R}` ? R : never]: ValueOf<F[K]> };
};

/** The value of every setting; `upstream.…` are the members of `upstream`. Paths are absolute. */
export type ConfigValues = Values<typeof settings> & Pick<Routing, "providers" | "models">;

/** A configuration that was read and found whole. */
export interface Config {
  readonly values: ConfigValues;
  /** What the operator should know; to be logged once. */
  readonly warnings: readonly string[];
  /** Every setting with its value, secrets masked, and where that came from. */
  describe(): readonly SettingRow[];
}

/** What the configuration is read from. */
export interface ConfigInput {
  /** Flags only, as they follow the verb. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths of flags, variables and defaults begin here; those in the file begin at its folder. */
  readonly cwd: string;
  /** Reads a text file or throws; the file system's when absent. */
  readonly readFile?: (path: string) => string;
}

/**
 * Reads the configuration: a flag goes before the environment, that before the file, that before the default.
 *
 * @throws ConfigError with every problem that was found
 */
export function loadConfig({ argv, env, cwd, readFile = readText }: ConfigInput): Config {
  const problems: ConfigProblem[] = [];
  const registry: Readonly<Record<string, Setting>> = { ...settings, ...providerSettings, ...laterSettings };
  const flags = readFlags(argv, registry, problems);
  const variables = readEnv(env, registry, problems);
  const base = { flags, env: variables, cwd, readFile, problems };

  const config = findValue("config", settings.config, { ...base, file: null, fileDir: cwd }, new Map());
  const configPath = String(config.value ?? settings.config.default);
  const given = flags.texts.get("config")?.text ?? variables.texts.get("config")?.text;
  const file = readConfigFile(configPath, given, config.where, base, env);
  const sources: Sources = { ...base, file, fileDir: dirname(configPath) };

  const own = { ...settings, ...laterSettings };
  const entries =
    file?.root == null ? new Map() : entriesByKey(file, file.root, own, ["providers", "models"], problems);
  const values: Record<string, unknown> = {};
  const rows: SettingRow[] = [];
  for (const [key, declared] of Object.entries(own as Record<string, Setting>)) {
    const found = key === "config" ? config : findValue(key, declared, sources, entries);
    if (declared.unsupported !== undefined) continue;
    rows.push(toRow(key, declared, found));
    put(values, key, found.value);
  }
  const { rows: routingRows, providers, models } = readRouting(sources);
  if (problems.length > 0) throw new ConfigError(problems);

  const warnings = Object.entries(laterVariables)
    .filter(([name]) => env[name] !== undefined && env[name] !== "")
    .map(([name, message]) => `${name} is set, but ${message}`);
  if (providers.size === 0) {
    warnings.push("no provider is configured: every model name is answered by the simulated provider 'echo'");
  }
  return {
    values: { ...values, providers, models } as ConfigValues,
    warnings,
    describe: () => [...rows, ...routingRows],
  };
}

function readConfigFile(
  configPath: string,
  given: string | undefined,
  where: string,
  { readFile, problems }: Pick<Sources, "readFile" | "problems">,
  env: ConfigInput["env"],
): ConfigFile | null {
  let text: string;
  try {
    text = readFile(configPath);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (given === undefined && code === "ENOENT") return null;
    problems.push({
      where,
      message: `the configuration file '${given ?? configPath}' cannot be read: ${code ?? error}`,
    });
    return null;
  }
  const label = given ?? settings.config.default.replace(/^\.\//, "");
  return parseConfigFile(text, label, env, problems);
}

function put(values: Record<string, unknown>, key: string, value: unknown): void {
  const [group, name] = key.split(".");
  if (name === undefined) values[key] = value;
  else values[group!] = { ...(values[group!] as object | undefined), [name]: value };
}

function readText(file: string): string {
  return readFileSync(file, "utf8");
}

/** The flags of `sluice start` for its help: a line each. */
export function flagHelp(): string {
  const all: Readonly<Record<string, Setting>> = { ...settings, ...providerSettings };
  const lines = Object.entries(all).map(([key, declared]) => [flagName(key, declared), declared.doc] as const);
  const width = Math.max(...lines.map(([flag]) => flag.length));
  return lines.map(([flag, doc]) => `  ${flag.padEnd(width)}  ${doc}`).join("\n");
}
