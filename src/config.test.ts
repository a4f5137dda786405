import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseDocument } from "yaml";
import { configJsonSchema, configReference, envExample } from "./config/reference.ts";
import { envName, flagName, type Setting } from "./config/setting.ts";
import { type Config, ConfigError, loadConfig, settings } from "./config.ts";

interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text of sluice.config.yaml. */
  readonly file?: string;
  /** Other files by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
}

function load({ argv = [], env = {}, file, files = {} }: Given): Config {
  const all: Record<string, string> = { ...files, ...(file !== undefined && { "/app/sluice.config.yaml": file }) };
  return loadConfig({
    argv,
    env,
    cwd: "/app",
    readFile(path) {
      const text = all[path];
      if (text === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
      return text;
    },
  });
}

/** Every problem, as `where  message`. */
function problems(given: Given): string[] {
  try {
    load(given);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ where, message }) => `${where}  ${message}`);
  }
}

/** What may stand at the top of the file. */
const fileKeys = new Set([
  ...Object.entries(settings as Record<string, Setting>).flatMap(([key, { inFile, secret }]) => {
    const name = key.split(".")[0]!;
    return inFile === false ? [] : secret === true && name === key ? [key, `${key}_file`] : [name];
  }),
  "providers",
  "models",
]);

function source(config: Config, key: string): string | undefined {
  return config.describe().find((row) => row.key === key)?.source;
}

describe("a setting", () => {
  const layers: readonly (readonly [string, Given, number, string])[] = [
    ["the default", {}, 8787, "default"],
    ["the file", { file: "# first\nport: 1" }, 1, "file sluice.config.yaml:2"],
    ["the environment", { env: { SLUICE_PORT: "2" } }, 2, "env SLUICE_PORT"],
    ["a flag", { argv: ["--port", "3"] }, 3, "flag --port"],
  ];

  test.each(layers)("may come from %s, and says so", (_name, given, port, from) => {
    const config = load(given);
    expect(config.values.port).toBe(port);
    expect(source(config, "port")).toBe(from);
  });

  test("comes from the strongest source that has it", () => {
    fc.assert(
      fc.property(fc.subarray(layers.slice(1)), (chosen) => {
        const given: Given = Object.assign({}, ...chosen.map(([, one]) => one));
        expect(load(given).values.port).toBe(chosen.at(-1)?.[2] ?? 8787);
      }),
    );
  });

  test.each([
    ["--port=0", ["--port=0"], "port", 0],
    ["a switch without a value", ["--allow-empty"], "allow_empty", true],
    ["a switch that is turned off", ["--allow-empty", "--no-allow-empty"], "allow_empty", false],
    ["a switch with a value", ["--allow-empty=false"], "allow_empty", false],
    ["a list", ["--policy-headers", "X-Team, x-stage"], "policy_headers", ["x-team", "x-stage"]],
    ["a path", ["--data-dir", "../data"], "data_dir", "/data"],
    ["the last of two", ["--host", "a", "--host", "b"], "host", "b"],
  ] as const)("may be the flag: %s", (_name, argv, key, value) => {
    expect(load({ argv }).values[key]).toEqual(value as never);
  });

  test("in a group is a member of it, with the group's defaults", () => {
    const { upstream } = load({ file: "upstream:\n  idle_timeout_seconds: 0.5" }).values;
    expect(upstream).toMatchObject({ chat_timeout_seconds: 600, idle_timeout_seconds: 0.5, retries: 2 });
  });

  test("that is empty in the environment is not set", () => {
    expect(load({ env: { SLUICE_PORT: "", SLUICE_ADMIN_KEY: "" } }).values.port).toBe(8787);
  });

  test("is not what Kubernetes sets for a service of that name, nor the key in our examples", () => {
    const env = {
      SLUICE_PORT: "tcp://10.0.0.1:8787",
      SLUICE_PORT_8787_TCP_ADDR: "10.0.0.1",
      SLUICE_SERVICE_HOST: "10.0.0.1",
      SLUICE_SERVICE_PORT_HTTP: "8787",
      SLUICE_KEY: "slc_x",
    };
    expect(load({ env }).values.port).toBe(8787);
  });

  test("that is a path begins at the folder of the file it stands in", () => {
    const given = { argv: ["--config", "etc/s.yaml"], files: { "/app/etc/s.yaml": "policies_dir: p\n" } };
    expect(load(given).values).toMatchObject({ policies_dir: "/app/etc/p", data_dir: "/app/data" });
  });
});

