import { SourceText } from "../../../src/policy/problem.ts";
import { applyEdit } from "../../../src/policy/test/edit.ts";
import { codeChanges } from "../../../src/policy/test/mutants-code.ts";
import { scoreOf } from "../../../src/policy/test/mutate.ts";
import type { Ending, PluginCode, ProjectCopy } from "./project.ts";

/** A small change of a plugin's code that its tests should notice. */
export interface PluginMutant {
  /** Where it is made: `plugins/<name>/<file>:line:column`. */
  readonly at: string;
  readonly change: string;
  readonly original: PluginCode;
  readonly text: string;
}

/** What the tests of a plugin notice of the changes of its code. */
export interface PluginMutation {
  readonly plugin: string;
  /** Mutants that were accepted as plugins; the others prove nothing. */
  readonly mutants: number;
  readonly killed: number;
  /** Those that no test noticed. */
  readonly survivors: readonly PluginMutant[];
  /** Percent of the mutants that were noticed; 100 when there are none. */
  readonly score: number;
}

/** Which mutants are tried, and who is told of them. */
export interface MutationOptions {
  /** At most so many, drawn by the seed; all when absent. */
  readonly sample?: { readonly size: number; readonly seed: number };
  /** When tests that have not ended are taken to never end; by what they take unchanged when absent. */
  readonly timeoutMs?: number;
  /** Told after each mutant. */
  readonly progress?: (done: number, of: number) => void;
}

/** Least time that a file of tests may take, in milliseconds, and how many times what it takes unchanged. */
const leastMs = 5_000;
const times = 5;

/** A file of tests, and when it has taken too long. */
interface Trial {
  readonly path: string;
  readonly timeoutMs: number;
}

/**
 * Changes the code of a plugin in every small way and runs its tests on every change, one after the other.
 *
 * @throws Error when one of its tests does not pass as it is
 */
export async function mutatePlugin(
  project: ProjectCopy,
  plugin: string,
  { sample, progress, ...options }: MutationOptions = {},
): Promise<PluginMutation> {
  const all = (await project.codeOf(plugin)).flatMap(mutantsOf);
  const mutants = sample === undefined ? all : draw(all, sample);
  const trials = await trialsOf(project, plugin, options.timeoutMs);

  let killed = 0;
  const survivors: PluginMutant[] = [];
  for (const [i, mutant] of mutants.entries()) {
    const { original, text } = mutant;
    await project.write({ ...original, text });
    const ending = await endingOf(project, plugin, trials);
    await project.write(original);
    if (ending === "passed") survivors.push(mutant);
    else if (ending !== "refused") killed += 1;
    progress?.(i + 1, mutants.length);
  }
  const counted = killed + survivors.length;
  return { plugin, mutants: counted, killed, survivors, score: scoreOf(killed, counted) };
}

/** The plugin's tests, the quickest first: most mutants are noticed by any. */
async function trialsOf(project: ProjectCopy, plugin: string, timeoutMs?: number): Promise<readonly Trial[]> {
  const timed: (Trial & { took: number })[] = [];
  for (const path of await project.testsOf(plugin)) {
    const from = performance.now();
    if ((await project.test(plugin, path, 120_000)) !== "passed") throw new Error(`${path} does not pass as it is`);
    const took = performance.now() - from;
    timed.push({ path, took, timeoutMs: timeoutMs ?? Math.max(leastMs, Math.ceil(times * took)) });
  }
  return timed.sort((a, b) => a.took - b.took);
}

async function endingOf(project: ProjectCopy, plugin: string, trials: readonly Trial[]): Promise<Ending> {
  for (const { path, timeoutMs } of trials) {
    const ending = await project.test(plugin, path, timeoutMs);
    if (ending !== "passed") return ending;
  }
  return "passed";
}

function mutantsOf(original: PluginCode): readonly PluginMutant[] {
  const source = new SourceText(original.path, original.text);
  return codeChanges(original.text).map(({ change, ...edit }) => {
    const { file, line, column } = source.problem("C020", "", edit.start, edit.end);
    return { at: `${file}:${line}:${column}`, change, original, text: applyEdit(original.text, edit) };
  });
}

/** Some of them, the same ones for the same seed, in their order. */
function draw(all: readonly PluginMutant[], { size, seed }: { size: number; seed: number }): readonly PluginMutant[] {
  const ranked = all.map((mutant, i) => ({
    i,
    mutant,
    rank: Bun.hash.wyhash(mutant.at + mutant.change, BigInt(seed)),
  }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return ranked
    .slice(0, size)
    .sort((a, b) => a.i - b.i)
    .map(({ mutant }) => mutant);
}
