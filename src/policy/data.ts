import type { CelData } from "../cel/data.ts";
import { ConfigErrors, parseConfig } from "../sdk/config.ts";
import { describeValue } from "../sdk/describe.ts";
import { checkName } from "./declared.ts";
import { type Path, PolicyDocument } from "./document.ts";
import { folderOf } from "./kinds.ts";
import type { Problem } from "./problem.ts";
import { type DataContent, dataSchema } from "./schema-kinds.ts";
import type { PolicyFile } from "./tree.ts";

/** Named data as expressions can read it, by name. */
export type DataNames = Readonly<Record<string, CelData>>;

/** The named data of a policies folder. */
export interface NamedData {
  /** What a policy at this path reads: the data of org/ and of the policy's own folder. */
  visibleTo(path: string): DataNames;
}

/** Keys that objects have meanings of their own for. */
const unusableKeys = new Set(["__proto__", "constructor", "prototype"]);

/** Reads data files. What is wrong is added to `problems`. */
export function readData(files: readonly PolicyFile[], problems: Problem[]): NamedData {
  const byFolder = new Map<string, Record<string, CelData>>();
  const takenBy = new Map<string, readonly { readonly folder: string; readonly file: string }[]>();
  for (const file of files) {
    const document = new PolicyDocument(file.label, file.text);
    const folder = folderOf(file.path);
    for (const [name, { path, data }] of parse(document)) {
      const others = takenBy.get(name) ?? [];
      const other = others.find((taken) => [taken.folder, folder].includes("org") || taken.folder === folder);
      takenBy.set(name, [...others, { folder, file: file.label }]);
      if (other === undefined) byFolder.set(folder, { ...byFolder.get(folder), [name]: data });
      else document.report("C042", path, `the data name '${name}' is already taken by ${other.file}`, "key");
    }
    problems.push(...document.problems);
  }
  const shared = byFolder.get("org") ?? {};
  const visible = new Map([...byFolder].map(([folder, names]) => [folder, { ...shared, ...names }]));
  return { visibleTo: (path) => visible.get(folderOf(path)) ?? shared };
}

type Named = readonly [name: string, { readonly path: Path; readonly data: CelData }];

function parse(document: PolicyDocument): Named[] {
  if (document.value === undefined) return [];
  let content: DataContent;
  try {
    content = parseConfig(dataSchema, document.value);
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    document.reportConfig("C023", [], error);
    return [];
  }
  const { lists, tables } = content;
  if (lists === undefined && tables === undefined) {
    document.report("C041", [], "a data file has 'lists' or 'tables'; this one has neither");
  }
  const named: Named[] = [];
  for (const [section, entries, check] of [
    ["lists", lists, listData],
    ["tables", tables, tableData],
  ] as const) {
    for (const [name, value] of Object.entries(entries ?? {})) {
      const path = [section, name];
      if (!checkName(document, section, name)) continue;
      const data = check(value as never, path, document);
      if (data !== null) named.push([name, { path, data }]);
    }
  }
  return named;
}

/** A list of texts or of integers; an empty one counts as a list of texts. */
function listData(list: readonly unknown[], path: Path, document: PolicyDocument): CelData | null {
  const texts = typeof list[0] !== "number";
  const expected = texts ? "a text" : "an integer";
  const strange = list.findIndex((item) => (texts ? typeof item !== "string" : !Number.isSafeInteger(item)));
  if (strange < 0) return { type: texts ? "list<string>" : "list<int>", value: list as readonly string[] };
  const like = strange === 0 ? "" : ", like those before it";
  const message = `expected ${expected}${like}, got ${describeValue(list[strange])}; a list holds texts or integers`;
  document.report("C041", [...path, strange], message);
  return null;
}

/** A table of texts or of numbers, which are doubles when one of them is written with a point; an empty one is of texts. */
function tableData(table: Readonly<Record<string, unknown>>, path: Path, document: PolicyDocument): CelData | null {
  const entries = Object.entries(table);
  const texts = typeof entries[0]?.[1] !== "number";
  for (const [i, [key, value]] of entries.entries()) {
    const fits = texts ? typeof value === "string" : Number.isFinite(value);
    if (fits && !unusableKeys.has(key)) continue;
    const like = i === 0 ? "" : ", like those before it";
    const message = fits
      ? `'${key}' cannot be a key`
      : `expected ${texts ? "a text" : "a number"}${like}, got ${describeValue(value)}; a table holds texts or numbers`;
    document.report("C041", [...path, key], message, fits ? "key" : "value");
    return null;
  }
  if (texts) return { type: "map<string, string>", value: table as Record<string, string> };
  const point = entries.some(
    ([key, value]) => !Number.isSafeInteger(value) || /[.eE]/.test(document.numberAt([...path, key]) ?? ""),
  );
  return { type: point ? "map<string, double>" : "map<string, int>", value: table as Record<string, number> };
}