describe("in the file", () => {
  test.each([
    ["inside braces", `{ host: \${HOST} }`],
    ["plain", `host: \${HOST}`],
    ["inside quotes", `host: "\${HOST}"`],
    ["as part of a value", `host: ten.\${NET}.example`],
  ])("variables are filled in %s", (_name, file) => {
    expect(load({ file, env: { HOST: "ten.zero.example", NET: "zero" } }).values.host).toBe("ten.zero.example");
  });

  test("a variable stands for a number where one is wanted", () => {
    expect(load({ file: `port: \${P}`, env: { P: "1234" } }).values.port).toBe(1234);
  });

  test("a variable can never become YAML", () => {
    const { values } = load({ file: `host: \${H}`, env: { H: "a\nport: 1 # {[" } });
    expect(values).toMatchObject({ host: "a\nport: 1 # {[", port: 8787 });
  });

  test("a doubled dollar is the text itself", () => {
    expect(load({ file: `host: "$\${HOST}"`, env: { HOST: "x" } }).values.host).toBe(`\${HOST}`);
  });

  test("nothing at all is fine", () => {
    for (const file of ["", "# only a comment\n", "{}"]) expect(load({ file }).values.port).toBe(8787);
  });
});

describe("secrets", () => {
  const secret = "hunter2-hunter2-hunter2";

  test.each([
    ["the environment", { env: { SLUICE_ADMIN_KEY_FILE: "/run/key" } }],
    ["a flag", { argv: ["--admin-key-file", "/run/key"] }],
    ["the configuration file", { file: "admin_key_file: /run/key" }],
  ])("may be in a file that %s names", (_name, given) => {
    expect(load({ ...given, files: { "/run/key": `${secret}\n` } }).values.admin_key).toBe(secret);
  });

  test("are never shown", () => {
    const config = load({
      env: { SLUICE_ADMIN_KEY: secret, OPENAI_API_KEY: secret },
      file: `providers: { groq: { kind: openai, base_url: "http://x/v1", api_key: ${secret} } }`,
    });
    expect(config.values.admin_key).toBe(secret);
    expect(JSON.stringify(config.describe())).not.toContain(secret);
    expect(config.describe().find((row) => row.key === "providers.groq.api_key")).toMatchObject({
      value: "********",
      secret: true,
      source: "file sluice.config.yaml:1",
    });
  });

  test("are not shown in problems either", () => {
    const given = {
      env: { SLUICE_DATABASE_URL: `postgres://u:${secret}@h`, OPENAI_BASE_URL: `https://u:${secret}@h/v1` },
      file: `admin_key: [${secret}]`,
    };
    expect(problems(given)).toHaveLength(3);
    expect(problems(given).join()).not.toContain(secret);
  });
});

