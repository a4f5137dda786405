import { providerSettings, settings } from "../config.ts";
import { priceFields } from "./prices.ts";
import { modelFields, providerFields, targetFields } from "./routing.ts";
import { envName, flagName, type Setting } from "./setting.ts";
import { vendors } from "./vendors.ts";

const all: readonly (readonly [key: string, setting: Setting])[] = Object.entries({ ...settings, ...providerSettings });

/** The text of `.env.example`: every setting that the environment can hold, with its default. */
export function envExample(): string {
  const lines = [
    "# Every setting of Sluice, with its default. Copy this file to .env and uncomment what you change.",
    "# Made by `bun run generate` from src/config.ts. A flag goes before these, and these before sluice.config.yaml.",
  ];
  for (const [key, setting] of all) {
    const name = envName(key, setting);
    lines.push("", `# ${setting.doc}`);
    if (setting.secret === true) lines.push(`# ${name}_FILE names a file that holds it instead.`);
    lines.push(`#${name}=${shownDefault(setting)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The reference of all settings, as Markdown. */
export function configReference(): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
    [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");
  const own = all.map(([key, setting]) => [
    setting.inFile === false ? "" : `\`${key}\``,
    `\`${envName(key, setting)}\`${setting.secret === true ? " or `…_FILE`" : ""}`,
    `\`${flagName(key, setting)}\``,
    shownDefault(setting) === "" ? "" : `\`${shownDefault(setting)}\``,
    `${setting.doc} Accepts ${setting.type.accepts}.`,
  ]);
  const fields = (group: Readonly<Record<string, Setting>>) =>
    Object.entries(group).map(([name, { doc, type }]) => [`\`${name}\``, `${doc} Accepts ${type.accepts}.`]);
  return `# Configuration

Made by \`bun run generate\` from \`src/config.ts\`.

A flag goes before the environment, that before \`sluice.config.yaml\`, that before the default. An empty variable counts as not
set. What is not known, in the file, as a flag or as a variable that begins with \`SLUICE_\`, is an error. In the file, \`\${NAME}\`
is the variable \`NAME\` of the environment, which must be set; \`$\${NAME}\` is that text. Relative paths in the file begin at its
folder, others at the working directory. \`GET /admin/v1/config\` shows each value and where it came from.

${table(["in the file", "variable", "flag", "default", ""], own)}

## When a provider fails

A call that gets no answer, or 429, 500, 502, 503, 504 or 529, is sent again to the same target, as often as \`retries\` says, and then to
the next one; \`x-should-retry\` of the provider's goes before its status. The waits between are drawn at random from bounds that double,
and are never shorter than \`retry-after-ms\`, \`retry-after\` or the words of a 429 ask for; where that is more than
\`retry_max_wait_seconds\`, where the provider hung, or where what is missing is money, it goes to the next target at once. The answer to the
last attempt is passed on as it came. Nothing is tried again once the first byte of an answer is there, or when the client is gone.
Limits are charged once, whatever happens.

Each target has a breaker and a place for so many calls at once (\`max_in_flight\`). One that fails too often is left alone for a while, then
tried by one call. When no target can take a call the answer is 503 with \`retry-after\`. \`/metrics\` and \`GET /admin/v1/status\` show all of it.

How long is waited for a first byte depends on what is asked for: embeddings and counts are there in seconds, a stream begins soon, an
answer that comes whole takes until it is written, and models that think first (known by their names, or marked \`reasoning\`) may
take minutes for either.

## Providers

Each entry of \`providers\` in the file is one, by a name of your choice. Those called \`openai\`, \`anthropic\`, \`azure\`,
\`gemini\` and \`cohere\` may be set by the variables above alone. With a key or an address of its own, a provider whose name
\`schema/models.json\` knows serves that vendor's models by their own names. Deployments of the provider \`azure\` can be asked for by
their names on the paths below \`/azure\`.

${table(["field", ""], fields(providerFields))}

A secret may be in a file: \`api_key_file\` names it.

Vendors that speak OpenAI's format are providers of kind \`openai\`. One that is called by a name of this table needs nothing but
its \`api_key\`; whatever else is set for it goes before the table, and any other vendor takes a \`kind\` and a \`base_url\`.

${table(
  ["name", "vendor", "base_url", "asked for usage", ""],
  Object.entries(vendors).map(([name, { title, baseUrl, tellsUsage, note }]) => [
    `\`${name}\``,
    title,
    baseUrl === undefined ? "to be set" : `\`${baseUrl}\``,
    tellsUsage ? "no" : "yes",
    note,
  ]),
)}

