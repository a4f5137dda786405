/** A part of a condition, as the admin API gives it. */
interface Clause {
  readonly depth: number;
  readonly text: string;
  readonly value: string | null;
  readonly error?: string;
}

interface Rule {
  readonly rule: string;
  readonly effect: string;
  readonly outcome: string;
  readonly says?: "when" | "must";
  readonly clauses: readonly Clause[];
  readonly message?: string;
  readonly override?: string;
  readonly passes?: string;
}

interface Policy {
  readonly policy: string;
  readonly uses: string;
  readonly mode: string;
  readonly scope: Readonly<Record<string, unknown>>;
  readonly outcome: string;
  readonly gates: readonly (readonly Clause[])[];
  readonly variables: readonly { readonly name: string; readonly value: string | null; readonly error?: string }[];
  readonly rules: readonly Rule[];
  readonly note?: string;
}

/** What the admin API answers when it is asked to explain a decision. */
export interface Explanation {
  /** Of a recorded decision. */
  readonly decision_id?: string;
  readonly phase: string;
  readonly revision: string;
  readonly decision: string;
  readonly outcome: string;
  readonly code: string;
  readonly evaluated: { readonly decided: number; readonly not_applicable: number; readonly errors: number };
  readonly notes: readonly string[];
  readonly steps: readonly { readonly step: string; readonly model: string; readonly policies: readonly Policy[] }[];
  /** Of a recorded decision. */
  readonly differences?: readonly string[];
  readonly closing: string;
}

const outcomes: Readonly<Record<string, string>> = {
  decided: "decided",
  not_applicable: "not applicable",
  error: "failed",
  unknown: "unknown",
};

/** An explanation for people, line by line; the last line is the closing sentence. */
export function explanationLines(explanation: Explanation): readonly string[] {
  const { decision_id: id, phase, revision, decision, outcome, code, steps } = explanation;
  const { decided, not_applicable: skipped, errors } = explanation.evaluated;
  const counts = `${decided} decided, ${skipped} not applicable, ${errors} failed`;
  const about = steps.flatMap((step) => [...stepHead(step, steps.length), ...step.policies.flatMap(policyLines)]);
  const notes = explanation.notes.map((note) => `note: ${note}`);
  const differences = (explanation.differences ?? []).map((difference) => `differs: ${difference}`);
  return [
    ...(id === undefined ? [] : [`decision  ${id}`]),
    `result    ${decision}${code === "" ? "" : ` (${code})`}${outcome === "ok" ? "" : `, ${outcomes[outcome]}`}`,
    `phase     ${phase}: ${counts}`,
    `revision  ${revision}`,
    "",
    ...about,
    ...(notes.length + differences.length > 0 ? [...notes, ...differences, ""] : []),
    explanation.closing,
  ];
}

function stepHead({ step, model }: Explanation["steps"][number], steps: number): readonly string[] {
  if (steps === 1) return [];
  const what = { asked: "as it came", routed: "as it was routed", modified: "as it was modified" }[step] ?? step;
  return [`The request ${what}, for the model ${model}:`, ""];
}

function policyLines(policy: Policy): readonly string[] {
  const { gates, variables, rules, note } = policy;
  const mode = policy.mode === "enforce" ? "" : `, mode ${policy.mode}`;
  const uses = policy.uses === "rules" ? "" : `, uses ${policy.uses}`;
  return [
    `${policy.policy}: ${outcomes[policy.outcome] ?? policy.outcome}${mode}${uses}`,
    `  scope ${scopeText(policy.scope)}`,
    ...gates.flatMap((gate) => clauseLines("gate", gate)),
    ...variables.map(({ name, value, error }) => `  vars.${name} = ${shown(value, error)}`),
    ...rules.flatMap(ruleLines),
    ...(note === undefined ? [] : [`  note: ${note}`]),
    "",
  ];
}

function ruleLines({ rule, effect, outcome, says, clauses, ...rest }: Rule): readonly string[] {
  const { message, override, passes } = rest;
  const effectText = outcome === "fired" ? `: ${effect}` : ` (${effect})`;
  return [
    `  rule ${rule} ${outcome}${effectText}${override === undefined ? "" : `, without effect: ${override}`}`,
    ...clauseLines(says ?? "when", clauses).map((line) => `  ${line}`),
    ...(message === undefined ? [] : [`    says ${message}`]),
    ...(passes === undefined ? [] : [`    quiet with ${passes}`]),
  ];
}

function clauseLines(word: string, clauses: readonly Clause[]): readonly string[] {
  return clauses.map(({ depth, text, value, error }) => {
    const head = depth === 0 ? `${word} ` : " ".repeat(word.length + 1 + 2 * (depth - 1));
    return `  ${head}${text.replace(/\s+/g, " ")} = ${shown(value, error)}`;
  });
}

function shown(value: string | null, error?: string): string {
  return value === "" ? "(empty)" : (value ?? `(${error})`);
}

function scopeText(scope: Policy["scope"]): string {
  const { except, ...own } = scope;
  const parts = Object.entries(own).map(([key, value]) => `${key} ${wordsOf(value)}`);
  if (typeof except === "object" && except !== null) parts.push(`except ${scopeText(except as Policy["scope"])}`);
  return parts.length === 0 ? "every request" : parts.join(", ");
}

function wordsOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(" | ");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([name, text]) => `${name}=${String(text)}`)
    .join(" ");
}