describe("providers and models", () => {
  test("of vendors that speak OpenAI's format need no more than a key, and what is set goes before what is known", () => {
    const file = `
providers:
  groq: { api_key: k }
  xai: { api_key: k }
  mistral: { api_key: k, base_url: "http://own:8000/v1" }
  deepseek: { kind: anthropic, api_key: k, base_url: "http://own:8000" }
  together: { api_key: k, include_usage: true }
`;
    expect(Object.fromEntries(load({ file }).values.providers)).toEqual({
      groq: { kind: "openai", api_key: "k", base_url: "https://api.groq.com/openai/v1", include_usage: false },
      xai: { kind: "openai", api_key: "k", base_url: "https://api.x.ai/v1" },
      mistral: { kind: "openai", api_key: "k", base_url: "http://own:8000/v1" },
      deepseek: { kind: "anthropic", api_key: "k", base_url: "http://own:8000" },
      together: { kind: "openai", api_key: "k", base_url: "https://api.together.xyz/v1", include_usage: true },
    });
  });

  test("of the design's example are read as they stand", () => {
    const file = `
providers:
  openai:    { kind: openai, base_url: https://api.openai.com/v1, api_key: \${OPENAI_API_KEY} }
  anthropic: { kind: anthropic, base_url: https://api.anthropic.com, api_key: \${ANTHROPIC_API_KEY} }
models:
  gpt-4o: { targets: [ { provider: openai, model: gpt-4o, priority: 1, weight: 100 } ] }
`;
    const { values } = load({ file, env: { OPENAI_API_KEY: "sk-o", ANTHROPIC_API_KEY: "sk-a" } });
    expect(Object.fromEntries(values.providers)).toEqual({
      openai: { kind: "openai", base_url: "https://api.openai.com/v1", api_key: "sk-o" },
      anthropic: { kind: "anthropic", base_url: "https://api.anthropic.com", api_key: "sk-a" },
    });
    expect([...values.models]).toEqual([
      [
        "gpt-4o",
        {
          targets: [{ provider: "openai", model: "gpt-4o", priority: 1, weight: 100 }],
          where: "sluice.config.yaml:6:11",
        },
      ],
    ]);
  });

  test("that the environment alone configures are there under their SDKs' variables", () => {
    const env = {
      ...{ AZURE_OPENAI_API_KEY: "a", AZURE_OPENAI_ENDPOINT: "https://r.openai.azure.com", OPENAI_API_VERSION: "v1" },
      ...{ GEMINI_API_KEY: "g", GOOGLE_GEMINI_BASE_URL: "http://127.0.0.1:1", CO_API_KEY: "c" },
    };
    const { values, warnings } = load({ env });
    expect(Object.fromEntries(values.providers)).toEqual({
      azure: { kind: "azure", api_key: "a", base_url: "https://r.openai.azure.com", api_version: "v1" },
      gemini: { kind: "gemini", api_key: "g", base_url: "http://127.0.0.1:1" },
      cohere: { kind: "cohere", api_key: "c" },
    });
    expect(warnings).toEqual([]);
  });

  test("need more than a version that other programs name too", () => {
    expect([...load({ env: { OPENAI_API_VERSION: "v1" } }).values.providers]).toEqual([]);
    expect(problems({ env: { AZURE_OPENAI_API_KEY: "a" } })[0]).toContain("providers.azure.base_url is missing");
  });

  test("may have other bounds than the rest, and targets their place", () => {
    const file = `
upstream: { retries: 1, breaker_enabled: false }
providers:
  groq: { kind: openai, base_url: http://groq.test/v1, retries: 0, max_in_flight: 7, idle_timeout_seconds: 0.5 }
models:
  m: { targets: [{ provider: groq, weight: 0, priority: 2, reasoning: true }, { provider: echo }] }
`;
    const { values } = load({ file });
    expect(values.upstream).toMatchObject({ retries: 1, breaker_enabled: false, max_in_flight: 2000 });
    expect(values.providers.get("groq")).toMatchObject({ retries: 0, max_in_flight: 7, idle_timeout_seconds: 0.5 });
    expect(values.models.get("m")?.targets).toEqual([
      { provider: "groq", model: "m", priority: 2, weight: 0, reasoning: true },
      { provider: "echo", model: "m", priority: 1, weight: 100 },
    ]);
  });

  test("prices are read with what they leave out, for names with targets and without", () => {
    const file = `
models:
  own: { targets: [{ provider: echo }], price: { input: 0.1, output: 2 } }
  gpt-4o:
    price: { input: 2, output: 8, cached_input: 1, cache_write: 3, cache_write_long: 4, reasoning: 9, date: 2026-11-01 }
  free: { targets: [{ provider: echo }], unpriced: ok }
`;
    const config = load({ file });
    const { models } = config.values;
    expect(models.get("own")?.price).toEqual({
      ...{ input: 0.1, output: 2, cachedInput: null, cacheWrite: null },
      date: "configured",
    });
    expect(models.get("gpt-4o")).toEqual({
      price: {
        ...{ input: 2, output: 8, cachedInput: 1, cacheWrite: 3, cacheWriteLong: 4, reasoning: 9 },
        date: "2026-11-01",
      },
      where: "sluice.config.yaml:5:5",
    });
    expect(models.get("free")).toMatchObject({ unpriced: "ok" });
    expect(source(config, "models.gpt-4o.price")).toBe("file sluice.config.yaml:5");
    expect(source(config, "models.free.unpriced")).toBe("file sluice.config.yaml:6");
  });

  test("the environment alone makes a provider, and goes before the file", () => {
    const env = { ANTHROPIC_API_KEY: "from-env", ANTHROPIC_BASE_URL: "http://127.0.0.1:1" };
    expect(load({ env }).values.providers.get("anthropic")).toEqual({
      kind: "anthropic",
      base_url: "http://127.0.0.1:1",
      api_key: "from-env",
    });
    const config = load({ env, file: "providers: { anthropic: { api_key: from-file } }" });
    expect(config.values.providers.get("anthropic")?.api_key).toBe("from-env");
    expect(source(config, "providers.anthropic.api_key")).toBe("env ANTHROPIC_API_KEY");
  });

  test("a target without a model is the name itself", () => {
    const file = "models: { demo: { targets: [{ provider: echo }] } }";
    expect(load({ file }).values.models.get("demo")?.targets?.[0]).toMatchObject({ provider: "echo", model: "demo" });
  });

  test("without any the operator is told who answers", () => {
    expect(load({}).warnings).toEqual([expect.stringContaining("'echo'")]);
    expect(load({ env: { OPENAI_API_KEY: "k" } }).warnings).toEqual([]);
    const authority = {
      OPENAI_API_KEY: "k",
      SLUICE_JWKS_URL: "https://id.example/keys",
      SLUICE_JWT_ISSUER: "https://id.example",
    };
    expect(load({ env: authority }).warnings).toEqual([expect.stringContaining("without jwt.audience")]);
    expect(load({ env: { ...authority, SLUICE_JWT_AUDIENCE: "sluice" } }).warnings).toEqual([]);
    const from = (url: string) => load({ env: { ...authority, SLUICE_JWT_AUDIENCE: "sluice", SLUICE_JWKS_URL: url } });
    expect(from("http://id.example.org/jwks").warnings).toEqual([expect.stringContaining("not https")]);
    for (const own of ["http://127.0.0.1:9000/jwks", "http://localhost/jwks", "http://[::1]/jwks"]) {
      expect(from(own).warnings).toEqual([]);
    }
  });

  test("where traces go is read from OpenTelemetry's own variables", () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b,x-other=c",
      OTEL_SERVICE_NAME: "edge",
    };
    const config = load({ env });
    expect(config.values.tracing).toMatchObject({
      endpoint: "http://collector:4318",
      headers: "x-key=a%20b,x-other=c",
      service_name: "edge",
      sample_percent: 100,
    });
    expect(JSON.stringify(config.describe())).not.toContain("x-key");
  });

  test.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, "an http or https URL without credentials"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://me:secret@collector:4318" }, "an http or https URL without credentials"],
    [{ OTEL_EXPORTER_OTLP_HEADERS: "no pairs" }, "NAME=VALUE pairs"],
  ])("%j is refused", (env, accepted) => {
    expect(() => load({ env })).toThrow(accepted);
  });
});

