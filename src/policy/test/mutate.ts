import type { CompiledPolicy } from "../../core/policy.ts";
import type { TestCase } from "./cases.ts";
import { mismatches } from "./expect.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { createRecorder } from "./recorder.ts";
import { runCase } from "./run.ts";
import type { Suite } from "./suite.ts";

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
  const file = suite.subjects.file(id)!;
  const recorder = createRecorder(suite.cel);
  const compiled = await suite.subjects.compile(id, { with: trials[0]?.one.with ?? {}, cel: recorder.cel });
  if (compiled.ok) compiled.policy.dispose?.();
  const expressions = recorder.expressions().map(({ cel }) => cel);
  let killed = 0;
  const survivors: Mutant[] = [];
  for (const mutant of mutantsOf(file, expressions)) {
    const noticed = await isNoticed(suite, id, mutant, trials);
    if (noticed === true) killed += 1;
    else if (noticed === false) survivors.push(mutant);
  }
  const mutants = killed + survivors.length;
  const score = mutants === 0 ? 100 : Math.floor((1000 * killed) / mutants) / 10;
  return { policy: id, mutants, killed, survivors, score };
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
        const compiled = await suite.subjects.compile(id, { with: one.with, text: mutant.text });
        if (!compiled.ok) return null;
        policy = compiled.policy;
        known.set(key, policy);
      }
      if (mismatches(one.expect, runCase([...others, policy], one)).length > 0) return true;
    }
    return false;
  } finally {
    for (const policy of known.values()) policy.dispose?.();
  }
}
