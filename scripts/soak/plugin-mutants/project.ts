import { cp, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { refusedCode } from "./preload.ts";

/** How the tests of a plugin ended; `refused` when it is no plugin at all. */
export type Ending = "passed" | "failed" | "refused" | "endless";

/** A file of a plugin. */
export interface PluginCode {
  /** Inside the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const root = join(import.meta.dir, "../../..");
const preload = relative(root, join(import.meta.dir, "preload.ts"));
const isTest = (path: string) => /\.test\.ts$/.test(path);

/**
 * A copy of the project in which plugins can be changed. Everything of the project that a plugin's tests need is in it,
 * so nobody who edits meanwhile changes the outcome.
 */
export class ProjectCopy implements AsyncDisposable {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** @param plugins a folder of plugins; the project's own when absent */
  static async create(plugins = join(root, "plugins")): Promise<ProjectCopy> {
    const dir = await realpath(await mkdtemp(join(tmpdir(), "sluice-mutants-")));
    for (const name of ["package.json", "tsconfig.json", preload]) await cp(join(root, name), join(dir, name));
    await cp(join(root, "src"), join(dir, "src"), { recursive: true, filter: (path) => !isTest(path) });
    await cp(plugins, join(dir, "plugins"), { recursive: true });
    await symlink(join(root, "node_modules"), join(dir, "node_modules"));
    return new ProjectCopy(dir);
  }

  /** The names of all plugins, sorted. */
  async plugins(): Promise<readonly string[]> {
    return (await readdir(join(this.#dir, "plugins"))).sort();
  }

  /** The code of a plugin, without its tests. */
  async codeOf(plugin: string): Promise<readonly PluginCode[]> {
    const paths = (await this.#files(plugin)).filter((path) => path.endsWith(".ts") && !isTest(path));
    return Promise.all(paths.map(async (path) => ({ path, text: await Bun.file(join(this.#dir, path)).text() })));
  }

  async write({ path, text }: PluginCode): Promise<void> {
    await writeFile(join(this.#dir, path), text);
  }

  /** The files with a plugin's tests. */
  async testsOf(plugin: string): Promise<readonly string[]> {
    return (await this.#files(plugin)).filter(isTest);
  }

  /** Runs a file of a plugin's tests on its code as it is now, in a process of its own, until the first test fails. */
  async test(plugin: string, path: string, timeoutMs: number): Promise<Ending> {
    const child = Bun.spawn(
      [process.execPath, "test", "--bail", "--timeout", String(timeoutMs), "--preload", `./${preload}`, `./${path}`],
      {
        cwd: this.#dir,
        env: { ...process.env, MUTANT_FOLDER: join(this.#dir, "plugins", plugin) },
        stdio: ["ignore", "ignore", "ignore"],
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      },
    );
    const code = await child.exited;
    if (child.signalCode === "SIGKILL") return "endless";
    return code === 0 ? "passed" : code === refusedCode ? "refused" : "failed";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true });
  }

  async #files(plugin: string): Promise<readonly string[]> {
    const entries = await readdir(join(this.#dir, "plugins", plugin), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return files
      .map(({ parentPath, name }) => relative(this.#dir, join(parentPath, name)).replaceAll("\\", "/"))
      .sort();
  }
}
