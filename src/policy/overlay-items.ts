import { type Mode, modeRank } from "../core/decision.ts";
import {
  type BreakGlass,
  maxBreakGlassMs,
  type OverlayProblem,
  type ParamValue,
  type ParamValues,
  type PolicySetting,
} from "../core/overlay.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import { suggestion } from "../sdk/suggest.ts";
import type { CheckCode } from "./checks.ts";
import { valueProblem } from "./params.ts";
import type { ParamContent } from "./schema.ts";

/** What the parts of an overlay are called in problems. */
export const itemNames = {
  policy: (id: string) => `policy ${id}`,
  binding: (policy: string, application: string) => `binding of ${policy} to ${application}`,
  setting: (policy: string, application: string) =>
    application === "" ? `setting of ${policy}` : `setting of ${policy} for ${application}`,
  breakGlass: (id: string) => `break-glass ${id}`,
} as const;

/** Takes a problem with one part of an overlay. */
export type Note = (code: CheckCode, item: string, message: string) => void;

/** A collector of problems and what it collected. */
export function collectProblems(): { readonly problems: OverlayProblem[]; readonly note: Note } {
  const problems: OverlayProblem[] = [];
  return { problems, note: (code, item, message) => void problems.push({ code, item, message }) };
}

/**
 * The values that fit what a policy declares. A number outside of its bounds is brought to the nearer one, which is as
 * much of it as the policy allows; what does not fit otherwise is left out. Both are noted.
 */
export function fittingParams(
  values: ParamValues,
  declared: Readonly<Record<string, ParamContent>>,
  item: string,
  note: Note,
): ParamValues {
  const fitting: Record<string, ParamValue> = {};
  for (const [name, value] of Object.entries(values)) {
    const spec = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (spec === undefined) {
      const known = Object.keys(declared);
      const hint = known.length === 0 ? "; the policy declares none" : suggestion(name, known, "params");
      note("C061", item, `there is no param '${name}'${hint}`);
      continue;
    }
    if (spec.tunable !== true) {
      note("C061", item, `the param '${name}' may not be tuned: its policy does not say 'tunable: true'`);
      continue;
    }
    const problem = valueProblem(spec, value);
    if (problem !== null) note("C061", item, `the param '${name}': ${problem}${boundsOf(spec)}`);
    const nearest = problem === null ? value : within(spec, value);
    if (nearest !== undefined) fitting[name] = nearest;
  }
  return fitting;
}

function boundsOf({ min, max }: ParamContent): string {
  if (min === undefined && max === undefined) return "";
  if (max === undefined) return `; accepted: at least ${min}`;
  return min === undefined ? `; accepted: at most ${max}` : `; accepted: ${min} to ${max}`;
}

function within(spec: ParamContent, value: ParamValue): ParamValue | undefined {
  if (typeof value !== "number") return undefined;
  const nearest = Math.min(Math.max(value, spec.min ?? value), spec.max ?? value);
  return valueProblem(spec, nearest) === null ? nearest : undefined;
}

/** The mode that a setting asks for, if it is not looser than that of git's file; else `null`, noted. */
export function fittingMode(
  { policy, application, mode }: PolicySetting,
  said: Mode,
  ofGit: boolean,
  note: Note,
): Mode | null {
  if (mode === null || !ofGit || modeRank[mode] >= modeRank[said]) return mode;
  const accepted = (Object.keys(modeRank) as Mode[]).filter((other) => modeRank[other] >= modeRank[said]).sort();
  const message = `the mode ${mode} is looser than ${said}, which git says; accepted: ${accepted.join(", ")}`;
  note("C063", itemNames.setting(policy, application), message);
  return null;
}

/** Those that fit the policy; what does not is noted and has no effect. */
export function fittingBreakGlass(
  entries: readonly BreakGlass[],
  { id, rules }: Pick<CompiledPolicy, "id" | "rules">,
  note: Note,
): readonly BreakGlass[] {
  return entries.filter(({ id: entry, rule, createdAt, expiresAt }) => {
    const item = itemNames.breakGlass(entry);
    if (expiresAt - createdAt > maxBreakGlassMs) {
      note("C064", item, "it would last longer than 24 hours, the longest that a break-glass may");
      return false;
    }
    if (rule === "" || rules === undefined || rules.some((known) => known.id === rule)) return true;
    const known = rules.map((other) => other.id);
    note("C060", item, `the policy ${id} has no rule '${rule}'${suggestion(rule, known, "rules")}`);
    return false;
  });
}
