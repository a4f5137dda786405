import type { Status } from "../core/status.ts";
import { formatProblem } from "./problem.ts";
import type { PolicyStatus } from "./service.ts";

/** How the policies are, for people; the texts are empty when there is nothing to know. */
export interface DescribedStatus {
  readonly state: PolicyStatus["state"] | "pinned";
  readonly problem: string;
  /** As much of the problem as anyone may be told: where it is, but not what is written there, by whom, or why. */
  readonly outline: string;
}

/** Most problems of an outline. */
const maxOutlined = 20;

/** What is probably not meant in the live set, as a part of the status; none when there is nothing. It is no trouble. */
export function describeWarnings({ warnings }: Pick<PolicyStatus, "warnings">): Status["parts"] {
  if (warnings.length === 0) return [];
  return [{ name: "policies", state: "warnings", detail: warnings.map(formatProblem).join("\n") }];
}

/** Says how the policies are: what is wrong with them, what is live instead, and what is pinned. */
export function describeStatus(status: PolicyStatus): DescribedStatus {
  const { state, files, origin, problems, overlayProblems, pin, waiting } = status;
  const lines: string[] = problems.map(formatProblem);
  const outline = problems.map(({ file, line, column, code }) => `${file}:${line}:${column}  ${code}`);
  for (const { code, item, message } of overlayProblems) {
    lines.push(`${item}  ${code}  ${message}`);
    outline.push(`what the admin API keeps  ${code}`);
  }
  if (outline.length > maxOutlined) outline.splice(maxOutlined, Infinity, `and ${outline.length - maxOutlined} more`);
  if (problems.length > 0 && origin === "retained" && files !== pin?.revision) {
    const instead = `the policies folder cannot be used; the last good revision ${files} is live instead`;
    lines.push(instead);
    outline.push(instead);
  }
  if (pin !== null) {
    const since = new Date(pin.at).toISOString();
    const reason = pin.reason === "" ? "" : `: ${pin.reason}`;
    lines.push(`pinned to ${pin.revision} by ${pin.actor} since ${since}${reason}`);
    outline.push(`pinned to ${pin.revision} since ${since}`);
  }
  if (waiting !== null) {
    const waits = `the policies folder holds ${waiting}, which is in order and waits for the pin`;
    lines.push(waits);
    outline.push(waits);
  }
  return {
    state: state === "ready" && pin !== null ? "pinned" : state,
    problem: lines.join("\n"),
    outline: outline.join("\n"),
  };
}
