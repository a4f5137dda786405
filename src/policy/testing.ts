import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCel } from "../cel/cel.ts";
import { discoverPlugins } from "../registry/registry.ts";
import type { LoadOptions } from "./load.ts";

/** A policies folder for one test; gone when the test is. */
export interface TestFolder extends AsyncDisposable {
  readonly dir: string;
  write(path: string, content: string | Uint8Array): Promise<void>;
}

/** Makes a folder named `policies` with these files. */
export async function testFolder(files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<TestFolder> {
  const root = await mkdtemp(join(tmpdir(), "sluice-policies-"));
  const dir = join(root, "policies");
  await mkdir(dir);
  const folder: TestFolder = {
    dir,
    async write(path, content) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), content);
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true }),
  };
  for (const [path, content] of Object.entries(files)) await folder.write(path, content);
  return folder;
}

/** The shipped plugins. */
export const testRegistry = await discoverPlugins(fileURLToPath(new URL("../../plugins", import.meta.url)));
const cel = createCel();

/** What a folder is loaded with: the shipped plugins and a real CEL compiler. */
export function testOptions(dir: string): Omit<LoadOptions, "overlay"> {
  return { dir, registry: testRegistry, cel };
}
