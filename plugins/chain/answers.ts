import type { AnswerGuard, CallGuard, CallVerdict, RuleHit } from "../../src/sdk/index.ts";
import type { Step } from "./steps.ts";

/** Says a step's hit in the chain's words. */
type Rename = (hit: RuleHit) => RuleHit;

/** What all steps look for in answers, with their hits under their labels; `undefined` when none does. */
export function joinAnswers(steps: readonly Step[], inOwnWords: Rename): AnswerGuard | undefined {
  const guards = steps.flatMap(({ label, policy }) => {
    if (policy.answer === undefined) return [];
    const rename: Rename = (hit) => {
      const own = { ...hit, rule: `${label}.${hit.rule}` };
      return hit.effect === "deny" ? inOwnWords(own) : own;
    };
    return [{ guard: policy.answer, rename }];
  });
  if (guards.length === 0) return undefined;
  const texts = guards.flatMap(({ guard, rename }) =>
    (guard.texts ?? []).map((text) => ({
      ...text,
      hit: (found: ReadonlyMap<string, number>) => rename(text.hit(found)),
    })),
  );
  const calls = guards.flatMap(({ guard, rename }) =>
    guard.calls === undefined ? [] : [renamedCalls(guard.calls, rename)],
  );
  return { ...(texts.length > 0 && { texts }), ...(calls.length > 0 && { calls: joinCalls(calls) }) };
}

function renamedCalls({ needsArguments, judge }: CallGuard, rename: Rename): CallGuard {
  return {
    needsArguments,
    judge(call) {
      const verdict = judge(call);
      return verdict === null ? null : { ...verdict, hit: rename(verdict.hit) };
    },
  };
}

/** Each step judges the arguments that the one before it leaves; a refusal is stronger than a call taken out, that than a rewritten one. */
function joinCalls(guards: readonly CallGuard[]): CallGuard {
  if (guards.length === 1) return guards[0]!;
  return {
    needsArguments: (name) => guards.some((guard) => guard.needsArguments(name)),
    judge({ name, arguments: written }) {
      let given = written;
      let rewritten: RuleHit | undefined;
      let stripped: CallVerdict = null;
      for (const guard of guards) {
        const verdict = guard.judge({ name, arguments: guard.needsArguments(name) ? given : "" });
        if (verdict === null) continue;
        if (verdict.then === "deny") return verdict;
        if (verdict.then === "strip") stripped ??= verdict;
        else {
          given = verdict.then.arguments;
          rewritten ??= verdict.hit;
        }
      }
      // biome-ignore lint/suspicious/noThenProperty: the contract's word; nothing awaits it
      return stripped ?? (rewritten === undefined ? null : { hit: rewritten, then: { arguments: given } });
    },
  };
}
