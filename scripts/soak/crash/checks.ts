import { type CrashPlan, type CrashResult, mostReserved } from "./run.ts";

/** Places are looked at once a heartbeat, and the machine may be busy. */
const patienceMs = 5_000;
/** How long a row may wait to be stored: its batch's quarter of a second at most, and what storing takes on a busy machine. */
const mostWaitMs = 2_000;

/** What must hold of every crash, and whether it does. */
export function checksOf(plan: CrashPlan, result: CrashResult): readonly (readonly [what: string, ok: boolean])[] {
  const { heldAfter, heldByOthers, returnedAfter, refusedBefore, admittedAfter, others, othersFailed } = result;
  const { acknowledged, acknowledgedLost, laterLost, oldestLost, answered, counted, integrity, restarted } = result;
  // What the killed replica had under way is not known to have been used, and stays taken.
  const open = plan.clients;
  const requests = counted.requests - answered.requests;
  const tokens = counted.tokens - answered.tokens;
  return [
    ["all places are taken before", refusedBefore === 429],
    ["the places return by their lease", returnedAfter < plan.holdSeconds * 1000 + patienceMs && admittedAfter === 200],
    [`those of living replicas stay: ${heldAfter} of ${heldByOthers}`, heldAfter === heldByOthers],
    [`the others go on: ${othersFailed} of ${others} failed`, others > 0 && othersFailed === 0],
    [`none of ${acknowledged} acknowledged rows is lost: ${acknowledgedLost}`, acknowledgedLost === 0],
    ["others are lost only of the last moments", laterLost === 0 || oldestLost < mostWaitMs],
    [
      `requests are neither lost nor doubled: ${requests} more counted than answered`,
      requests >= 0 && requests <= open,
    ],
    [`nor are tokens: ${tokens} more`, tokens >= 0 && tokens <= open * 2 * mostReserved],
    [`the database is whole: ${integrity.join(", ")}`, integrity.every((said) => said === "ok")],
    [`started again, it serves: ${restarted.join(", ")}`, restarted.every((status) => status === 200)],
  ];
}
