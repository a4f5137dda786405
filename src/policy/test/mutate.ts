import type { CompiledPolicy } from "../../core/policy.ts";
import type { TestCase } from "./cases.ts";
import { mismatches } from "./expect.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { createRecorder } from "./recorder.ts";
import { runCase } from "./run.ts";
import type { Suite } from "./suite.ts";
import { endsWithin } from "./within.ts";

/** What tests notice of the changes of one policy. */
export interface PolicyMutation {
  readonly policy: string;
  /** Mutants that were accepted as policies; the others prove nothing. */
  readonly mutants: number;
  readonly killed: number;
  /** Those that no test noticed. */
  readonly survivors: readonly Mutant[];
  /** Percent of the mutants that were noticed; 100 when there are none. */
  readonly score: number;
}

/** Percent of its mutants that the tests of every policy must notice. */
export const usualScore = 80;

/** Percent of the mutants that were noticed, to a tenth; 100 when there are none. */
export function scoreOf(killed: number, mutants: number): number {
  return mutants === 0 ? 100 : Math.floor((1000 * killed) / mutants) / 10;
}

/** A case is judged in microseconds. Code that was changed may never come to an end, which shows as well. */
const longestCaseMs = 500;

/** A case, and the policies it is about. */
interface Trial {
  readonly one: TestCase;
  readonly others: readonly CompiledPolicy[];
}

/** Changes each of these policies in every small way, and runs the cases that name it on every change. */
export async function measureMutation(suite: Suite, ids: readonly string[]): Promise<readonly PolicyMutation[]> {
  const measured: PolicyMutation[] = [];
  for (const id of ids) measured.push(await mutate(suite, id));
  return measured;
}

async function mutate(suite: Suite, id: string): Promise<PolicyMutation> {
  const trials = trialsOf(suite, id);
  const code = await suite.subjects.code(id);
  let killed = 0;
  const survivors: Mutant[] = [];
  for (const mutant of await mutantsOfPolicy(suite, id, trials)) {
    // What is not part of the policy, such as a function of a shared module that it does not call, does not count.
    if (code !== null && (await suite.subjects.code(id, mutant))?.bundle === code.bundle) continue;
    const noticed = await isNoticed(suite, id, mutant, trials);
    if (noticed === true) killed += 1;
    else if (noticed === false) survivors.push(mutant);
  }
  const mutants = killed + survivors.length;
  return { policy: id, mutants, killed, survivors, score: scoreOf(killed, mutants) };
}

/** The mutants of a policy's file, and of the code that it imports. */
async function mutantsOfPolicy(suite: Suite, id: string, trials: readonly Trial[]): Promise<readonly Mutant[]> {
  const code = await suite.subjects.code(id);
  if (code !== null) return code.files.flatMap((file) => mutantsOf(file, []));
  const recorder = createRecorder(suite.cel);
  const compiled = await suite.subjects.compile(id, { with: trials[0]?.one.with ?? {}, cel: recorder.cel });
  if (compiled.ok) compiled.policy.dispose?.();
  return mutantsOf(
    suite.subjects.file(id)!,
    recorder.expressions().map(({ cel }) => cel),
  );
}

function trialsOf(suite: Suite, id: string): readonly Trial[] {
  return suite.files
    .filter(({ policies }) => policies.includes(id))
    .flatMap(({ policies, cases }) => {
      const others = policies.flatMap((other) => (other === id ? [] : (suite.loaded.get(other) ?? [])));
      return cases.map((one) => ({ one, others }));
    });
}

/** Whether a case comes otherwise with the mutant; `null` when the mutant is no policy. */
async function isNoticed(suite: Suite, id: string, mutant: Mutant, trials: readonly Trial[]): Promise<boolean | null> {
  const known = new Map<string, CompiledPolicy>();
  try {
    for (const { one, others } of trials) {
      const key = JSON.stringify(one.with);
      let policy = known.get(key);
      if (policy === undefined) {
        const compiled = await suite.subjects.compile(id, { with: one.with, change: mutant });
        if (!compiled.ok) return null;
        policy = compiled.policy;
        known.set(key, policy);
      }
      const subject = policy;
      const ran = endsWithin(longestCaseMs, () => mismatches(one.expect, runCase([...others, subject], one)));
      if (!ran.ended || ran.value.length > 0) return true;
    }
    return false;
  } finally {
    for (const policy of known.values()) policy.dispose?.();
  }
}
