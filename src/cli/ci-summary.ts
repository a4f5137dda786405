/** What one step of `sluice ci` came to. */
export interface StepResult {
  readonly step: "check" | "fmt" | "test" | "bench" | "diff";
  /** Exit code of the step; `null` when it was not run. */
  readonly code: number | null;
  /** One line. */
  readonly summary: string;
  /** What is to be read when it matters: as the step would print it. */
  readonly details?: string;
}

/** Exit codes, what is most fundamental first: of several failed steps that one is told. */
const order = [1, 2, 3, 4, 5, 6];

/** The exit code of all steps together. */
export function worstCode(steps: readonly StepResult[]): number {
  const codes = steps.flatMap(({ code }) => (code === null || code === 0 ? [] : [code]));
  return order.find((code) => codes.includes(code)) ?? codes[0] ?? 0;
}

/** All steps as one Markdown text, as it stands in a pull request. */
export function markdownSummary(steps: readonly StepResult[]): string {
  const failed = steps.filter(({ code }) => code !== null && code !== 0);
  const title =
    failed.length === 0 ? "Policies: all in order" : `Policies: ${failed.map(({ step }) => step).join(", ")} failed`;
  const rows = steps.map(({ step, code, summary }) => {
    const result = code === null ? "not run" : code === 0 ? "ok" : `**failed** (${code})`;
    return `| ${step} | ${result} | ${cell(summary)} |`;
  });
  const sections = steps.flatMap(({ step, code, details }) => {
    if (details === undefined || details.trim() === "") return [];
    // What failed is open, and so is what every review wants to see.
    const open = code !== 0 || step === "diff" ? " open" : "";
    return ["", `<details${open}><summary>${step}</summary>`, "", fenced(details), "", "</details>"];
  });
  return [`## ${title}`, "", "| step | result | |", "| --- | --- | --- |", ...rows, ...sections, ""].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** A fence longer than any in the text, which may quote what policies say. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text.trimEnd()}\n${fence}`;
}
