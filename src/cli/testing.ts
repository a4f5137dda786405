import { join } from "node:path";

const root = join(import.meta.dir, "..", "..");

/** What a finished command left. */
export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line as a person would, in the project's folder, with only these variables set. For tests. */
export async function sluice(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const child = Bun.spawn([process.execPath, join(root, "src/cli/main.ts"), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? "", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}