describe("a problem says where, what was received and what is accepted:", () => {
  const f = "sluice.config.yaml";
  test.each(
    (
      [
        [{ file: "prt: 1" }, `${f}:1:1  unknown key 'prt'; did you mean 'port'?`],
        [{ file: "upstream: { retrys: 1 }" }, `${f}:1:13  unknown key 'upstream.retrys'; did you mean 'retries'?`],
        [
          { file: "providers: { openai: { retries: 11 } }" },
          `${f}:1:33  providers.openai.retries must be a whole number from 0 to 10; received 11`,
        ],
        [
          { file: "models: { m: { targets: [{ provider: echo }, { provider: echo }] } }" },
          `${f}:1:46  models.m.targets.1 is echo/m again; one target has one priority and weight`,
        ],
        [
          { file: "providers: { azure: { api_key: k } }" },
          `${f}:1:21  providers.azure.base_url is missing: it is the resource's endpoint, such as https://RESOURCE.openai.azure.com`,
        ],
        [{ file: "\n  host: 7" }, `${f}:2:9  host must be a text that is not empty; received 7`],
        [{ file: "port: ~" }, `${f}:1:7  port must be a whole number from 0 to 65535; received null`],
        [
          { file: `port: \${P}`, env: { P: "x" } },
          `${f}:1:7  port must be a whole number from 0 to 65535; received 'x'`,
        ],
        [{ file: `port: \${P}` }, `${f}:1:7  the environment variable P is not set`],
        [
          { file: `host: a\${B-C}` },
          `${f}:1:7  a dollar sign and '{' must be followed by a name and '}'; to mean the text, double the dollar`,
        ],
        [{ file: "allow_empty: yes" }, `${f}:1:14  allow_empty must be true or false; received 'yes'`],
        [{ file: "upstream: 3" }, `${f}:1:11  upstream must hold settings, each as 'name: value'`],
        [{ file: "host: a\nhost: b" }, `${f}:2:1  Map keys must be unique`],
        [{ file: "- a" }, `${f}:1:1  must hold settings, each as 'name: value'`],
        [{ file: "1: 2" }, `${f}:1:1  a key must be a text`],
        [
          { file: "host: &h a\ndata_dir: *h" },
          `${f}:2:11  aliases (*name) are not supported here; write the value again`,
        ],
        [{ file: "config: x" }, `${f}:1:1  unknown key 'config'; known: ${[...fileKeys].join(", ")}`],
        [{ env: { SLUICE_PROT: "1" } }, "SLUICE_PROT  unknown setting in the environment; did you mean 'SLUICE_PORT'?"],
        [{ env: { SLUICE_PORT: "70000" } }, "SLUICE_PORT  must be a whole number from 0 to 65535; received '70000'"],
        [{ argv: ["--prt", "1"] }, "--prt  unknown flag; did you mean '--port'?"],
        [{ argv: ["--port"] }, "--port  needs a value"],
        [{ argv: ["stray"] }, "stray  unexpected argument; settings are written as flags"],
        [
          { argv: ["--log-level", "loud"] },
          "--log-level  must be one of trace, debug, info, warn, error, fatal, silent; received 'loud'",
        ],
        [
          { argv: ["--policy-headers", "x-a,Authorization"] },
          "--policy-headers  must be a list of header names without authorization, cookie, proxy-authorization, x-api-key, api-key, x-goog-api-key; received 'x-a,Authorization'",
        ],
        [{ argv: ["--config", "no.yaml"] }, "--config  the configuration file 'no.yaml' cannot be read: ENOENT"],
        [{ env: { SLUICE_ADMIN_KEY_FILE: "no" } }, "SLUICE_ADMIN_KEY_FILE  the file 'no' cannot be read: ENOENT"],
        [
          { env: { SLUICE_ADMIN_KEY: "a", SLUICE_ADMIN_KEY_FILE: "/k" }, files: { "/k": "b" } },
          "SLUICE_ADMIN_KEY_FILE  is set beside SLUICE_ADMIN_KEY; only one of them may be",
        ],
        [
          { file: "admin_key: a\nadmin_key_file: /k" },
          `${f}:2:1  admin_key_file is set beside admin_key; only one of them may be`,
        ],
        [
          { file: "retention: { usage_days: 90, rollup_days: 60 }" },
          "retention.rollup_days  is 60, and retention.usage_days 90; daily sums are kept no shorter than the rows that they sum up",
        ],
        [
          { argv: ["--retention-usage-days", "0"], env: { SLUICE_RETENTION_ROLLUP_DAYS: "60" } },
          "retention.rollup_days  is 60, and retention.usage_days 0; daily sums are kept no shorter than the rows that they sum up",
        ],
        [
          { env: { SLUICE_REDIS_URL: "http://:secret@h" } },
          "SLUICE_REDIS_URL  must be redis://[user:password@]host[:port][/database], redis+sentinel://host,host/group[/database] or redis+cluster://host,host; rediss for TLS, with ?ca=FILE to trust the authorities in that file alone; received a value that is not shown",
        ],
        [
          { env: { SLUICE_DATABASE_URL: "postgres://u:secret@h/d?sslmode=prefer" } },
          "SLUICE_DATABASE_URL  must be postgres://user[:password]@host[:port]/database, with TLS and a certificate that is verified unless ?sslmode=verify-ca, require or disable asks for less; &sslrootcert=FILE trusts the authorities in that file alone, ?host=FOLDER is a local socket; received a value that is not shown",
        ],
        [
          { file: "providers: { vllm: {} }" },
          `${f}:1:20  providers.vllm needs a kind: one of openai, azure, anthropic, gemini, cohere, echo`,
        ],
        [
          { file: "providers: { bedrock: { api_key: k } }" },
          `${f}:1:23  providers.bedrock.base_url is missing: its compatible endpoint, https://bedrock-runtime.REGION.amazonaws.com/openai/v1, which takes a Bedrock key`,
        ],
        [
          { file: "providers: { groq: { kind: gorq } }" },
          `${f}:1:28  providers.groq.kind must be one of openai, azure, anthropic, gemini, cohere, echo; received 'gorq'`,
        ],
        [
          { file: "providers: { openai: { api_kye: x } }" },
          `${f}:1:24  unknown key 'providers.openai.api_kye'; did you mean 'api_key'?`,
        ],
        [
          { file: "providers: { p: { kind: openai, base_url: ftp://x } }" },
          `${f}:1:43  providers.p.base_url must be an http or https URL such as https://api.openai.com/v1; received 'ftp://x'`,
        ],
        [
          { env: { ANTHROPIC_BASE_URL: "http://h/v1" } },
          "ANTHROPIC_BASE_URL  providers.anthropic.base_url must not end in /v1, which is added: http://h",
        ],
        [{ file: "providers: []" }, `${f}:1:12  providers must be a map from names to settings`],
        [
          { file: "models: { m: { targets: [{ provider: nobody }] } }" },
          `${f}:1:38  models.m.targets.0.provider there is no provider 'nobody'; configured: echo`,
        ],
        [{ file: "models: { m: { targets: [{}] } }" }, `${f}:1:26  models.m.targets.0.provider is missing`],
        [
          { file: "models: { m: { target: x, targets: [] } }" },
          `${f}:1:16  unknown key 'models.m.target'; known: targets, price, unpriced`,
        ],
        [
          { file: "models: { m: [] }" },
          `${f}:1:14  models.m.targets must be a list of targets, each with a provider and a model`,
        ],
        [
          { file: "models: { m: { price: { input: 1 } } }" },
          `${f}:1:23  models.m.price.output is missing; a price has input and output`,
        ],
        [
          { file: "models: { m: { price: { output: 1 } } }" },
          `${f}:1:23  models.m.price.input is missing; a price has input and output`,
        ],
        [
          { file: "models: { m: { price: { input: -1, output: 1 } } }" },
          `${f}:1:32  models.m.price.input must be a number of US dollars per 1,000,000 tokens, from 0 to 1000000; received -1`,
        ],
        [
          { file: "models: { m: { price: { input: 1, output: 1, cached: 1 } } }" },
          `${f}:1:46  unknown key 'models.m.price.cached'; known: input, output, cached_input, cache_write, cache_write_long, reasoning, date`,
        ],
        [
          { file: "models: { m: { price: { input: 1, output: 1, date: May } } }" },
          `${f}:1:52  models.m.price.date must be a date as YYYY-MM-DD; received 'May'`,
        ],
        [
          { file: "models: { m: { price: 5 } }" },
          `${f}:1:23  models.m.price must hold settings, each as 'name: value'`,
        ],
        [
          { file: "models: { m: { unpriced: yes } }" },
          `${f}:1:26  models.m.unpriced must be one of ok; received 'yes'`,
        ],
        [
          { file: "models: { m: { unpriced: ok, price: { input: 1, output: 1 } } }" },
          `${f}:1:26  models.m.unpriced is set beside a price; only one of them may be`,
        ],
      ] satisfies (readonly [Given, string])[]
    ).map(([given, expected]) => [expected, given] as const),
  )("%s", (expected, given) => {
    expect(problems(given)[0]).toBe(expected);
  });

  test("all of a run are reported together", () => {
    const all = problems({
      argv: ["--prt", "1"],
      env: { SLUICE_HOSTS: "x" },
      file: "port: x\nmodels: { m: { targets: [{ provider: nobody }] } }",
    });
    expect(all).toHaveLength(4);
  });

  test("no text of a file makes anything but a configuration or a list of problems", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "port: ",
        `\${A}`,
        "\n",
        "  ",
        "providers:",
        "models:",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "- ",
        "'",
        "openai:",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece), (parts) => {
        expect(Array.isArray(problems({ file: parts.join("") }))).toBe(true);
      }),
    );
  });
});