## Models

Each entry of \`models\` in the file is a name that clients can use; its \`targets\` say where requests for it go. Those that
serve the surface of a call are tried by priority; among those of one priority, the first is drawn by weight, anew for each call.

${table(["field of a target", ""], fields(targetFields))}

Prices of known models are those of \`schema/models.json\`, each with its date. \`price\` goes before them, for a name of yours or a vendor's
own; an entry that only has a price needs no targets. In US dollars per 1,000,000 tokens:

${table(["field of a price", ""], fields(priceFields))}

A model whose price nobody knows costs nothing by mistake: policies on money say what becomes of it (\`onUnpriced\`), and \`sluice check\`
warns of it (C077) unless its entry says otherwise:

${table(["field of a model", ""], fields(modelFields))}

\`\`\`yaml
providers:
  openai: { kind: openai, base_url: https://api.openai.com/v1, api_key: \${OPENAI_API_KEY} }
  groq: { kind: openai, base_url: https://api.groq.com/openai/v1, api_key: \${GROQ_API_KEY} }
models:
  fast:
    targets:
      - { provider: openai, model: gpt-4o-mini, weight: 80 }
      - { provider: groq, model: llama-3.3-70b-versatile, weight: 20 }
      - { provider: openai, model: gpt-4.1-mini, priority: 2 }
  gpt-4o: { price: { input: 2, output: 8, cached_input: 1, date: 2026-11-01 } }
\`\`\`
`;
}

/** The JSON Schema of `sluice.config.yaml`, for editors. */
export function configJsonSchema(): object {
  const properties: Record<string, Record<string, unknown>> = {};
  for (const [key, setting] of Object.entries(settings as Record<string, Setting>)) {
    if (setting.inFile === false) continue;
    const [group, name] = key.split(".") as [string, string?];
    if (name === undefined) {
      Object.assign(properties, schemaOf(group, setting));
    } else {
      properties[group] ??= { type: "object", additionalProperties: false, properties: {} };
      Object.assign(properties[group].properties as object, schemaOf(name, setting));
    }
  }
  const target = { ...objectOf(targetFields), required: ["provider"] };
  const price = { ...objectOf(priceFields), required: ["input", "output"] };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Sluice configuration",
    type: "object",
    additionalProperties: false,
    properties: {
      ...properties,
      providers: {
        description: "Where models are, by a name of your choice.",
        type: "object",
        additionalProperties: objectOf(providerFields),
      },
      models: {
        description: "Names that clients can use beside the vendors' own.",
        type: "object",
        additionalProperties: {
          type: "object",
          additionalProperties: false,
          anyOf: [{ required: ["targets"] }, { required: ["price"] }, { required: ["unpriced"] }],
          properties: {
            targets: {
              description: "Where its requests go: by priority, and by weight among those of one priority.",
              type: "array",
              minItems: 1,
              items: target,
            },
            price: { description: "What it costs, in US dollars per 1,000,000 tokens.", ...price },
            ...schemaOf("unpriced", modelFields.unpriced),
          },
        },
      },
    },
  };
}

function objectOf(fields: Readonly<Record<string, Setting>>): object {
  const properties = Object.assign({}, ...Object.entries(fields).map(([name, setting]) => schemaOf(name, setting)));
  return { type: "object", additionalProperties: false, properties };
}

/** A variable of the environment may stand in the place of any value. */
function schemaOf(name: string, setting: Setting): Record<string, Record<string, unknown>> {
  const { doc: description, type, secret, default: value } = setting;
  const schema =
    type.schema.type === "string" && type.schema.enum === undefined
      ? type.schema
      : { anyOf: [type.schema, { type: "string", pattern: "^\\$\\{\\w+\\}$" }] };
  const own = { [name]: { description, ...schema, ...(value !== undefined && { default: value }) } };
  if (secret !== true) return own;
  return { ...own, [`${name}_file`]: { description: `A file that holds ${name}.`, type: "string", minLength: 1 } };
}

function shownDefault({ default: value }: Setting): string {
  if (value === undefined) return "";
  return Array.isArray(value) ? value.join(",") : String(value);
}
