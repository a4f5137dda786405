import { basename } from "node:path";
import type { TObject, TSchema } from "@sinclair/typebox";
import { policySchema } from "../schema.ts";
import { dataSchema, exceptionSchema, manifestSchema } from "../schema-kinds.ts";
import { testFileSchema } from "../test/schema.ts";
import { formatYaml } from "./yaml.ts";

const schemas: readonly (readonly [ending: RegExp, schema: TObject])[] = [
  [/\.policy\.(yaml|yml|json)$/, policySchema],
  [/\.test\.(yaml|yml)$/, testFileSchema()],
  [/\.exception\.(yaml|yml|json)$/, exceptionSchema],
  [/\.data\.(yaml|yml|json)$/, dataSchema],
  [/^sluice\.yaml$/, manifestSchema],
];

/** Whether a file is one that has a canonical form. TypeScript has formatters of its own. */
export function isFormatted(path: string): boolean {
  return path.endsWith(".cel") || schemaOf(path) !== undefined;
}

/** The canonical form of a file, told by its name; `null` when the text cannot be read. Formatting twice changes nothing. */
export function formatFile(path: string, text: string): string | null {
  if (path.endsWith(".cel")) return formatCel(text);
  const schema = schemaOf(path);
  if (schema === undefined) return null;
  return path.endsWith(".json") ? formatJson(text, schema) : formatYaml(text, schema);
}

function schemaOf(path: string): TObject | undefined {
  return schemas.find(([ending]) => ending.test(basename(path)))?.[1];
}

/** Without white space at the ends of lines and around the whole; inside a text of several lines it means something. */
function formatCel(text: string): string {
  const lines = text.replaceAll("\r\n", "\n");
  const trimmed = /"""|'''/.test(lines) ? lines : lines.replace(/[ \t]+$/gm, "");
  return trimmed.trim() === "" ? "" : `${trimmed.trim()}\n`;
}

function formatJson(text: string, schema: TObject): string | null {
  try {
    return `${JSON.stringify(sorted(JSON.parse(text), schema), null, 2)}\n`;
  } catch {
    return null;
  }
}

function sorted(value: unknown, schema: TSchema | undefined): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => sorted(item, schema?.items as TSchema | undefined));
  const properties = (schema as Partial<TObject> | undefined)?.properties;
  if (properties === undefined) return value;
  const keys = Object.keys(properties).filter((key) => Object.hasOwn(value, key));
  const others = Object.keys(value).filter((key) => !keys.includes(key));
  const given = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries([...keys, ...others].map((key) => [key, sorted(given[key], properties[key])]));
}
