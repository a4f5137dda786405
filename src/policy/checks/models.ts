import type { TSchema } from "@sinclair/typebox";
import { globsRead } from "../../cel/globs.ts";
import { compileGlob } from "../../core/glob.ts";
import { type ModelsRole, modelsKeyword } from "../../sdk/models.ts";
import { nearest } from "../../sdk/suggest.ts";
import type { Path } from "../document.ts";
import type { PluginDirectory } from "../plugin.ts";
import type { Problem } from "../problem.ts";
import type { Compiled } from "./compiled.ts";
import { expressionsOf } from "./expressions.ts";
import { Places, type Range } from "./places.ts";

/** A glob over model names, or a name, and where it stands in a policy's content. */
interface ModelRead {
  readonly path: Path;
  readonly pattern: string;
  readonly range?: Range;
}

/** Names that end like a vendor's snapshot are those of the model without its date. */
const snapshot = /[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/;

/**
 * Globs over model names, in scopes, configs and expressions, that fit no model that is known here. Names that only a
 * provider knows are possible, so this is a hint; it finds the misspelt one, which leaves a gate open or shut for ever.
 *
 * @param known models of the catalogue, configured ones, and names that have been in use
 */
export function checkModels(
  files: readonly Compiled[],
  known: readonly string[],
  registry: PluginDirectory,
): Problem[] {
  const names = known.map((name) => name.toLowerCase());
  const reads = files.map((file) => ({ file, ...readsOf(file, registry) }));
  const all = [...new Set([...names, ...reads.flatMap(({ aliases }) => aliases.map((name) => name.toLowerCase()))])];
  const answers = new Map<string, string | null>();
  return reads.flatMap(({ file, patterns }) => {
    const places = new Places(file);
    return patterns.flatMap(({ path, pattern, range }) => {
      let message = answers.get(pattern);
      if (message === undefined) {
        message = problemWith(pattern, all);
        answers.set(pattern, message);
      }
      return message === null ? [] : (places.problem("C072", path, message, range ?? "value") ?? []);
    });
  });
}

function problemWith(pattern: string, names: readonly string[]): string | null {
  const wanted = pattern.toLowerCase().replace(snapshot, "");
  const fits = compileGlob(pattern);
  if (names.some((name) => fits(name) || name === wanted)) return null;
  const isGlob = /[*?]/.test(pattern);
  const meant = isGlob ? nearestGlob(pattern, names) : nearest(wanted, names);
  const hint =
    meant === undefined ? "add it to 'models' in the configuration if it is one" : `did you mean '${meant}'?`;
  return `'${pattern}' ${isGlob ? "fits no model" : "is no model"} that is known here; ${hint}`;
}

/** The glob with a beginning that models have, where that makes it fit one. */
function nearestGlob(pattern: string, names: readonly string[]): string | undefined {
  const [head = "", ...rest] = pattern.toLowerCase().split(/(?=[*?])/);
  const beginning = nearest(head, [...new Set(names.map((name) => name.slice(0, head.length)))]);
  if (head.length < 3 || beginning === undefined) return undefined;
  const meant = beginning + rest.join("");
  return names.some(compileGlob(meant)) ? meant : undefined;
}

function readsOf(file: Compiled, registry: PluginDirectory): { patterns: ModelRead[]; aliases: string[] } {
  const patterns: ModelRead[] = [];
  const aliases: string[] = [];
  const { scope } = file.policy;
  for (const [i, pattern] of (scope.models ?? []).entries()) patterns.push({ path: ["scope", "models", i], pattern });
  for (const [i, pattern] of (scope.except?.models ?? []).entries()) {
    patterns.push({ path: ["scope", "except", "models", i], pattern });
  }
  for (const { path, cel } of expressionsOf(file)) {
    for (const { fact, pattern, start, end } of globsRead(cel.tree)) {
      if (fact === "request.model") patterns.push({ path, pattern, range: { start, end } });
    }
  }
  for (const [i, { modify = [] }] of (file.content?.rules ?? []).entries()) {
    for (const [j, { op, value }] of modify.entries()) {
      if (op !== "route" || typeof value !== "string" || value.includes("{params.")) continue;
      patterns.push({ path: ["rules", i, "modify", j, "value"], pattern: value });
    }
  }
  walkType(file.content?.uses, file.content?.with, ["with"]);
  return { patterns, aliases };

  function walkType(uses: unknown, config: unknown, path: Path): void {
    const plugin = typeof uses === "string" ? registry.get(uses) : undefined;
    if (plugin !== undefined && config !== undefined) walk(plugin.config, config, path);
  }

  function walk(schema: TSchema, value: unknown, path: Path): void {
    const role = schema[modelsKeyword] as ModelsRole | undefined;
    if (role === "name" && typeof value === "string") patterns.push({ path, pattern: value });
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries())
        walk((schema.items as TSchema | undefined) ?? ({} as TSchema), item, [...path, i]);
      return;
    }
    const { uses, with: config, ...rest } = value as Readonly<Record<string, unknown>>;
    // A policy type inside of another one.
    if (uses !== undefined) walkType(uses, config, [...path, "with"]);
    if (role === "aliases") aliases.push(...Object.keys(value));
    for (const [key, item] of Object.entries(rest)) walk(memberSchema(schema, key), item, [...path, key]);
  }
}

/** The schema of a member of an object or a record. */
function memberSchema({ properties, patternProperties }: TSchema, key: string): TSchema {
  const own = (properties as Readonly<Record<string, TSchema>> | undefined)?.[key];
  return own ?? Object.values((patternProperties ?? {}) as Readonly<Record<string, TSchema>>)[0] ?? ({} as TSchema);
}