describe("what is generated", () => {
  const all = Object.entries(settings as Record<string, Setting>);

  test(".env.example names every setting, and is itself a valid environment", () => {
    const lines = envExample().split("\n");
    for (const [key, setting] of all) {
      expect(lines.some((line) => line.startsWith(`#${envName(key, setting)}=`))).toBe(true);
    }
    const env = Object.fromEntries(
      lines.filter((line) => /^#[A-Z_]+=/.test(line)).map((line) => line.slice(1).split("=") as [string, string]),
    );
    // A configuration file that is named must be there.
    const files = { "/app/sluice.config.yaml": "" };
    expect(load({ env, files }).values).toEqual(load({}).values);
  });

  test("the reference names every setting", () => {
    for (const [key, setting] of all) expect(configReference()).toContain(`\`${flagName(key, setting)}\``);
  });

  test("the schema knows the same keys as the reader", () => {
    const { properties } = configJsonSchema() as { properties: Record<string, object> };
    expect(new Set(Object.keys(properties))).toEqual(fileKeys);
  });

  test("the reference's example is accepted", () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(configReference())?.[1] ?? "";
    expect(parseDocument(example.replaceAll(`\${`, "_").replaceAll("} }", " }")).contents).not.toBeNull();
    expect(problems({ file: example, env: { OPENAI_API_KEY: "k", GROQ_API_KEY: "g" } })).toEqual([]);
  });
});
