import { AnswerLog, type PolicyFailed } from "./answer-log.ts";
import { type Decision, decide, joinFindings } from "./decision.ts";
import type { Facts } from "./facts.ts";
import type { Phase } from "./phases.ts";
import type { CompiledPolicy } from "./policy.ts";
import type { Piece } from "./stream.ts";
import { CallGuards } from "./stream-calls.ts";
import { TextGuards } from "./stream-text.ts";

/** What came of looking at pieces that are whole. */
export interface GuardedPieces {
  readonly decision: Decision;
  /** What goes out in place of each piece; `null` where its call is taken out. */
  readonly texts: readonly (string | null)[];
}

/** The policies whose guards concern a request; what fails to say so is noted in `log` and concerns nothing more. */
export function answeringPolicies(policies: readonly CompiledPolicy[], log: AnswerLog): readonly CompiledPolicy[] {
  return policies.filter((policy) => {
    if (policy.answer === undefined) return false;
    try {
      const concerned = policy.answers?.(log.facts) ?? true;
      log.asked(policy, concerned ? "decided" : "notApplicable");
      return concerned;
    } catch (error) {
      log.error(policy, error);
      return false;
    }
  });
}

/**
 * Looks at an answer that came whole for what policies look for in texts and calls: they find what they would have found
 * in the same words of a stream.
 *
 * @param pieces one for each channel
 */
export function guardPieces(
  policies: readonly CompiledPolicy[],
  phase: Phase,
  facts: Facts,
  pieces: readonly Piece[],
  failed: PolicyFailed,
): GuardedPieces {
  const log = new AnswerLog(phase, facts, failed);
  const answering = answeringPolicies(policies, log);
  const texts = new TextGuards(answering, log);
  const calls = new CallGuards(answering, texts, log);
  calls.see({ type: "", pieces, closes: "all" });
  const written = pieces.map((piece) => {
    if (piece.kind !== "tool_name" && piece.kind !== "tool_arguments") return texts.whole(piece, piece.text).out;
    const judged = calls.judge(piece, true);
    if (judged === "wait" || judged.does === "stand" || judged.does === "deny") return piece.text;
    if (judged.does === "strip") return null;
    return piece.kind === "tool_name" ? piece.text : judged.arguments;
  });
  texts.conclude();
  return { decision: log.decision(), texts: written };
}

/** Two decisions of one phase as one. */
export function joinDecisions(a: Decision, b: Decision): Decision {
  const tally = {
    decided: a.tally.decided + b.tally.decided,
    notApplicable: a.tally.notApplicable + b.tally.notApplicable,
    errors: a.tally.errors + b.tally.errors,
    additions: (a.tally.additions ?? 0) + (b.tally.additions ?? 0),
  };
  return decide(a.phase, joinFindings(a.findings, b.findings), tally);
}
