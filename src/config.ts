import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type ConfigFile, parseConfigFile } from "./config/file.ts";
import { entriesByKey, findValue, type SettingRow, type Sources, toRow } from "./config/load.ts";
import { ConfigError, type ConfigProblem } from "./config/problem.ts";
import { type Routing, readRouting } from "./config/routing.ts";
import {
  choice,
  claimNames,
  flagName,
  headerNames,
  httpUrl,
  integer,
  networks,
  path,
  type Setting,
  type SettingType,
  seconds,
  text,
  toggle,
} from "./config/setting.ts";
import { readEnv, readFlags } from "./config/sources.ts";
import { parseRedisUrl, redisUrlForms } from "./limits/redis/url.ts";
import { parsePostgresUrl, postgresUrlForms } from "./store/postgres-url.ts";
import { isOtlpHeaders } from "./telemetry/otlp-headers.ts";

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

/** Where PostgreSQL is. */
const databaseUrl: SettingType<string> = {
  ...text,
  accepts: postgresUrlForms,
  fromText: (value) => (parsePostgresUrl(value) === undefined ? undefined : value),
  fromValue: (value) => (typeof value === "string" ? databaseUrl.fromText(value) : undefined),
};

/** Headers for a collector. */
const otlpHeaders: SettingType<string> = {
  ...text,
  accepts: "NAME=VALUE pairs with commas between them, values percent-encoded",
  fromText: (value) => (isOtlpHeaders(value) ? value : undefined),
  fromValue: (value) => (typeof value === "string" ? otlpHeaders.fromText(value) : undefined),
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
  "tls.cert_file": setting({
    type: path,
    default: undefined,
    doc: "The certificate to serve HTTPS with, as PEM, those that lead to its authority behind it; read again when it changes. Unset: plain HTTP, for behind a balancer that ends TLS.",
  }),
  "tls.key_file": setting({
    type: path,
    default: undefined,
    doc: "Its private key, as PEM without a passphrase; read again when it changes.",
  }),
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
  "admin.failed_attempts_per_minute": required({
    type: integer(1, 1_000_000),
    default: 200,
    doc: "How many invalid credentials one address may send to the admin API at once, and again over each minute. More are answered with 429; valid credentials are not kept waiting.",
  }),
  "jwt.secret": setting({
    type: text,
    default: undefined,
    secret: true,
    doc: "With it the admin API takes tokens (JWT) signed with HS256; at least 32 bytes.",
  }),
  "jwt.issuer": setting({
    type: text,
    default: undefined,
    doc: "What iss of a token must be. Unset: it is not looked at.",
  }),
  "jwt.audience": setting({
    type: text,
    default: undefined,
    doc: "What aud of a token must hold. Unset: it is not looked at, and tokens that were issued for other programs are good here too.",
  }),
  "jwt.roles_claim": required({
    type: claimNames,
    default: ["roles", "role"] as readonly string[],
    doc: "Claims that can name roles (viewer, auditor, author, operator, owner), as a list or a text: the first that is there. Dots lead into it, as realm_access.roles.",
  }),
  "jwt.scopes_claim": required({
    type: claimNames,
    default: ["scope", "scopes"] as readonly string[],
    doc: "Claims that can name single scopes, such as usage:read, beside those of the roles.",
  }),
  "jwt.organisation_claim": required({
    type: claimNames,
    default: ["organisation", "org"] as readonly string[],
    doc: "Claims that can name the one organisation that a token is for.",
  }),
  "jwt.organisation_required": required({
    type: toggle,
    default: false,
    doc: "Whether tokens without an organisation are refused. Otherwise they are good for all organisations.",
  }),
  "jwks.url": setting({
    type: httpUrl,
    default: undefined,
    doc: "Where an authority publishes the keys of its tokens (JWKS). With it the admin API takes tokens that are signed with them: RS, PS and ES with 256 to 512 bits, and EdDSA.",
  }),
  "jwks.timeout_seconds": required({
    type: seconds,
    default: 5,
    doc: "Longest wait for the authority's keys.",
  }),
  "jwks.max_age_seconds": required({
    type: seconds,
    default: 600,
    doc: "After how long the authority's keys are fetched again. A token with a new key makes that happen at once, at most every 30 seconds.",
  }),
  max_body_bytes: required({
    type: integer(1_024, 1_073_741_824),
    default: 33_554_432,
    doc: "Largest request body, after decompression. The default, 32 MiB, is the most that Anthropic takes.",
  }),
  max_answer_bytes: required({
    type: integer(1_024, 1_073_741_824),
    default: 67_108_864,
    doc: "Largest answer of a provider that is read whole, after decompression; answers that are streamed through have no bound. A larger one is a 502, and so is an error of more than 1 MiB.",
  }),
  trusted_proxies: required({
    type: networks,
    default: [] as readonly string[],
    doc: "Networks of the proxies before the gateway: of a request through them, x-forwarded-for tells where it comes from. Unset: it comes from the other end of its connection.",
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
  "tracing.endpoint": setting({
    type: httpUrl,
    default: undefined,
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    doc: "Base address of an OpenTelemetry collector that takes traces over HTTP; /v1/traces is added. Unset: nothing is traced.",
  }),
  "tracing.headers": setting({
    type: otlpHeaders,
    default: undefined,
    env: "OTEL_EXPORTER_OTLP_HEADERS",
    secret: true,
    doc: "Headers for the collector, such as its key: NAME=VALUE with commas between them, values percent-encoded.",
  }),
  "tracing.service_name": required({
    type: text,
    default: "sluice",
    env: "OTEL_SERVICE_NAME",
    doc: "What traces say they come from.",
  }),
  "tracing.sample_percent": required({
    type: integer(0, 100),
    default: 100,
    doc: "How many in a hundred of the calls are traced that come without a trace of their own. Others are where the client says so.",
  }),
  "tracing.max_spans": required({
    type: integer(1, 1_000_000),
    default: 8_192,
    doc: "Most spans that wait for the collector; further ones are dropped and counted. A call has about eight.",
  }),
  "tracing.delay_seconds": required({
    type: seconds,
    default: 1,
    doc: "How long spans wait for others to be exported with.",
  }),
  "tracing.export_timeout_seconds": required({
    type: seconds,
    default: 5,
    doc: "Longest time that the collector may take for one export, further attempts included.",
  }),
  database_url: setting({
    type: databaseUrl,
    default: undefined,
    secret: true,
    doc: "The PostgreSQL database that all replicas share. Unset: SQLite in the data folder. Certificates are verified unless sslmode says otherwise.",
  }),
  record_retry_seconds: required({
    type: seconds,
    default: 30,
    doc: "How long storing records is tried again while the database is away. What waits is kept in memory, up to 50 000 records or 268 million characters of them; then records are dropped and counted.",
  }),
  "retention.decision_days": required({
    type: integer(0, 36_500),
    default: 90,
    doc: "How long decision records are kept; 0 for ever. A decision without reasons is kept with its ledger row.",
  }),
  "retention.usage_days": required({
    type: integer(0, 36_500),
    default: 400,
    doc: "How long rows of the usage ledger are kept; 0 for ever. Their daily sums stay.",
  }),
  "retention.rollup_days": required({
    type: integer(0, 36_500),
    default: 0,
    doc: "How long the daily sums of the usage ledger are kept, no shorter than its rows; 0 for ever.",
  }),
  "database.pool_size": required({
    type: integer(2, 1_000),
    default: 10,
    doc: "Most connections of this process to PostgreSQL. All replicas together need fewer than its max_connections.",
  }),
  "database.connect_timeout_seconds": required({
    type: seconds,
    default: 5,
    doc: "Longest wait for a connection to PostgreSQL, a new one or one that another use gives back.",
  }),
  "database.statement_timeout_seconds": required({
    type: seconds,
    default: 30,
    doc: "Longest time that PostgreSQL may take for one statement; migrations may take longer.",
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
  /** The values of all secrets, for whoever has to keep them out of something. */
  secrets(): readonly string[];
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
  const registry: Readonly<Record<string, Setting>> = { ...settings, ...providerSettings };
  const flags = readFlags(argv, registry, problems);
  const variables = readEnv(env, registry, problems);
  const base = { flags, env: variables, cwd, readFile, problems };

  const config = findValue("config", settings.config, { ...base, file: null, fileDir: cwd }, new Map());
  const configPath = String(config.value ?? settings.config.default);
  const given = flags.texts.get("config")?.text ?? variables.texts.get("config")?.text;
  const file = readConfigFile(configPath, given, config.where, base, env);
  const sources: Sources = { ...base, file, fileDir: dirname(configPath) };

  const entries =
    file?.root == null ? new Map() : entriesByKey(file, file.root, settings, ["providers", "models"], problems);
  const values: Record<string, unknown> = {};
  const rows: SettingRow[] = [];
  const secrets: string[] = [];
  for (const [key, declared] of Object.entries(settings as Record<string, Setting>)) {
    const found = key === "config" ? config : findValue(key, declared, sources, entries);
    rows.push(toRow(key, declared, found));
    if (declared.secret === true && typeof found.value === "string") secrets.push(found.value);
    put(values, key, found.value);
  }
  const { rows: routingRows, providers, models } = readRouting(sources);
  const { cert_file: cert, key_file: key } = values.tls as Readonly<Record<string, unknown>>;
  if ((cert === undefined) !== (key === undefined)) {
    const [set, missing] = key === undefined ? ["cert", "key"] : ["key", "cert"];
    problems.push({ where: `tls.${set}_file`, message: `is set, and tls.${missing}_file is not; HTTPS takes both` });
  }
  const { usage_days: ledger, rollup_days: sums } = values.retention as ConfigValues["retention"];
  if (sums > 0 && (ledger === 0 || ledger > sums)) {
    const message = `is ${sums}, and retention.usage_days ${ledger}; daily sums are kept no shorter than the rows that they sum up`;
    problems.push({ where: "retention.rollup_days", message });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  for (const { api_key: key } of providers.values()) if (key !== undefined) secrets.push(key);

  const warnings: string[] = [];
  if (providers.size === 0) {
    warnings.push("no provider is configured: every model name is answered by the simulated provider 'echo'");
  }
  const { jwks, jwt } = values as ConfigValues;
  const unbound = [jwt.issuer === undefined && "jwt.issuer", jwt.audience === undefined && "jwt.audience"];
  if (jwks.url !== undefined && unbound.some(Boolean)) {
    const missing = unbound.filter(Boolean).join(" and ");
    warnings.push(
      `jwks.url is set without ${missing}: tokens that the authority issues for other programs are good here`,
    );
  }
  if (jwks.url !== undefined && !isPrivate(new URL(jwks.url))) {
    warnings.push("jwks.url is not https: who is on the way there can put keys of their own into the answer");
  }
  return {
    values: { ...values, providers, models } as ConfigValues,
    warnings,
    secrets: () => secrets,
    describe: () => [...rows, ...routingRows],
  };
}

/** Whether nobody else can read or change what is sent there and back. */
function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
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
