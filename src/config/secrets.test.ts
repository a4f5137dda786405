import { describe, expect, test } from "bun:test";
import { type Config, ConfigError, loadConfig, providerSettings, settings } from "../config.ts";
import { envName, flagName, type Setting } from "./setting.ts";

const all: Readonly<Record<string, Setting>> = { ...settings, ...providerSettings };
const secrets = Object.entries(all).filter(([, { secret }]) => secret === true);

/** A value that the setting takes, and that is nowhere else. */
const values: Readonly<Record<string, string>> = {
  redis_url: "redis://:planted-7f3a9c2e@redis.invalid:6379",
  database_url: "postgres://sluice:planted-7f3a9c2e@db.invalid/sluice",
  "tracing.headers": "x-api-key=planted-7f3a9c2e",
};
const plantedIn = (key: string) => values[key] ?? "planted-7f3a9c2e-of-more-than-thirty-two-characters";

function load(sources: {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly yaml?: string;
  readonly files?: Readonly<Record<string, string>>;
}): Config {
  const files: Record<string, string> = { ...sources.files };
  if (sources.yaml !== undefined) files["/app/sluice.config.yaml"] = sources.yaml;
  return loadConfig({
    argv: sources.argv ?? [],
    // Without it nothing of Azure's can be set.
    env: { AZURE_OPENAI_ENDPOINT: "https://planned.openai.azure.com", ...sources.env },
    cwd: "/app",
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
      return text;
    },
  });
}

const valueIn = ({ values: found }: Config, key: string): unknown => {
  const [head, name, field] = key.split(".") as [string, string?, string?];
  if (head === "providers") return (found.providers.get(name!) as Record<string, unknown> | undefined)?.[field!];
  const group = (found as unknown as Record<string, unknown>)[head];
  return name === undefined ? group : (group as Record<string, unknown>)[name];
};

function message(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe.each(secrets)("the secret %s", (key, setting) => {
  const value = plantedIn(key);
  const env = envName(key, setting);
  const flag = flagName(key, setting);
  const lines = key
    .split(".")
    .map((name, i, path) => `${"  ".repeat(i)}${name}${i === path.length - 1 ? "_file" : ""}:`);
  const yaml = `${lines.join("\n")} /run/secrets/it\n`;

  test.each<[string, Parameters<typeof load>[0], string]>([
    ["a variable", { env: { [`${env}_FILE`]: "/run/secrets/it" } }, `env ${env}_FILE`],
    ["a flag", { argv: [`${flag}-file`, "/run/secrets/it"] }, `flag ${flag}-file`],
    ["the configuration file", { yaml }, "file sluice.config.yaml:"],
  ])("is read from the file that %s names, with the line end that editors add", (_, sources, source) => {
    for (const end of ["", "\n", "\r\n"]) {
      const config = load({ ...sources, files: { "/run/secrets/it": `${value}${end}` } });
      const read = valueIn(config, key);
      if (read !== undefined) expect(read).toBe(value);
      const row = config.describe().find((one) => one.key === key)!;
      expect(row.source).toStartWith(source);
      expect([row.secret, row.value]).toEqual([true, "********"]);
      expect(JSON.stringify(config.describe())).not.toContain("planted-7f3a9c2e");
      // What is logged by mistake is taken out of the log.
      expect(config.secrets().some((one) => one.includes("planted-7f3a9c2e"))).toBe(true);
    }
  });

  test("is told by name alone where its file cannot be used", () => {
    const at = { env: { [`${env}_FILE`]: "/run/secrets/it" } };
    expect(message(() => load(at))).toContain(`${env}_FILE  the file '/run/secrets/it' cannot be read: ENOENT`);
    expect(message(() => load({ ...at, files: { "/run/secrets/it": "\n" } }))).toContain("is empty");
    const both = { env: { ...at.env, [env]: value }, files: { "/run/secrets/it": value } };
    expect(message(() => load(both))).toContain("only one of them may be");
    expect(message(() => load(both))).not.toContain("planted-7f3a9c2e");
  });
});

describe("settings of providers", () => {
  const yaml = `
providers:
  openai:
    base_url: https://openai.invalid/v1
    retries: 4
  groq:
    api_key_file: keys/groq
    max_in_flight: 12
models:
  fast:
    targets:
      - { provider: groq, model: llama-3.3-70b-versatile }
    price: { input: 1, output: 2 }
`;

  test("are told one by one with where each came from, whatever mixture of sources they have", () => {
    const config = load({
      yaml,
      env: { OPENAI_API_KEY_FILE: "keys/openai" },
      argv: ["--openai-base-url", "https://other.invalid/v1"],
      files: { "/app/keys/groq": "planted-7f3a9c2e-groq", "/app/keys/openai": "planted-7f3a9c2e-openai\n" },
    });
    const rows = config.describe().filter(({ key }) => /^(providers\.(openai|groq)|models)\./.test(key));
    expect(rows.map(({ key, value, source }) => [key, value, source])).toEqual([
      ["providers.openai.base_url", "https://other.invalid/v1", "flag --openai-base-url"],
      ["providers.openai.api_key", "********", "env OPENAI_API_KEY_FILE"],
      ["providers.openai.retries", 4, "file sluice.config.yaml:5"],
      ["providers.groq.api_key", "********", "file sluice.config.yaml:7"],
      ["providers.groq.max_in_flight", 12, "file sluice.config.yaml:8"],
      ["models.fast.targets", "groq/llama-3.3-70b-versatile", expect.stringContaining("file sluice.config.yaml:")],
      ["models.fast.price", "1 in, 2 out", expect.stringContaining("file sluice.config.yaml:")],
    ]);
    expect(config.values.providers.get("openai")).toMatchObject({ api_key: "planted-7f3a9c2e-openai", retries: 4 });
  });

  test("are never told where they could hold a password", () => {
    const told = message(() => load({ env: { OPENAI_BASE_URL: "https://me:planted-7f3a9c2e@openai.invalid/v1" } }));
    expect(told).toContain("must not hold credentials");
    expect(told).not.toContain("planted-7f3a9c2e");
  });
});

describe("HTTPS", () => {
  test("takes a certificate and its key, and one without the other is refused", () => {
    const { tls } = load({ env: { SLUICE_TLS_CERT_FILE: "tls.crt" }, argv: ["--tls-key-file", "/run/tls.key"] }).values;
    expect(tls).toEqual({ cert_file: "/app/tls.crt", key_file: "/run/tls.key" });
    expect(load({}).values.tls.cert_file).toBeUndefined();
    const told = message(() => load({ yaml: "tls: { cert_file: tls.crt }\n" }));
    expect(told).toContain("tls.cert_file  is set, and tls.key_file is not; HTTPS takes both");
  });
});
