import { describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { type ErrorCode, errorCatalogue, fillPlaceholders, SluiceError } from "./errors.ts";
import { discoverPlugins } from "./registry/registry.ts";

const root = join(import.meta.dir, "..");
const plugins = join(root, "plugins");

/** The folders that do the work; they know the core and not each other. */
const adapters = [
  ...["registry", "policy", "cel", "limits", "tokens", "providers", "upstream", "gateway", "admin", "auth", "store"],
  ...["records", "telemetry", "edge"],
];
/** What may be imported from where, each folder itself aside. Whatever is not listed may import nothing of ours. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "src/errors.ts": [],
  "src/core": ["src/errors.ts"],
  "src/sdk": ["src/core", "src/errors.ts"],
  ...Object.fromEntries(adapters.map((name) => [`src/${name}`, ["src/core", "src/sdk", "src/errors.ts"]])),
  "src/policy": ["src/core", "src/sdk", "src/errors.ts", "src/cel", "src/registry"],
  plugins: ["src/sdk"],
  policies: ["src/sdk"],
};
/** The files and folders that join the parts; nothing but tests and each other imports them. */
const joins = [
  "src/main.ts",
  "src/policy-tests.ts",
  "src/app.ts",
  "src/config.ts",
  "src/config",
  "src/cli",
  "bench",
  "scripts",
];
/** Libraries that one folder knows for all. */
const ownedBy: Readonly<Record<string, readonly string[]>> = {
  "@babel/parser": ["src/policy"],
  "@marcbachmann/cel-js": ["src/cel"],
  re2js: ["src/sdk"],
  tiktoken: ["src/tokens"],
  kysely: ["src/store"],
  "bun:sqlite": ["src/store"],
  ioredis: ["src/limits", "src/policy"],
  "@opentelemetry": ["src/telemetry"],
  pino: ["src/telemetry"],
  "prom-client": ["src/telemetry"],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const isTest = (file: string) => /\.test\.ts$|(^|[/.-])(testing|harness|conformance)[^/]*\.ts$/.test(file);

async function sourceFiles(...folders: string[]): Promise<string[]> {
  const lists = await Promise.all(folders.map((folder) => readdir(join(root, folder), { recursive: true })));
  return lists.flatMap((names, i) =>
    names.filter((name) => name.endsWith(".ts")).map((name) => `${folders[i]}/${name}`),
  );
}

async function importsOf(file: string): Promise<Import[]> {
  const code = await Bun.file(join(root, file)).text();
  const found = code.matchAll(
    /^\s*(?:import|export)\b[^;'"`]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm,
  );
  return [...found].map(([, from, bare, dynamic]) => ({ file, specifier: (from ?? bare ?? dynamic)! }));
}

/** The part of the project that a file belongs to: a folder under src, a file of src, or a top folder. */
function partOf(file: string): string {
  const [top, second] = file.split("/") as [string, string | undefined];
  return top === "src" && second !== undefined ? `src/${second}` : top;
}

/** The file that an import names, from the project's root; `undefined` for a library. */
function targetOf({ file, specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return relative(root, resolve(root, dirname(file), specifier)).replaceAll("\\", "/");
}

const sources = (await sourceFiles("src", "plugins", "policies")).filter((file) => !isTest(file));
const imports = (await Promise.all(sources.map(importsOf))).flat();

describe("directions of imports", () => {
  test("the files and their imports are found", () => {
    expect(sources).toContain("src/core/engine.ts");
    expect(imports).toContainEqual({ file: "src/core/engine.ts", specifier: "./facts.ts" });
    expect(imports.length).toBeGreaterThan(100);
  });

  test("each part imports only what DESIGN section 3 lets it", () => {
    const wrong = imports.filter((one) => {
      const target = targetOf(one);
      const from = partOf(one.file);
      if (target === undefined || joins.includes(from) || partOf(target) === from) return false;
      // Data, such as the table of models, belongs to whoever reads it.
      if (target.startsWith("schema/") && target.endsWith(".json")) return false;
      return !(mayImport[from] ?? []).includes(partOf(target));
    });
    expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([]);
  });

  test("a plugin imports no other plugin", () => {
    const wrong = imports.filter((one) => {
      const target = targetOf(one);
      if (target === undefined || !one.file.startsWith("plugins/") || !target.startsWith("plugins/")) return false;
      return target.split("/")[1] !== one.file.split("/")[1];
    });
    expect(wrong).toEqual([]);
  });

  test("nothing imports a test or a test's helper", () => {
    const wrong = imports.filter((one) => isTest(targetOf(one) ?? ""));
    expect(wrong).toEqual([]);
  });

  test("the core uses no library and no I/O", () => {
    const wrong = imports.filter((one) => one.file.startsWith("src/core/") && targetOf(one) === undefined);
    expect(wrong).toEqual([]);
  });

  test("plugins use neither the runtime nor the network", () => {
    const runtime = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`), "bun", "bun:sqlite"]);
    const wrong = imports.filter(({ file, specifier }) => file.startsWith("plugins/") && runtime.has(specifier));
    expect(wrong).toEqual([]);
  });

  test("a library that one part knows for all is imported nowhere else", () => {
    const wrong = imports.filter(({ file, specifier }) => {
      const library = Object.keys(ownedBy).find((name) => specifier === name || specifier.startsWith(`${name}/`));
      return library !== undefined && !ownedBy[library]!.includes(partOf(file));
    });
    expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([]);
  });
});

describe("plugins", () => {
  test("every folder is a plugin of that name, with its test and its README", async () => {
    const registry = await discoverPlugins(plugins);
    const entries = await readdir(plugins, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect([...registry.names()]).toEqual(folders.sort());
    for (const folder of folders) {
      const files = await readdir(join(plugins, folder));
      expect(files).toEqual(expect.arrayContaining(["README.md", "plugin.test.ts", "plugin.ts"]));
    }
  });

  test("the core and the host name no plugin", async () => {
    // A unit of limits and a root of facts are called as plugins are.
    const words = ["concurrency", "budget"];
    const names = (await discoverPlugins(plugins)).names().filter((name) => !words.includes(name));
    const host = sources.filter((file) => /^src\/(core|sdk|registry|policy|gateway)\//.test(file));
    const named: string[] = [];
    for (const file of host) {
      const code = await Bun.file(join(root, file)).text();
      for (const name of names) if (code.includes(`"${name}"`)) named.push(`${file}: ${name}`);
    }
    expect(named).toEqual([]);
  });

  test("summaries are one sentence that begins with a verb", async () => {
    for (const { name, summary } of (await discoverPlugins(plugins)).list()) {
      expect([name, /^[A-Z][a-z]+s .+[^. ]\.$/.test(summary)]).toEqual([name, true]);
    }
  });
});

describe("the error catalogue", () => {
  const entries = Object.entries(errorCatalogue) as [ErrorCode, readonly [number, string]][];

  test.each(entries)("%s has a refusal's status and a sentence", (code, [status, message]) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(Number.isInteger(status) && status >= 400 && status <= 599).toBe(true);
    expect(message).toMatch(/^[A-Z{].*[.}>]$/);
    expect(message.replace(/\{\w+\}/g, "")).not.toMatch(/[{}]/);
  });

  test("details fill the placeholders, and one that is missing shows", () => {
    expect(new SluiceError("body_too_large", { max: 5 }).message).toBe(
      "The request body is larger than 5 bytes, the most this gateway accepts.",
    );
    expect(fillPlaceholders("{a} and {b}", { a: 1 })).toBe("1 and {b}");
    expect(fillPlaceholders("{toString}", {})).toBe("{toString}");
  });
});
