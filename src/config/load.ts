import { resolve } from "node:path";
import { suggestion } from "../sdk/suggest.ts";
import { type ConfigFile, type FileEntry, type FileNode, toPlain } from "./file.ts";
import { type ConfigProblem, shown } from "./problem.ts";
import type { Setting } from "./setting.ts";
import type { GivenTexts } from "./sources.ts";

/** Where a value came from. */
export type Origin = "flag" | "environment" | "file" | "default";

/** One setting with its value and where that came from. */
export interface SettingRow {
  /** Its name in the file, such as `upstream.idle_timeout_seconds`. */
  readonly key: string;
  /** `null` when it is not set; for a secret never the value itself. */
  readonly value: string | number | boolean | null;
  readonly origin: Origin;
  /** `flag --port`, `env SLUICE_PORT`, `file sluice.config.yaml:3` or `default`. */
  readonly source: string;
  readonly secret: boolean;
  readonly doc: string;
}

/** A value and where it came from. */
export interface Found {
  readonly value: unknown;
  readonly origin: Origin;
  readonly source: string;
  /** As in messages: the flag, the variable, or file:line:column. */
  readonly where: string;
}

/** What values are looked for in, the first first. */
export interface Sources {
  readonly flags: GivenTexts;
  readonly env: GivenTexts;
  readonly file: ConfigFile | null;
  readonly cwd: string;
  /** Folder of the configuration file: paths in it are relative to it. */
  readonly fileDir: string;
  readonly readFile: (path: string) => string;
  readonly problems: ConfigProblem[];
}

const mask = "********";

/** Entries of the file by setting. */
export type Entries = ReadonlyMap<string, FileEntry>;

/** The value of a setting from the first source that has it; its default when none has. */
export function findValue(key: string, setting: Setting, sources: Sources, entries: Entries): Found {
  const { problems, cwd } = sources;
  for (const [from, given] of [
    ["flag", sources.flags],
    ["env", sources.env],
  ] as const) {
    const text = given.texts.get(key);
    const file = given.files.get(key);
    const one = text ?? file;
    if (one === undefined) continue;
    if (text !== undefined && file !== undefined) {
      problems.push({ where: file.where, message: `is set beside ${text.where}; only one of them may be` });
    }
    const content = text?.text ?? readSecret(one.text, cwd, one.where, sources);
    const value =
      content === undefined
        ? undefined
        : check(setting, content, { asText: true, base: cwd, where: one.where, name: "", problems });
    return {
      value,
      origin: from === "flag" ? "flag" : "environment",
      source: `${from} ${one.where}`,
      where: one.where,
    };
  }
  const direct = entries.get(key);
  const file = setting.secret === true ? entries.get(`${key}_file`) : undefined;
  const entry = direct ?? file;
  if (entry === undefined || sources.file === null) return ofDefault(setting, cwd);
  const where = position(sources.file, entry.node);
  if (direct !== undefined && file !== undefined) {
    problems.push({
      where: position(sources.file, file),
      message: `${key}_file is set beside ${key}; only one of them may be`,
    });
  }
  const received = toPlain(entry.node);
  const content = direct === undefined ? readSecret(String(received), sources.fileDir, where, sources) : received;
  const asText = direct === undefined || (entry.node.kind === "scalar" && entry.node.interpolated);
  const at = { asText, base: sources.fileDir, where, name: `${key} `, problems };
  const value = content === undefined ? undefined : check(setting, content, at);
  return { value, origin: "file", source: `file ${sources.file.label}:${entry.line}`, where };
}

function ofDefault(setting: Setting, cwd: string): Found {
  const value =
    setting.default !== undefined && setting.type.isPath ? resolve(cwd, String(setting.default)) : setting.default;
  return { value, origin: "default", source: "default", where: "default" };
}

/** How a received value is to be read and spoken of. */
interface Reading {
  readonly asText: boolean;
  /** What a relative path begins at. */
  readonly base: string;
  readonly where: string;
  /** Begins the message where the place does not name the setting. */
  readonly name: string;
  readonly problems: ConfigProblem[];
}

/** Reads a value as its type says; what is not accepted is a problem and no value. */
function check({ type, secret = false }: Setting, received: unknown, at: Reading): unknown {
  const { asText, base, where, name, problems } = at;
  const value = asText ? type.fromText(String(received)) : type.fromValue(received);
  if (value === undefined) {
    problems.push({ where, message: `${name}must be ${type.accepts}; received ${shown(received, secret)}` });
    return undefined;
  }
  return type.isPath === true ? resolve(base, String(value)) : value;
}

/** The secret that a file holds, without the line end that editors add. */
function readSecret(path: string, base: string, where: string, sources: Sources): string | undefined {
  try {
    const content = sources.readFile(resolve(base, path)).replace(/\r?\n$/, "");
    if (content !== "") return content;
    sources.problems.push({ where, message: `the file '${path}' is empty` });
  } catch (error) {
    sources.problems.push({
      where,
      message: `the file '${path}' cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}`,
    });
  }
  return undefined;
}

/**
 * Finds the file's entries by setting: `upstream.idle_timeout_seconds` stands in the map `upstream`. A key that is no setting is a
 * problem, save those in `others`, which are read elsewhere.
 *
 * @param prefix the keys that lead to `root`, each with its dot
 */
export function entriesByKey(
  file: ConfigFile,
  root: FileNode,
  registry: Readonly<Record<string, Setting>>,
  others: readonly string[],
  problems: ConfigProblem[],
  prefix = "",
): Entries {
  const found = new Map<string, FileEntry>();
  if (root.kind !== "map") {
    problems.push({
      where: position(file, root),
      message: `${prefix.slice(0, -1)} must hold settings, each as 'name: value'`,
    });
    return found;
  }
  const inside = Object.entries(registry).filter(
    ([key, setting]) => setting.inFile !== false && key.startsWith(prefix),
  );
  const namesOf = ([key, setting]: readonly [string, Setting]) =>
    setting.secret === true ? [key, `${key}_file`] : [key];
  const names = new Set(inside.flatMap(namesOf));
  const here = (key: string) => key.slice(prefix.length).split(".")[0]!;
  const known = [...new Set([...[...names].map(here), ...others])];
  for (const [name, entry] of root.entries) {
    const key = prefix + name;
    if (others.includes(name)) continue;
    if (names.has(key)) {
      found.set(key, entry);
    } else if (known.includes(name)) {
      const inner = entriesByKey(file, entry.node, registry, [], problems, `${key}.`);
      for (const [innerKey, innerEntry] of inner) found.set(innerKey, innerEntry);
    } else {
      problems.push({ where: position(file, entry), message: `unknown key '${key}'${suggestion(name, known)}` });
    }
  }
  return found;
}

/** `sluice.config.yaml:3:7`. */
export function position(file: ConfigFile, at: { readonly line: number; readonly column: number }): string {
  return `${file.label}:${at.line}:${at.column}`;
}

/** A found value as a row to be shown. */
export function toRow(key: string, setting: Setting, { value, origin, source }: Found): SettingRow {
  const secret = setting.secret === true;
  return {
    key,
    value: secret && value !== undefined ? mask : display(value),
    origin,
    source,
    secret,
    doc: setting.doc,
  };
}

function display(value: unknown): SettingRow["value"] {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return Array.isArray(value) ? value.join(",") : null;
}
