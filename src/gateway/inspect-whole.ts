import { AnswerLog, type PolicyFailed } from "../core/answer-log.ts";
import { type Decision, decide, joinFindings } from "../core/decision.ts";
import { CallGuards } from "../core/stream-calls.ts";
import { TextGuards } from "../core/stream-text.ts";
import type { JsonObject, WireFormat } from "../core/wire.ts";
import type { Call } from "./call.ts";
import { answeringPolicies } from "./inspect.ts";

/** What came of looking at a whole answer. */
export interface GuardedAnswer {
  /** Of phase response. */
  readonly decision: Decision;
  /** The answer as it goes out; `null` when it goes out as it came. */
  readonly body: string | null;
}

/**
 * Looks at an answer that came whole for what policies look for in texts and calls: what the same policies find in the
 * same words of a stream. `undefined` when none of them takes part.
 */
export function guardAnswer(
  call: Call,
  format: WireFormat,
  body: JsonObject,
  failed: PolicyFailed,
): GuardedAnswer | undefined {
  const policies = answeringPolicies(call);
  if (policies.length === 0 || format.editAnswer === undefined) return undefined;
  const log = new AnswerLog("response", call.facts!, failed);
  for (const policy of policies) log.asked(policy, "decided");
  const texts = new TextGuards(policies, log);
  const calls = new CallGuards(policies, texts, log);
  const editor = format.editAnswer(body);
  calls.see({ type: "", pieces: editor.pieces, closes: "all" });
  let changed = false;
  const written = editor.pieces.map((piece) => {
    if (piece.kind !== "tool_name" && piece.kind !== "tool_arguments") return texts.whole(piece, piece.text).out;
    const judged = calls.judge(piece, true);
    if (judged === "wait" || judged.does === "stand" || judged.does === "deny") return piece.text;
    if (judged.does === "strip") return null;
    return piece.kind === "tool_name" ? piece.text : judged.arguments;
  });
  for (const [i, text] of written.entries()) if (text !== editor.pieces[i]!.text) changed = true;
  texts.conclude();
  return { decision: log.decision(), body: changed ? editor.write(written) : null };
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
