import type { TObject, TSchema } from "@sinclair/typebox";
import { stringify } from "yaml";
import { describeSchema } from "../sdk/describe.ts";
import { type Plugin, reasonCode } from "../sdk/plugin.ts";

/** Levels of objects inside objects whose keys are listed. */
const maxDepth = 3;

/** What is known of a plugin from its declaration alone, for people: Markdown under a heading of its name. */
export function pluginReference(plugin: Plugin): string {
  const { name, summary, phases, onError, reads, provides = {}, reasons, examples = [] } = plugin;
  const facts = reads.length === 0 ? "none but those that its config asks for" : reads.map(code).join(", ");
  const found = Object.keys(provides).map(code).join(", ");
  const said = Object.entries(reasons).map(([id, spec]) => [
    code(reasonCode(id, spec)),
    code(id),
    String(spec.status ?? 403),
    spec.message,
  ]);
  const shown = examples.map((example) => `\`\`\`yaml\n${stringify({ uses: name, with: example }, format)}\`\`\``);
  return [
    `## ${name}`,
    `${summary}`,
    `Asked in ${phases.join(", ")}. What cannot be evaluated counts as ${code(onError)} unless a policy says otherwise. Reads ${facts}.${found === "" ? "" : ` Finds out ${found} for rules of other policies.`}`,
    table(["key of `with`", "value", "when absent", ""], keysOf(plugin.config, "", 1)),
    ...(said.length > 0 ? [table(["code", "rule", "status of a refusal", "message"], said)] : []),
    ...shown,
  ].join("\n\n");
}

const format = { lineWidth: 110 } as const;

/** Every policy type, for people. */
export function pluginsReference(plugins: readonly Plugin[]): string {
  return `<!-- Made by \`bun run generate\`; edit the code that it is made from instead. -->

# Policy types

What \`uses\` can name in a policy, beside a policy of the library. Each type's folder under \`plugins/\` has a README that
says more; \`GET /admin/v1/policy-types\` answers the same with a JSON Schema.

${plugins.map(pluginReference).join("\n\n")}
`;
}

function keysOf(schema: TObject, prefix: string, depth: number): string[][] {
  const required: readonly string[] = schema.required ?? [];
  return Object.entries(schema.properties).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    return [
      [code(path), describeSchema(field), absent(field, required.includes(name)), field.description ?? ""],
      ...innerKeys(field, path, depth),
    ];
  });
}

function innerKeys(field: TSchema, path: string, depth: number): string[][] {
  if (depth >= maxDepth) return [];
  const schema = field.type === "array" ? (field.items as TSchema) : field;
  const ending = field.type === "array" ? "[]." : ".";
  const variants = (schema.anyOf as TSchema[] | undefined) ?? [schema];
  const seen = new Set<string>();
  return variants
    .filter((variant) => variant.type === "object" && variant.properties !== undefined)
    .flatMap((variant) => keysOf(variant as TObject, `${path}${ending}`, depth + 1))
    .filter(([key = ""]) => !seen.has(key) && seen.add(key));
}

function absent(field: TSchema, required: boolean): string {
  if (field.default !== undefined) return code(JSON.stringify(field.default));
  return required ? "required" : "";
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
